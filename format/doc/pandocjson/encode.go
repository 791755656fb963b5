package pandocjson

import (
	"strconv"

	"github.com/crank-platform/crank/format/doc"
)

func (e *encoder) blocks(bs []doc.Block) { list(e, bs, e.block) }

func (e *encoder) inlines(is []doc.Inline) { list(e, is, e.inline) }

func (e *encoder) items(xs [][]doc.Block) { list(e, xs, e.blocks) }

func (e *encoder) block(b doc.Block) {
	switch b := b.(type) {
	case doc.Plain:
		e.tag("Plain")
		e.inlines(b.Inlines)
	case doc.Para:
		e.tag("Para")
		e.inlines(b.Inlines)
	case doc.LineBlock:
		e.tag("LineBlock")
		list(e, b.Lines, e.inlines)
	case doc.CodeBlock:
		e.tag("CodeBlock")
		e.attrText(b.Attr, b.Text)
	case doc.RawBlock:
		e.tag("RawBlock")
		e.pair(b.Format, b.Text)
	case doc.BlockQuote:
		e.tag("BlockQuote")
		e.blocks(b.Blocks)
	case doc.OrderedList:
		e.tag("OrderedList")
		e.raw("[[")
		e.num(b.Start)
		e.raw(",")
		e.bare(string(b.Style), "DefaultStyle")
		e.raw(",")
		e.bare(string(b.Delim), "DefaultDelim")
		e.raw("],")
		e.items(b.Items)
		e.raw("]")
	case doc.BulletList:
		e.tag("BulletList")
		e.items(b.Items)
	case doc.DefinitionList:
		e.tag("DefinitionList")
		list(e, b.Items, func(d doc.Definition) {
			e.raw("[")
			e.inlines(d.Term)
			e.raw(",")
			e.items(d.Definitions)
			e.raw("]")
		})
	case doc.Header:
		e.tag("Header")
		e.raw("[")
		e.num(b.Level)
		e.raw(",")
		e.attr(b.Attr)
		e.raw(",")
		e.inlines(b.Inlines)
		e.raw("]")
	case doc.Table:
		e.tag("Table")
		e.table(b)
	case doc.Figure:
		e.tag("Figure")
		e.raw("[")
		e.attr(b.Attr)
		e.raw(",")
		e.caption(b.Caption)
		e.raw(",")
		e.blocks(b.Blocks)
		e.raw("]")
	case doc.Div:
		e.tag("Div")
		e.raw("[")
		e.attr(b.Attr)
		e.raw(",")
		e.blocks(b.Blocks)
		e.raw("]")
	default: // HorizontalRule, the only block without content
		e.bare("HorizontalRule", "")
		return
	}
	e.end()
}

func (e *encoder) pair(a, b string) {
	e.raw("[")
	e.str(a)
	e.raw(",")
	e.str(b)
	e.raw("]")
}

func (e *encoder) attrText(a doc.Attr, s string) {
	e.raw("[")
	e.attr(a)
	e.raw(",")
	e.str(s)
	e.raw("]")
}

func (e *encoder) caption(c doc.Caption) {
	e.raw("[")
	if c.Short == nil {
		e.raw("null")
	} else {
		e.inlines(c.Short)
	}
	e.raw(",")
	e.blocks(c.Blocks)
	e.raw("]")
}

func (e *encoder) table(t doc.Table) {
	e.raw("[")
	e.attr(t.Attr)
	e.raw(",")
	e.caption(t.Caption)
	e.raw(",")
	list(e, t.Columns, func(c doc.Column) {
		e.raw("[")
		e.bare(string(c.Align), "AlignDefault")
		if c.Width > 0 {
			e.raw(`,{"t":"ColWidth","c":`)
			e.b = strconv.AppendFloat(e.b, c.Width, 'g', -1, 64)
			e.raw(`}]`)
		} else {
			e.raw(`,{"t":"ColWidthDefault"}]`)
		}
	})
	e.raw(",")
	e.section(t.Head)
	e.raw(",")
	list(e, t.Bodies, func(b doc.Body) {
		e.raw("[")
		e.attr(b.Attr)
		e.raw(",")
		e.num(b.RowHeads)
		e.raw(",")
		list(e, b.Head, e.row)
		e.raw(",")
		list(e, b.Rows, e.row)
		e.raw("]")
	})
	e.raw(",")
	e.section(t.Foot)
	e.raw("]")
}

