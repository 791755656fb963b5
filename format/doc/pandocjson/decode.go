package pandocjson

import "github.com/crank-platform/crank/format/doc"

func (p *parser) blocks(v any) []doc.Block {
	l := p.list(v)
	out := make([]doc.Block, 0, len(l))
	for _, x := range l {
		if p.err != nil || !p.m.Enter() {
			return out
		}
		if b := p.block(x); b != nil {
			out = append(out, b)
		}
		p.m.Leave()
	}
	return out
}

func (p *parser) inlines(v any) []doc.Inline {
	l := p.list(v)
	out := make([]doc.Inline, 0, len(l))
	for _, x := range l {
		if p.err != nil || !p.m.Enter() {
			return out
		}
		if i := p.inline(x); i != nil {
			out = append(out, i)
		}
		p.m.Leave()
	}
	return out
}

func (p *parser) items(v any) [][]doc.Block {
	var out [][]doc.Block
	for _, x := range p.list(v) {
		out = append(out, p.blocks(x))
	}
	return out
}

func (p *parser) block(v any) doc.Block {
	t, c := p.tag(v)
	switch t {
	case "Plain":
		return doc.Plain{Inlines: p.inlines(c)}
	case "Para":
		return doc.Para{Inlines: p.inlines(c)}
	case "LineBlock":
		var b doc.LineBlock
		for _, l := range p.list(c) {
			b.Lines = append(b.Lines, p.inlines(l))
		}
		return b
	case "CodeBlock":
		x := p.tuple(c, 2)
		return doc.CodeBlock{Attr: p.attr(x[0]), Text: p.str(x[1])}
	case "RawBlock":
		x := p.tuple(c, 2)
		return doc.RawBlock{Format: p.str(x[0]), Text: p.str(x[1])}
	case "BlockQuote":
		return doc.BlockQuote{Blocks: p.blocks(c)}
	case "OrderedList":
		x := p.tuple(c, 2)
		a := p.tuple(x[0], 3)
		return doc.OrderedList{Start: p.num(a[0]), Style: doc.ListStyle(p.enum(a[1], "DefaultStyle")),
			Delim: doc.ListDelim(p.enum(a[2], "DefaultDelim")), Items: p.items(x[1])}
	case "BulletList":
		return doc.BulletList{Items: p.items(c)}
	case "DefinitionList":
		var b doc.DefinitionList
		for _, d := range p.list(c) {
			x := p.tuple(d, 2)
			b.Items = append(b.Items, doc.Definition{Term: p.inlines(x[0]), Definitions: p.items(x[1])})
		}
		return b
	case "Header":
		x := p.tuple(c, 3)
		return doc.Header{Level: p.num(x[0]), Attr: p.attr(x[1]), Inlines: p.inlines(x[2])}
	case "HorizontalRule":
		return doc.HorizontalRule{}
	case "Table":
		return p.table(p.tuple(c, 6))
	case "Figure":
		x := p.tuple(c, 3)
		return doc.Figure{Attr: p.attr(x[0]), Caption: p.caption(x[1]), Blocks: p.blocks(x[2])}
	case "Div":
		x := p.tuple(c, 2)
		return doc.Div{Attr: p.attr(x[0]), Blocks: p.blocks(x[1])}
	case "Null": // pandoc-types before 1.23
		return nil
	}
	p.fail("unknown block %q", t)
	return nil
}

func (p *parser) caption(v any) doc.Caption {
	x := p.tuple(v, 2)
	var c doc.Caption
	if x[0] != nil {
		c.Short = p.inlines(x[0])
	}
	c.Blocks = p.blocks(x[1])
	return c
}

func (p *parser) table(x []any) doc.Table {
	t := doc.Table{Attr: p.attr(x[0]), Caption: p.caption(x[1])}
	for _, c := range p.list(x[2]) {
		y := p.tuple(c, 2)
		col := doc.Column{Align: doc.Alignment(p.enum(y[0], "AlignDefault"))}
		if kind, w := p.tag(y[1]); kind == "ColWidth" {
			f, ok := w.(float64)
			if !ok {
				p.fail("ColWidth holds no number")
			}
			col.Width = f
		}
		t.Columns = append(t.Columns, col)
	}
	t.Head = p.section(x[3])
	for _, b := range p.list(x[4]) {
		y := p.tuple(b, 4)
		t.Bodies = append(t.Bodies, doc.Body{Attr: p.attr(y[0]), RowHeads: p.num(y[1]), Head: p.rows(y[2]), Rows: p.rows(y[3])})
	}
	t.Foot = p.section(x[5])
	return t
}

