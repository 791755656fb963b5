package html

import (
	"strings"

	xhtml "golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/crank-platform/crank/format/doc"
)

// inlines reads what is inside an element as text.
func (r *reader) inlines(n *xhtml.Node) []doc.Inline {
	var out []doc.Inline
	if !r.m.Enter() {
		return out
	}
	defer r.m.Leave()
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		out = append(out, r.inline(c)...)
	}
	return out
}

func one(i doc.Inline) []doc.Inline { return []doc.Inline{i} }

func (r *reader) inline(n *xhtml.Node) []doc.Inline {
	if n.Type == xhtml.TextNode {
		if !r.m.Node() {
			return nil
		}
		return words(n.Data)
	}
	if n.Type != xhtml.ElementNode {
		return nil
	}
	wrap := func(f func([]doc.Inline) doc.Inline) []doc.Inline { return outside(r.inlines(n), f) }
	switch n.DataAtom {
	case atom.Em, atom.I, atom.Var, atom.Dfn:
		return wrap(func(is []doc.Inline) doc.Inline { return doc.Emph{Inlines: is} })
	case atom.Strong, atom.B:
		return wrap(func(is []doc.Inline) doc.Inline { return doc.Strong{Inlines: is} })
	case atom.U, atom.Ins:
		return wrap(func(is []doc.Inline) doc.Inline { return doc.Underline{Inlines: is} })
	case atom.Del, atom.S, atom.Strike:
		return wrap(func(is []doc.Inline) doc.Inline { return doc.Strikeout{Inlines: is} })
	case atom.Sup:
		if note, ok := r.note(n); ok {
			return one(note)
		}
		return wrap(func(is []doc.Inline) doc.Inline { return doc.Superscript{Inlines: is} })
	case atom.Sub:
		return wrap(func(is []doc.Inline) doc.Inline { return doc.Subscript{Inlines: is} })
	case atom.Q:
		r.quotes++
		single := r.quotes%2 == 0
		is := r.inlines(n)
		r.quotes--
		return one(doc.Quoted{Single: single, Inlines: is})
	case atom.Code, atom.Kbd, atom.Samp, atom.Tt:
		return one(doc.Code{Attr: doc.Attr{Classes: strings.Fields(get(n, "class"))}, Text: strings.Join(strings.Fields(text(n)), " ")})
	case atom.Br:
		return one(doc.LineBreak{})
	case atom.Wbr:
		return nil
	case atom.A:
		return r.anchor(n)
	case atom.Img:
		return one(doc.Image{Attr: attr(n), Inlines: doc.Words(strings.TrimSpace(get(n, "alt"))), Target: get(n, "src"), Title: get(n, "title")})
	case atom.Span:
		return r.span(n)
	case atom.Script, atom.Template:
		r.losses.Add("script", "scripts were left out")
		return nil
	case atom.Style, atom.Link:
		r.losses.Add("style", "style sheets were left out")
		return nil
	case atom.Input:
		if get(n, "type") == "checkbox" {
			box := "\u2610"
			for _, a := range n.Attr {
				if a.Key == "checked" {
					box = "\u2612"
				}
			}
			return one(doc.Str{Text: box})
		}
		r.losses.Add("form", "form fields were left out")
		return nil
	case atom.Button, atom.Select, atom.Textarea:
		r.losses.Add("form", "form fields were left out")
		return nil
	case atom.Iframe, atom.Object, atom.Embed, atom.Video, atom.Audio, atom.Canvas, atom.Svg, atom.Map:
		r.losses.Add("embedded", "embedded content was left out")
		return nil
	case atom.Math:
		return one(doc.Math{Display: get(n, "display") == "block", Text: strings.Join(strings.Fields(text(n)), " ")})
	}
	return r.inlines(n)
}

// anchor reads a link, a mark for links, or a reference to a footnote.
func (r *reader) anchor(n *xhtml.Node) []doc.Inline {
	href, hasHref := "", false
	for _, a := range n.Attr {
		if a.Key == "href" {
			href, hasHref = strings.TrimSpace(a.Val), true
		}
	}
	if get(n, "role") == "doc-backlink" || hasClass(n, "footnote-back") || hasClass(n, "footnote-backref") {
		return nil
	}
	if note, ok := r.note(n); ok {
		return one(note)
	}
	is := r.inlines(n)
	if !hasHref {
		id := get(n, "id")
		if id == "" {
			id = get(n, "name")
		}
		if id == "" {
			return is
		}
		return one(doc.Span{Attr: doc.Attr{ID: id}, Inlines: is})
	}
	a := attr(n)
	return outside(is, func(is []doc.Inline) doc.Inline {
		return doc.Link{Attr: a, Inlines: is, Target: href, Title: get(n, "title")}
	})
}

