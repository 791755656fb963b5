package html

import (
	"strconv"

	"github.com/crank-platform/crank/format/doc"
)

func (p *writer) inlines(is []doc.Inline) {
	for _, i := range is {
		p.inline(i)
	}
}

func (p *writer) wrap(tag string, is []doc.Inline) {
	p.s("<" + tag + ">")
	p.inlines(is)
	p.s("</" + tag + ">")
}

func (p *writer) inline(i doc.Inline) {
	switch i := i.(type) {
	case doc.Str:
		p.esc(i.Text)
	case doc.Space:
		p.s(" ")
	case doc.SoftBreak:
		p.s("\n")
	case doc.LineBreak:
		p.s("<br>\n")
	case doc.Emph:
		p.wrap("em", i.Inlines)
	case doc.Strong:
		p.wrap("strong", i.Inlines)
	case doc.Underline:
		p.wrap("u", i.Inlines)
	case doc.Strikeout:
		p.wrap("del", i.Inlines)
	case doc.Superscript:
		p.wrap("sup", i.Inlines)
	case doc.Subscript:
		p.wrap("sub", i.Inlines)
	case doc.SmallCaps:
		p.s(`<span class="smallcaps">`)
		p.inlines(i.Inlines)
		p.s("</span>")
	case doc.Quoted:
		open, end := doc.Quotes(i.Single)
		p.s(open)
		p.inlines(i.Inlines)
		p.s(end)
	case doc.Cite:
		p.s(`<span class="citation">`)
		p.inlines(i.Inlines)
		p.s("</span>")
	case doc.Code:
		p.open("code", i.Attr)
		p.esc(i.Text)
		p.s("</code>")
	case doc.Math:
		if i.Display {
			p.s(`<span class="math display">\[`)
			p.esc(i.Text)
			p.s(`\]</span>`)
		} else {
			p.s(`<span class="math inline">\(`)
			p.esc(i.Text)
			p.s(`\)</span>`)
		}
	case doc.RawInline:
		if i.Format == "html" && !p.o.DropRaw {
			p.s(i.Text)
		} else {
			p.losses.Add("raw", "raw content of another format, or raw HTML that was not wanted, was left out")
		}
	case doc.Link:
		p.s("<a")
		p.set("href", p.link(i.Target))
		p.attr(i.Attr)
		if i.Title != "" {
			p.set("title", i.Title)
		}
		p.s(">")
		p.inlines(i.Inlines)
		p.s("</a>")
	case doc.Image:
		p.s("<img")
		p.set("src", p.source(i.Target))
		p.set("alt", doc.PlainText(i.Inlines))
		p.attr(i.Attr)
		if i.Title != "" {
			p.set("title", i.Title)
		}
		p.s(">")
	case doc.Note:
		p.notes = append(p.notes, i.Blocks)
		n := strconv.Itoa(len(p.notes))
		p.s(`<sup class="footnote-ref"><a href="#fn` + n + `" id="fnref` + n + `" role="doc-noteref">` + n + `</a></sup>`)
	case doc.Span:
		p.open("span", i.Attr)
		p.inlines(i.Inlines)
		p.s("</span>")
	}
}
