package html

import (
	"strconv"

	"github.com/crank-platform/crank/format/doc"
)

func (p *writer) blocks(bs []doc.Block) {
	for _, b := range bs {
		p.block(b)
	}
}

func (p *writer) open(tag string, a doc.Attr) {
	p.s("<" + tag)
	p.attr(a)
	p.s(">")
}

func (p *writer) block(b doc.Block) {
	switch b := b.(type) {
	case doc.Plain:
		p.inlines(b.Inlines)
		p.s("\n")
	case doc.Para:
		if len(b.Inlines) == 0 {
			return
		}
		p.s("<p>")
		p.inlines(b.Inlines)
		p.s("</p>\n")
	case doc.LineBlock:
		p.s("<div class=\"line-block\">")
		for i, l := range b.Lines {
			if i > 0 {
				p.s("<br>\n")
			}
			p.inlines(l)
		}
		p.s("</div>\n")
	case doc.CodeBlock:
		p.code(b)
	case doc.RawBlock:
		if b.Format == "html" && !p.o.DropRaw {
			p.s(b.Text + "\n")
		} else {
			p.losses.Add("raw", "raw content of another format, or raw HTML that was not wanted, was left out")
		}
	case doc.BlockQuote:
		p.s("<blockquote>\n")
		p.blocks(b.Blocks)
		p.s("</blockquote>\n")
	case doc.OrderedList:
		p.ordered(b)
	case doc.BulletList:
		p.s("<ul>\n")
		p.items(b.Items)
		p.s("</ul>\n")
	case doc.DefinitionList:
		p.s("<dl>\n")
		for _, it := range b.Items {
			p.s("<dt>")
			p.inlines(it.Term)
			p.s("</dt>\n")
			for _, d := range it.Definitions {
				p.s("<dd>")
				p.blocks(d)
				p.s("</dd>\n")
			}
		}
		p.s("</dl>\n")
	case doc.Header:
		tag := "h" + strconv.Itoa(min(max(b.Level, 1), 6))
		if b.Level > 6 {
			p.losses.Add("heading-level", "HTML has no heading below level 6")
		}
		p.open(tag, b.Attr)
		p.inlines(b.Inlines)
		p.s("</" + tag + ">\n")
	case doc.HorizontalRule:
		p.s("<hr>\n")
	case doc.Table:
		p.table(b)
	case doc.Figure:
		p.open("figure", b.Attr)
		p.s("\n")
		p.blocks(b.Blocks)
		if len(b.Caption.Blocks) > 0 {
			p.s("<figcaption>")
			p.blocks(b.Caption.Blocks)
			p.s("</figcaption>\n")
		}
		p.s("</figure>\n")
	case doc.Div:
		p.open("div", b.Attr)
		p.s("\n")
		p.blocks(b.Blocks)
		p.s("</div>\n")
	}
}

func (p *writer) code(b doc.CodeBlock) {
	outer, lang := b.Attr, ""
	if len(outer.Classes) > 0 {
		lang, outer.Classes = outer.Classes[0], outer.Classes[1:]
	}
	p.open("pre", outer)
	p.s("<code")
	if lang != "" {
		p.set("class", "language-"+lang)
	}
	p.s(">")
	p.esc(b.Text)
	if b.Text != "" {
		p.s("\n")
	}
	p.s("</code></pre>\n")
}

func (p *writer) ordered(b doc.OrderedList) {
	p.s("<ol")
	if b.Start != 1 {
		p.set("start", strconv.Itoa(b.Start))
	}
	switch b.Style {
	case doc.LowerAlpha:
		p.set("type", "a")
	case doc.UpperAlpha:
		p.set("type", "A")
	case doc.LowerRoman:
		p.set("type", "i")
	case doc.UpperRoman:
		p.set("type", "I")
	}
	p.s(">\n")
	p.items(b.Items)
	p.s("</ol>\n")
}