// note is the footnote that a reference, or the sup around it, stands for.
func (r *reader) note(n *xhtml.Node) (doc.Inline, bool) {
	if n.DataAtom == atom.Sup {
		if n.FirstChild == nil || n.FirstChild != n.LastChild || n.FirstChild.DataAtom != atom.A {
			return nil, false
		}
		n = n.FirstChild
	}
	id, ok := strings.CutPrefix(get(n, "href"), "#")
	body := r.notes[id]
	if !ok || body == nil || !(get(n, "role") == "doc-noteref" || hasClass(n, "footnote-ref")) {
		return nil, false
	}
	if r.inNote {
		r.losses.Add("nested-footnote", "a footnote inside a footnote was left out")
		return doc.Space{}, true
	}
	r.inNote = true
	defer func() { r.inNote = false }()
	return doc.Note{Blocks: r.children(body)}, true
}

func (r *reader) span(n *xhtml.Node) []doc.Inline {
	switch {
	case hasClass(n, "math"):
		t := strings.TrimSpace(text(n))
		display := strings.HasPrefix(t, `\[`)
		t = strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(t, `\[`), `\(`), `\]`), `\)`)
		return one(doc.Math{Display: display, Text: t})
	case hasClass(n, "smallcaps"):
		return outside(r.inlines(n), func(is []doc.Inline) doc.Inline { return doc.SmallCaps{Inlines: is} })
	}
	is := r.inlines(n)
	if a := attr(n); !a.Empty() {
		return one(doc.Span{Attr: a, Inlines: is})
	}
	return is
}

// words splits text; its white space, also at the ends, becomes spaces.
func words(s string) []doc.Inline {
	const white = " \t\n\r\f"
	var out []doc.Inline
	for len(s) > 0 {
		i := strings.IndexAny(s, white)
		if i < 0 {
			return append(out, doc.Str{Text: s})
		}
		if i > 0 {
			out = append(out, doc.Str{Text: s[:i]})
		}
		rest := strings.TrimLeft(s[i:], white)
		if strings.Contains(s[i:len(s)-len(rest)], "\n") {
			out = append(out, doc.SoftBreak{})
		} else {
			out = append(out, doc.Space{})
		}
		s = rest
	}
	return out
}

func blank(i doc.Inline) bool {
	switch i.(type) {
	case doc.Space, doc.SoftBreak:
		return true
	}
	return false
}

// outside wraps inlines and leaves the white space at their ends outside.
func outside(is []doc.Inline, f func([]doc.Inline) doc.Inline) []doc.Inline {
	a, b := 0, len(is)
	for a < b && blank(is[a]) {
		a++
	}
	for b > a && blank(is[b-1]) {
		b--
	}
	if a == b {
		if len(is) == 0 {
			return one(f(nil))
		}
		return is[:1]
	}
	out := append([]doc.Inline(nil), is[:a]...)
	out = append(out, f(is[a:b:b]))
	return append(out, is[b:]...)
}

// tidy melts neighbouring white space and takes it off the ends and from
// around hard breaks.
func tidy(is []doc.Inline) []doc.Inline {
	var out []doc.Inline
	for _, i := range is {
		_, isBreak := i.(doc.LineBreak)
		if n := len(out); n > 0 && blank(out[n-1]) && (blank(i) || isBreak) {
			if isBreak {
				out[n-1] = i
			}
			continue
		}
		if n := len(out); blank(i) {
			if n == 0 {
				continue
			}
			if _, after := out[n-1].(doc.LineBreak); after {
				continue
			}
		}
		if n := len(out); n > 0 {
			a, ok := out[n-1].(doc.Str)
			b, both := i.(doc.Str)
			if ok && both && len(a.Text) < 1<<12 { // bounded, or a million pieces would cost their square
				out[n-1] = doc.Str{Text: a.Text + b.Text}
				continue
			}
		}
		out = append(out, i)
	}
	for len(out) > 0 && (blank(out[len(out)-1]) || out[len(out)-1] == (doc.Inline)(doc.LineBreak{})) {
		out = out[:len(out)-1]
	}
	return out
}
