package docx

import (
	"github.com/crank-platform/crank/format/doc"
	"github.com/crank-platform/crank/format/doc/internal/opc"
)

// joinStr puts a drop cap before its paragraph as one word.
func joinStr(a, b []doc.Inline) []doc.Inline {
	if len(b) > 0 {
		x, ok := a[len(a)-1].(doc.Str)
		y, both := b[0].(doc.Str)
		if ok && both {
			a, b = append(a[:len(a)-1:len(a)-1], doc.Str{Text: x.Text + y.Text}), b[1:]
		}
	}
	return append(a, b...)
}

func (b *builder) paragraph(n *opc.Node) {
	r := b.r
	ppr := n.Kid("w:pPr")
	id := ppr.Kid("w:pStyle").Get("w:val")
	if id == "" {
		id = r.styles.normal
	}
	c := chain(r.styles.par, id)
	isCode := named(c, "sourcecode", "htmlpreformatted", "preformattedtext")

	outer := r.boxes
	r.boxes = nil
	s := &sink{}
	r.runs(n.Kids, s)
	for _, f := range r.fields { // a field that goes on cannot become a link
		f.sink = nil
	}
	boxes := r.boxes
	r.boxes = outer
	for _, box := range boxes {
		b.addAll(box.Kids)
	}
	if isCode {
		b.push(entry{block: doc.CodeBlock{Text: s.verbatim()}})
		return
	}
	is := trimSpace(s.inlines())

	if ppr.Kid("w:framePr").Get("w:dropCap") != "" && ppr.Kid("w:framePr").Get("w:dropCap") != "none" {
		r.dropCap = append(r.dropCap, is...)
		return
	}
	if ppr.Path("w:rPr", "w:del") != nil { // the paragraph's mark is deleted: it runs on
		r.carried = append(append(r.carried, is...), doc.Space{})
		return
	}
	if len(r.carried) > 0 {
		is, r.carried = append(r.carried, is...), nil
	}
	if len(r.dropCap) > 0 {
		is, r.dropCap = joinStr(r.dropCap, is), nil
	}
	if len(is) == 0 && !s.broke {
		return
	}
	if named(c, "tablecaption") || named(c, "caption") && s.counted {
		b.tableCaption(doc.Plain{Inlines: is})
		return
	}
	b.place(ppr, c, is)
}

// tableCaption gives a caption to the table just before it, if that has none,
// else it waits for the next one.
func (b *builder) tableCaption(c doc.Block) {
	if n := len(b.es); n > 0 && b.r.caption == nil {
		if t, ok := b.es[n-1].block.(doc.Table); ok && len(t.Caption.Blocks) == 0 {
			t.Caption.Blocks = []doc.Block{c}
			b.es[n-1].block = t
			return
		}
	}
	b.r.caption = append(b.r.caption, c)
}

// place decides what a paragraph is by its style, numbering and indents.
func (b *builder) place(ppr *opc.Node, c []*style, is []doc.Inline) {
	r := b.r
	if len(b.es) == 0 && b.body {
		for _, st := range c[:min(1, len(c))] {
			if key := metaStyles[st.name]; key != "" {
				r.addMeta(key, is)
				return
			}
		}
	}
	var block doc.Block = doc.Para{Inlines: is}
	level := headingLevel(c)
	if level > 0 {
		block = doc.Header{Level: level, Inlines: is}
	} else if named(c, "compact") {
		block = doc.Plain{Inlines: is}
	}
	num, ilvl, lvl, ok := r.numbered(ppr, c)
	switch {
	case level > 0: // a numbered heading is a heading
	case ok && ilvl >= 0 && ilvl < 9:
		b.push(entry{block: r.box(block, lvl), item: &item{num: num, level: ilvl, kind: lvl, number: r.count(num, ilvl, lvl)}})
		return
	case num != "": // taken out of its list by hand
		b.push(entry{block: block, follows: true})
		return
	}
	switch {
	case level > 0:
	case named(c, "definitionterm"):
		b.push(entry{block: block, term: true})
		return
	case named(c, "definition"):
		b.push(entry{block: block, def: true})
		return
	case named(c, "listparagraph"):
		if !b.inList() && indented(ppr, c) {
			block = doc.BlockQuote{Blocks: []doc.Block{block}}
		}
		b.push(entry{block: block, follows: true})
		return
	case named(c, "quote", "blocktext", "blockquote", "blockquotation", "intensequote", "quotations"):
		block = doc.BlockQuote{Blocks: []doc.Block{block}}
	case indented(ppr, c):
		block = doc.BlockQuote{Blocks: []doc.Block{block}}
	}
	b.push(entry{block: block})
}

// inList reports whether a list item, or what follows one, came last.
func (b *builder) inList() bool {
	for i := len(b.es) - 1; i >= 0; i-- {
		if !b.es[i].follows {
			return b.es[i].item != nil
		}
	}
	return false
}

// box puts a task's box before the text.
func (r *reader) box(b doc.Block, l level) doc.Block {
	t := l.task()
	if t == "" {
		return b
	}
	lead := []doc.Inline{doc.Str{Text: t}, doc.Space{}}
	switch x := b.(type) {
	case doc.Para:
		return doc.Para{Inlines: append(lead, x.Inlines...)}
	case doc.Plain:
		return doc.Plain{Inlines: append(lead, x.Inlines...)}
	}
	return b
}

// count is the number of a list's next item; levels below begin anew.
func (r *reader) count(num string, ilvl int, l level) int {
	k := counter{num, ilvl}
	n, ok := r.counters[k]
	if !ok {
		n = l.start - 1
	}
	n++
	r.counters[k] = n
	for deeper := ilvl + 1; deeper < 9; deeper++ {
		delete(r.counters, counter{num, deeper})
	}
	return n
}

// indented reports whether a paragraph is indented more than its style: that
// is how quotations are made by hand.
func indented(ppr *opc.Node, c []*style) bool {
	left, hang, ok := indents(ppr)
	if !ok {
		return false
	}
	for _, s := range c {
		if l, h, ok := indents(s.ppr); ok {
			if ppr.Kid("w:ind").Get("w:left") == "" && ppr.Kid("w:ind").Get("w:start") == "" {
				left = l
			}
			if ppr.Kid("w:ind").Get("w:hanging") == "" {
				hang = h
			}
			return (left-hang)-(l-h) > 0
		}
	}
	return left-hang > 0
}