func (p *writer) items(items [][]doc.Block) {
	for _, it := range items {
		p.s("<li>")
		for i, b := range it {
			if t, ok := b.(doc.Plain); ok {
				p.inlines(t.Inlines)
				if i < len(it)-1 {
					p.s("\n")
				}
				continue
			}
			if i == 0 {
				p.s("\n")
			}
			p.block(b)
		}
		p.s("</li>\n")
	}
}

func (p *writer) table(t doc.Table) {
	p.open("table", t.Attr)
	p.s("\n")
	if len(t.Caption.Blocks) > 0 {
		p.s("<caption>")
		p.blocks(t.Caption.Blocks)
		p.s("</caption>\n")
	}
	p.columns(t.Columns)
	p.section("thead", t.Columns, t.Head.Rows, -1)
	for _, b := range t.Bodies {
		if len(b.Head)+len(b.Rows) == 0 {
			continue
		}
		p.s("<tbody>\n")
		p.rows(t.Columns, b.Head, -1)
		p.rows(t.Columns, b.Rows, b.RowHeads)
		p.s("</tbody>\n")
	}
	p.section("tfoot", t.Columns, t.Foot.Rows, 0)
	p.s("</table>\n")
}

func (p *writer) columns(cs []doc.Column) {
	wide := false
	for _, c := range cs {
		wide = wide || c.Width > 0
	}
	if !wide {
		return
	}
	p.s("<colgroup>\n")
	for _, c := range cs {
		p.s(`<col style="width: ` + strconv.Itoa(int(c.Width*100+0.5)) + `%">` + "\n")
	}
	p.s("</colgroup>\n")
}

func (p *writer) section(tag string, cs []doc.Column, rows []doc.Row, heads int) {
	if len(rows) == 0 {
		return
	}
	p.s("<" + tag + ">\n")
	p.rows(cs, rows, heads)
	p.s("</" + tag + ">\n")
}

// rows writes rows whose first heads columns are header cells; -1 means all.
func (p *writer) rows(cs []doc.Column, rows []doc.Row, heads int) {
	covered := map[int]int{} // column -> rows below that a span still covers
	for _, r := range rows {
		p.open("tr", r.Attr)
		p.s("\n")
		col := 0
		for _, c := range r.Cells {
			for covered[col] > 0 {
				covered[col]--
				col++
			}
			tag := "td"
			if heads < 0 || col < heads {
				tag = "th"
			}
			p.cell(tag, cs, col, c)
			for range max(c.ColSpan, 1) {
				if c.RowSpan > 1 {
					covered[col] = c.RowSpan - 1
				}
				if col++; col > 1<<14 {
					break
				}
			}
		}
		for covered[col] > 0 {
			covered[col]--
			col++
		}
		p.s("</tr>\n")
	}
}

func (p *writer) cell(tag string, cs []doc.Column, col int, c doc.Cell) {
	p.s("<" + tag)
	p.attr(c.Attr)
	if c.ColSpan > 1 {
		p.set("colspan", strconv.Itoa(c.ColSpan))
	}
	if c.RowSpan > 1 {
		p.set("rowspan", strconv.Itoa(c.RowSpan))
	}
	align := c.Align
	if align == "" && col < len(cs) {
		align = cs[col].Align
	}
	switch align {
	case doc.AlignLeft:
		p.set("style", "text-align: left;")
	case doc.AlignRight:
		p.set("style", "text-align: right;")
	case doc.AlignCenter:
		p.set("style", "text-align: center;")
	}
	p.s(">")
	if t, ok := plainOnly(c.Blocks); ok {
		p.inlines(t)
	} else {
		p.blocks(c.Blocks)
	}
	p.s("</" + tag + ">\n")
}

// plainOnly is the text of a cell that holds one Plain or nothing.
func plainOnly(bs []doc.Block) ([]doc.Inline, bool) {
	if len(bs) == 0 {
		return nil, true
	}
	t, ok := bs[0].(doc.Plain)
	return t.Inlines, ok && len(bs) == 1
}