func (p *parser) section(v any) doc.Rows {
	x := p.tuple(v, 2)
	return doc.Rows{Attr: p.attr(x[0]), Rows: p.rows(x[1])}
}

func (p *parser) rows(v any) []doc.Row {
	var out []doc.Row
	for _, r := range p.list(v) {
		x := p.tuple(r, 2)
		row := doc.Row{Attr: p.attr(x[0])}
		for _, c := range p.list(x[1]) {
			y := p.tuple(c, 5)
			row.Cells = append(row.Cells, doc.Cell{Attr: p.attr(y[0]), Align: doc.Alignment(p.enum(y[1], "AlignDefault")),
				RowSpan: p.num(y[2]), ColSpan: p.num(y[3]), Blocks: p.blocks(y[4])})
		}
		out = append(out, row)
	}
	return out
}

func (p *parser) inline(v any) doc.Inline {
	t, c := p.tag(v)
	switch t {
	case "Str":
		return doc.Str{Text: p.str(c)}
	case "Emph":
		return doc.Emph{Inlines: p.inlines(c)}
	case "Strong":
		return doc.Strong{Inlines: p.inlines(c)}
	case "Underline":
		return doc.Underline{Inlines: p.inlines(c)}
	case "Strikeout":
		return doc.Strikeout{Inlines: p.inlines(c)}
	case "Superscript":
		return doc.Superscript{Inlines: p.inlines(c)}
	case "Subscript":
		return doc.Subscript{Inlines: p.inlines(c)}
	case "SmallCaps":
		return doc.SmallCaps{Inlines: p.inlines(c)}
	case "Quoted":
		x := p.tuple(c, 2)
		return doc.Quoted{Single: p.enum(x[0], "DoubleQuote") == "SingleQuote", Inlines: p.inlines(x[1])}
	case "Cite":
		x := p.tuple(c, 2)
		var cites []doc.Citation
		for _, y := range p.list(x[0]) {
			cites = append(cites, p.citation(y))
		}
		return doc.Cite{Citations: cites, Inlines: p.inlines(x[1])}
	case "Code":
		x := p.tuple(c, 2)
		return doc.Code{Attr: p.attr(x[0]), Text: p.str(x[1])}
	case "Space":
		return doc.Space{}
	case "SoftBreak":
		return doc.SoftBreak{}
	case "LineBreak":
		return doc.LineBreak{}
	case "Math":
		x := p.tuple(c, 2)
		return doc.Math{Display: p.enum(x[0], "InlineMath") == "DisplayMath", Text: p.str(x[1])}
	case "RawInline":
		x := p.tuple(c, 2)
		return doc.RawInline{Format: p.str(x[0]), Text: p.str(x[1])}
	case "Link":
		x := p.tuple(c, 3)
		to := p.tuple(x[2], 2)
		return doc.Link{Attr: p.attr(x[0]), Inlines: p.inlines(x[1]), Target: p.str(to[0]), Title: p.str(to[1])}
	case "Image":
		x := p.tuple(c, 3)
		to := p.tuple(x[2], 2)
		return doc.Image{Attr: p.attr(x[0]), Inlines: p.inlines(x[1]), Target: p.str(to[0]), Title: p.str(to[1])}
	case "Note":
		return doc.Note{Blocks: p.blocks(c)}
	case "Span":
		x := p.tuple(c, 2)
		return doc.Span{Attr: p.attr(x[0]), Inlines: p.inlines(x[1])}
	}
	p.fail("unknown inline %q", t)
	return nil
}

func (p *parser) citation(v any) doc.Citation {
	m, ok := v.(map[string]any)
	if !ok {
		p.fail("a citation was expected, not %T", v)
		return doc.Citation{}
	}
	return doc.Citation{ID: p.str(m["citationId"]), Prefix: p.inlines(m["citationPrefix"]), Suffix: p.inlines(m["citationSuffix"]),
		Mode: p.enum(m["citationMode"], "NormalCitation"), NoteNum: p.num(m["citationNoteNum"]), Hash: p.num(m["citationHash"])}
}
