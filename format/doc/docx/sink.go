package docx

import (
	"strings"

	"github.com/crank-platform/crank/format/doc"
)

// flags are a run's formatting.
type flags uint8

// In the order in which they wrap one another, outermost first.
const (
	italic flags = 1 << iota
	bold
	smallCaps
	strike
	super
	sub
	underline
)

func (f flags) set(x flags, on bool) flags {
	if on {
		return f | x
	}
	return f &^ x
}

// span is one stretch of a paragraph: text, code, or an inline as it is.
type span struct {
	flags flags
	code  bool
	text  string
	node  doc.Inline
}

// sink gathers the content of a paragraph or link.
type sink struct {
	spans   []span
	link    bool // inside a link
	counted bool // a field numbered a table
	broke   bool // a line or page break was met
	// sealed keeps the next text apart from the last span.
	sealed bool
}

// longWord is where joining text stops, so that a hostile document of a million
// runs costs no more than its size.
const longWord = 1 << 12

func (s *sink) text(t string, f flags, code bool) {
	if t == "" {
		return
	}
	if n := len(s.spans); !s.sealed && n > 0 && s.spans[n-1].node == nil && s.spans[n-1].flags == f && s.spans[n-1].code == code && len(s.spans[n-1].text) < longWord {
		s.spans[n-1].text += t
		return
	}
	s.sealed = false
	s.spans = append(s.spans, span{flags: f, code: code, text: t})
}

func (s *sink) node(f flags, i doc.Inline) { s.spans = append(s.spans, span{flags: f, node: i}) }

// verbatim is the text as it stands.
func (s *sink) verbatim() string {
	var sb strings.Builder
	for _, x := range s.spans {
		switch {
		case x.node == nil:
			sb.WriteString(x.text)
		default:
			if _, ok := x.node.(doc.LineBreak); ok {
				sb.WriteByte('\n')
			} else {
				sb.WriteString(doc.PlainText([]doc.Inline{x.node}))
			}
		}
	}
	return sb.String()
}

// flat is an inline with the formatting it still has to be wrapped in.
type flat struct {
	flags flags
	in    doc.Inline
}

// inlines wraps the content in its formatting, as few times as possible.
func (s *sink) inlines() []doc.Inline {
	var fs []flat
	for _, x := range s.spans {
		switch {
		case x.node != nil:
			fs = append(fs, flat{x.flags, x.node})
		case x.code:
			if n := len(fs); n > 0 && fs[n-1].flags == x.flags {
				if c, ok := fs[n-1].in.(doc.Code); ok && len(c.Text) < longWord {
					fs[n-1].in = doc.Code{Text: c.Text + x.text}
					continue
				}
			}
			fs = append(fs, flat{x.flags, doc.Code{Text: x.text}})
		default:
			for _, w := range doc.Words(x.text) {
				n := len(fs)
				if n > 0 && fs[n-1].flags == x.flags { // words go on across spans, spaces melt
					a, isStr := fs[n-1].in.(doc.Str)
					b, both := w.(doc.Str)
					if isStr && both && len(a.Text) < longWord {
						fs[n-1].in = doc.Str{Text: a.Text + b.Text}
						continue
					}
				}
				if n > 0 && fs[n-1].in == (doc.Space{}) && w == (doc.Space{}) {
					continue
				}
				fs = append(fs, flat{x.flags, w})
			}
		}
	}
	return group(fs)
}

// group wraps each stretch that shares a formatting once: of a stretch's
// formats the one that reaches furthest goes outside.
func group(fs []flat) []doc.Inline {
	var out []doc.Inline
	for i := 0; i < len(fs); {
		if fs[i].flags == 0 {
			out = append(out, fs[i].in)
			i++
			continue
		}
		best, end := flags(0), i
		for f := italic; f <= underline && f > 0; f <<= 1 {
			if fs[i].flags&f == 0 {
				continue
			}
			j := i
			for j < len(fs) && fs[j].flags&f != 0 {
				j++
			}
			if j > end {
				best, end = f, j
			}
		}
		inner := make([]flat, end-i)
		for k := range inner {
			inner[k] = flat{fs[i+k].flags &^ best, fs[i+k].in}
		}
		a, b := 0, len(inner)
		for a < b && blank(inner[a].in) {
			a++
		}
		for b > a && blank(inner[b-1].in) {
			b--
		}
		for _, x := range inner[:a] {
			out = append(out, x.in)
		}
		if a < b {
			out = append(out, wrap(best, group(inner[a:b])))
		}
		for _, x := range inner[b:] {
			out = append(out, x.in)
		}
		i = end
	}
	return out
}

func blank(i doc.Inline) bool {
	switch i.(type) {
	case doc.Space, doc.LineBreak, doc.SoftBreak:
		return true
	}
	return false
}

func wrap(f flags, is []doc.Inline) doc.Inline {
	switch f {
	case italic:
		return doc.Emph{Inlines: is}
	case bold:
		return doc.Strong{Inlines: is}
	case smallCaps:
		return doc.SmallCaps{Inlines: is}
	case strike:
		return doc.Strikeout{Inlines: is}
	case super:
		return doc.Superscript{Inlines: is}
	case sub:
		return doc.Subscript{Inlines: is}
	}
	return doc.Underline{Inlines: is}
}

// trimSpace takes spaces and breaks off both ends.
func trimSpace(is []doc.Inline) []doc.Inline {
	for len(is) > 0 && blank(is[0]) {
		is = is[1:]
	}
	for len(is) > 0 && blank(is[len(is)-1]) {
		is = is[:len(is)-1]
	}
	return is
}

// pruneAnchors keeps the anchors that a link points to. The first such anchor
// in a heading becomes its identifier.
func pruneAnchors(bs []doc.Block) []doc.Block {
	wanted := map[string]bool{}
	doc.Visitor{Inline: func(i doc.Inline) bool {
		if l, ok := i.(doc.Link); ok && strings.HasPrefix(l.Target, "#") {
			wanted[l.Target[1:]] = true
		}
		return true
	}}.Blocks(bs)
	bs = doc.MapInlines(bs, func(is []doc.Inline) []doc.Inline {
		out := is[:0:0]
		for _, i := range is {
			if s, ok := i.(doc.Span); ok && s.Attr.Has("anchor") && !wanted[s.Attr.ID] {
				continue
			}
			out = append(out, i)
		}
		return joinWords(out)
	})
	for n, b := range bs {
		h, ok := b.(doc.Header)
		if !ok {
			continue
		}
		for k, i := range h.Inlines {
			if s, ok := i.(doc.Span); ok && s.Attr.Has("anchor") && len(s.Inlines) == 0 {
				h.Attr.ID = s.Attr.ID
				h.Inlines = joinWords(append(append([]doc.Inline(nil), h.Inlines[:k]...), h.Inlines[k+1:]...))
				bs[n] = h
				break
			}
		}
	}
	return bs
}

// joinWords melts the spaces that stood on both sides of a removed anchor.
func joinWords(is []doc.Inline) []doc.Inline {
	out := is[:0:0]
	for _, i := range is {
		if n := len(out); n > 0 && out[n-1] == (doc.Inline)(doc.Space{}) && i == (doc.Inline)(doc.Space{}) {
			continue
		}
		out = append(out, i)
	}
	return out
}
