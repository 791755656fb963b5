package docx

import (
	"github.com/crank-platform/crank/format/doc"
	"github.com/crank-platform/crank/format/doc/internal/opc"
)

// runs reads the content of a paragraph.
func (r *reader) runs(kids []*opc.Node, s *sink) {
	if !r.m.Enter() {
		return
	}
	defer r.m.Leave()
	for _, n := range kids {
		if !r.m.Node() {
			return
		}
		switch n.Name {
		case "w:r":
			r.run(n, s)
		case "w:ins", "w:moveTo", "w:smartTag", "w:customXml", "w:dir", "w:bdo":
			r.runs(n.Kids, s)
		case "w:sdt":
			r.runs(n.Kid("w:sdtContent").KidsOrNil(), s)
		case "mc:AlternateContent":
			r.runs(alternative(n).KidsOrNil(), s)
		case "w:hyperlink":
			r.hyperlink(n, s)
		case "w:fldSimple":
			inner := &sink{}
			r.runs(n.Kids, inner)
			s.counted = s.counted || countsTables(n.Get("w:instr"))
			if target, ok := linkField(n.Get("w:instr")); ok {
				s.node(0, doc.Link{Inlines: inner.inlines(), Target: target})
			} else {
				s.spans = append(s.spans, inner.spans...)
			}
		case "w:bookmarkStart":
			if id := n.Get("w:name"); id != "" && id != "_GoBack" {
				s.node(0, doc.Span{Attr: doc.Attr{ID: id, Classes: []string{"anchor"}}})
			}
		case "m:oMath":
			s.node(0, doc.Math{Text: texOf(n)})
		case "m:oMathPara":
			s.node(0, doc.Math{Display: true, Text: texOf(n)})
		case "w:del", "w:moveFrom":
			r.losses.Add("deletion", "text deleted under tracked changes was left out")
		case "w:commentRangeStart":
			r.losses.Add("comment", "comments were left out")
		}
	}
}

func (r *reader) hyperlink(n *opc.Node, s *sink) {
	target := ""
	if rel, ok := r.part.rels[n.Get("r:id")]; ok {
		target = rel.Target
	}
	if a := n.Get("w:anchor"); a != "" {
		target += "#" + a
	}
	inner := &sink{link: true}
	r.runs(n.Kids, inner)
	is := inner.inlines()
	if target == "" || r.swallowed() {
		s.spans = append(s.spans, inner.spans...)
		return
	}
	s.node(0, doc.Link{Inlines: is, Target: target, Title: n.Get("w:tooltip")})
}

// run reads one run: its formatting, then what it holds.
func (r *reader) run(n *opc.Node, s *sink) {
	rpr := n.Kid("w:rPr")
	f, code := r.format(rpr, s.link)
	if rpr.Kid("w:vanish") != nil && on(rpr.Kid("w:vanish").Get("w:val")) && rpr.Kid("w:webHidden") == nil {
		r.losses.Add("hidden-text", "hidden text was kept as ordinary text")
	}
	r.content(n, s, f, code)
}

func (r *reader) content(n *opc.Node, s *sink, f flags, code bool) {
	for _, k := range n.Kids {
		switch k.Name {
		case "w:t":
			r.text(private(k.Text, n.Kid("w:rPr")), s, f, code)
		case "w:tab", "w:ptab":
			r.text("\t", s, f, code)
		case "w:noBreakHyphen":
			r.text("\u2011", s, f, code)
		case "w:softHyphen":
			r.text("\u00ad", s, f, code)
		case "w:sym":
			r.text(symbol(k), s, f, code)
		case "w:br", "w:cr":
			if r.swallowed() {
				continue
			}
			s.broke = true
			if code {
				s.text("\n", f, true)
			} else {
				s.node(f, doc.LineBreak{})
			}
		case "w:instrText":
			if n := len(r.fields); n > 0 {
				r.fields[n-1].instr += k.Text
			}
		case "w:fldChar":
			r.field(k, s)
		case "w:footnoteReference":
			r.note("footnote", k.Get("w:id"), s)
		case "w:endnoteReference":
			r.note("endnote", k.Get("w:id"), s)
		case "w:drawing":
			r.drawing(k, s)
		case "w:pict", "w:object":
			r.picture(k, s)
		case "mc:AlternateContent":
			if box := k.Find("w:txbxContent"); box != nil || k.Kid("mc:Choice").Find("w:drawing") == nil {
				if alt := alternative(k); alt != nil {
					r.content(alt, s, f, code)
				}
			} else {
				r.content(k.Kid("mc:Choice"), s, f, code)
			}
		case "w:commentReference":
			r.losses.Add("comment", "comments were left out")
		}
	}
}

// text adds text, or gives it to the field whose instruction is being read.
func (r *reader) text(t string, s *sink, f flags, code bool) {
	for _, fl := range r.fields {
		if !fl.result {
			fl.instr += t
			return
		}
	}
	s.text(t, f, code)
}

// swallowed reports whether what is read now belongs to a field's instruction.
func (r *reader) swallowed() bool {
	for _, fl := range r.fields {
		if !fl.result {
			return true
		}
	}
	return false
}

// note reads a footnote or endnote where it is referred to.
func (r *reader) note(kind, id string, s *sink) {
	n, ok := r.notes[kind][id]
	if !ok {
		r.losses.Add("note", "a note that the document does not hold was left out")
		return
	}
	if r.inNote {
		r.losses.Add("nested-footnote", "a note inside a note was left out")
		return
	}
	r.inNote = true
	part, fields, drop, carried := r.part, r.fields, r.dropCap, r.carried
	r.part, r.fields, r.dropCap, r.carried = n.part, nil, nil, nil
	blocks := r.story(n.node.Kids)
	r.part, r.fields, r.dropCap, r.carried = part, fields, drop, carried
	r.inNote = false
	s.node(0, doc.Note{Blocks: blocks})
}

// format is what a run's style and its direct formatting come to. Underlining
// inside a link is how links look, not what the author meant.
func (r *reader) format(rpr *opc.Node, inLink bool) (flags, bool) {
	if rpr == nil {
		return 0, false
	}
	c := chain(r.styles.char, rpr.Kid("w:rStyle").Get("w:val"))
	if named(c, "hyperlink", "internetlink") {
		inLink = true
		c = nil
	}
	var f flags
	apply := func(n *opc.Node) {
		for _, k := range n.KidsOrNil() {
			switch v := k.Get("w:val"); k.Name {
			case "w:i":
				f = f.set(italic, on(v))
			case "w:b":
				f = f.set(bold, on(v))
			case "w:smallCaps":
				f = f.set(smallCaps, on(v))
			case "w:strike", "w:dstrike":
				f = f.set(strike, on(v))
			case "w:u":
				f = f.set(underline, v != "none" && v != "")
			case "w:vertAlign":
				f = f.set(super, v == "superscript").set(sub, v == "subscript")
			}
		}
	}
	for i := len(c) - 1; i >= 0; i-- {
		apply(c[i].rpr)
	}
	if named(c, "emphasis") && len(c) > 0 && c[0].rpr == nil {
		f |= italic
	}
	if named(c, "strong") && len(c) > 0 && c[0].rpr == nil {
		f |= bold
	}
	if named(c, "footnotereference", "endnotereference") {
		f &^= super
	}
	apply(rpr)
	if inLink {
		f &^= underline
	}
	return f, named(c, "verbatimchar", "htmlcode", "codechar", "inlinecode", "sourcetext", "htmltypewriter")
}