func (e *encoder) section(s doc.Rows) {
	e.raw("[")
	e.attr(s.Attr)
	e.raw(",")
	list(e, s.Rows, e.row)
	e.raw("]")
}

func (e *encoder) row(r doc.Row) {
	e.raw("[")
	e.attr(r.Attr)
	e.raw(",")
	list(e, r.Cells, func(c doc.Cell) {
		e.raw("[")
		e.attr(c.Attr)
		e.raw(",")
		e.bare(string(c.Align), "AlignDefault")
		e.raw(",")
		e.num(max(c.RowSpan, 1))
		e.raw(",")
		e.num(max(c.ColSpan, 1))
		e.raw(",")
		e.blocks(c.Blocks)
		e.raw("]")
	})
	e.raw("]")
}

func (e *encoder) wrap(tag string, is []doc.Inline) {
	e.tag(tag)
	e.inlines(is)
}

func (e *encoder) inline(i doc.Inline) {
	switch i := i.(type) {
	case doc.Str:
		e.tag("Str")
		e.str(i.Text)
	case doc.Emph:
		e.wrap("Emph", i.Inlines)
	case doc.Strong:
		e.wrap("Strong", i.Inlines)
	case doc.Underline:
		e.wrap("Underline", i.Inlines)
	case doc.Strikeout:
		e.wrap("Strikeout", i.Inlines)
	case doc.Superscript:
		e.wrap("Superscript", i.Inlines)
	case doc.Subscript:
		e.wrap("Subscript", i.Inlines)
	case doc.SmallCaps:
		e.wrap("SmallCaps", i.Inlines)
	case doc.Quoted:
		kind := "DoubleQuote"
		if i.Single {
			kind = "SingleQuote"
		}
		e.raw(`{"t":"Quoted","c":[{"t":"` + kind + `"},`)
		e.inlines(i.Inlines)
		e.raw("]")
	case doc.Cite:
		e.tag("Cite")
		e.raw("[")
		list(e, i.Citations, e.citation)
		e.raw(",")
		e.inlines(i.Inlines)
		e.raw("]")
	case doc.Code:
		e.tag("Code")
		e.attrText(i.Attr, i.Text)
	case doc.Math:
		kind := "InlineMath"
		if i.Display {
			kind = "DisplayMath"
		}
		e.raw(`{"t":"Math","c":[{"t":"` + kind + `"},`)
		e.str(i.Text)
		e.raw("]")
	case doc.RawInline:
		e.tag("RawInline")
		e.pair(i.Format, i.Text)
	case doc.Link:
		e.tag("Link")
		e.target(i.Attr, i.Inlines, i.Target, i.Title)
	case doc.Image:
		e.tag("Image")
		e.target(i.Attr, i.Inlines, i.Target, i.Title)
	case doc.Note:
		e.tag("Note")
		e.blocks(i.Blocks)
	case doc.Span:
		e.tag("Span")
		e.raw("[")
		e.attr(i.Attr)
		e.raw(",")
		e.inlines(i.Inlines)
		e.raw("]")
	case doc.SoftBreak:
		e.bare("SoftBreak", "")
		return
	case doc.LineBreak:
		e.bare("LineBreak", "")
		return
	default: // Space
		e.bare("Space", "")
		return
	}
	e.end()
}

func (e *encoder) target(a doc.Attr, is []doc.Inline, url, title string) {
	e.raw("[")
	e.attr(a)
	e.raw(",")
	e.inlines(is)
	e.raw(",")
	e.pair(url, title)
	e.raw("]")
}

func (e *encoder) citation(c doc.Citation) {
	e.raw(`{"citationId":`)
	e.str(c.ID)
	e.raw(`,"citationPrefix":`)
	e.inlines(c.Prefix)
	e.raw(`,"citationSuffix":`)
	e.inlines(c.Suffix)
	e.raw(`,"citationMode":`)
	e.bare(c.Mode, "NormalCitation")
	e.raw(`,"citationNoteNum":`)
	e.num(c.NoteNum)
	e.raw(`,"citationHash":`)
	e.num(c.Hash)
	e.raw("}")
}
