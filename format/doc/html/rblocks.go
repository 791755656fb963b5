package html

import (
	"strconv"
	"strings"

	xhtml "golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/crank-platform/crank/format/doc"
)

// isBlock tells the elements that end a run of text.
var isBlock = map[atom.Atom]bool{
	atom.Address: true, atom.Article: true, atom.Aside: true, atom.Blockquote: true, atom.Body: true, atom.Center: true, atom.Dd: true,
	atom.Details: true, atom.Dialog: true, atom.Dir: true, atom.Div: true, atom.Dl: true, atom.Dt: true, atom.Fieldset: true,
	atom.Figcaption: true, atom.Figure: true, atom.Footer: true, atom.Form: true, atom.H1: true, atom.H2: true, atom.H3: true,
	atom.H4: true, atom.H5: true, atom.H6: true, atom.Head: true, atom.Header: true, atom.Hgroup: true, atom.Hr: true, atom.Html: true,
	atom.Legend: true, atom.Li: true, atom.Main: true, atom.Menu: true, atom.Nav: true, atom.Ol: true, atom.P: true, atom.Pre: true,
	atom.Search: true, atom.Section: true, atom.Summary: true, atom.Table: true, atom.Ul: true, atom.Noscript: true,
}

// flow gathers blocks; loose text between them becomes Plain.
type flow struct {
	r   *reader
	out []doc.Block
	run []doc.Inline
}

func (f *flow) flush() {
	if is := tidy(f.run); len(is) > 0 {
		f.out = append(f.out, doc.Plain{Inlines: is})
	}
	f.run = nil
}

// children reads what is inside an element as blocks. Loose text beside real
// blocks is a paragraph.
func (r *reader) children(n *xhtml.Node) []doc.Block {
	f := &flow{r: r}
	f.all(n)
	f.flush()
	if len(f.out) > 1 {
		for i, b := range f.out {
			if p, ok := b.(doc.Plain); ok && n.DataAtom != atom.Li && n.DataAtom != atom.Dd {
				f.out[i] = doc.Para(p)
			}
		}
	}
	return f.out
}

func (f *flow) all(n *xhtml.Node) {
	if !f.r.m.Enter() {
		return
	}
	defer f.r.m.Leave()
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type == xhtml.ElementNode && (isBlock[c.DataAtom] || f.r.holdsBlock(c)) {
			f.flush()
			f.block(c)
			continue
		}
		f.run = append(f.run, f.r.inline(c)...)
	}
}

// holdsBlock reports whether an inline element has a block directly inside, as
// a link around a heading has.
func (r *reader) holdsBlock(n *xhtml.Node) bool {
	switch n.DataAtom {
	case atom.A, atom.Span, atom.Ins, atom.Del, atom.Font, atom.B, atom.I, atom.Em, atom.Strong, 0:
	default:
		return false
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type == xhtml.ElementNode && isBlock[c.DataAtom] {
			return true
		}
	}
	return false
}

func (f *flow) add(b doc.Block) { f.out = append(f.out, b) }

func (f *flow) block(n *xhtml.Node) {
	r := f.r
	if !r.m.Enter() {
		return
	}
	defer r.m.Leave()
	switch n.DataAtom {
	case atom.Head:
		r.head(n)
	case atom.P:
		if is := tidy(r.inlines(n)); len(is) > 0 {
			f.add(doc.Para{Inlines: is})
		}
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		if n.DataAtom == atom.H1 && hasClass(n, "title") && len(f.out) == 0 && r.meta["title"] != nil {
			r.meta["title"] = doc.MetaInlines(tidy(r.inlines(n)))
			return
		}
		f.add(doc.Header{Level: int(n.Data[1] - '0'), Attr: attr(n), Inlines: tidy(r.inlines(n))})
	case atom.Hr:
		f.add(doc.HorizontalRule{})
	case atom.Pre:
		f.add(codeBlock(n))
	case atom.Blockquote:
		f.add(doc.BlockQuote{Blocks: r.children(n)})
	case atom.Ul, atom.Menu, atom.Dir:
		f.add(doc.BulletList{Items: r.items(n)})
	case atom.Ol:
		f.add(r.ordered(n))
	case atom.Dl:
		f.add(r.definitions(n))
	case atom.Table:
		f.add(r.table(n))
	case atom.Figure:
		fig := doc.Figure{Attr: attr(n)}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			if c.DataAtom == atom.Figcaption {
				fig.Caption.Blocks = r.children(c)
			}
		}
		fig.Blocks = r.children(n)
		f.add(fig)
	case atom.Figcaption:
		if n.Parent == nil || n.Parent.DataAtom != atom.Figure {
			f.out = append(f.out, r.children(n)...)
		}
	case atom.Noscript:
		f.out = append(f.out, r.children(n)...)
	case atom.Div, atom.Section:
		if get(n, "role") == "doc-endnotes" || hasClass(n, "footnotes") {
			return // its notes stand where they are referred to
		}
		if a := attr(n); !a.Empty() {
			f.add(doc.Div{Attr: a, Blocks: r.children(n)})
			return
		}
		f.out = append(f.out, r.children(n)...)
	case atom.Html:
		if l := get(n, "lang"); l != "" {
			r.meta["lang"] = doc.MetaInlines(doc.Words(l))
		}
		f.out = append(f.out, r.children(n)...)
	default:
		f.out = append(f.out, r.children(n)...)
	}
}

// head reads title and named metadata.
func (r *reader) head(n *xhtml.Node) {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		switch c.DataAtom {
		case atom.Title:
			if t := strings.TrimSpace(text(c)); t != "" {
				r.meta["title"] = doc.MetaInlines(doc.Words(t))
			}
		case atom.Meta:
			switch name := strings.ToLower(get(c, "name")); name {
			case "author", "date", "description", "keywords":
				r.meta[name] = doc.MetaInlines(doc.Words(strings.TrimSpace(get(c, "content"))))
			}
		case atom.Script:
			r.losses.Add("script", "scripts were left out")
		case atom.Style, atom.Link:
			r.losses.Add("style", "style sheets were left out")
		}
	}
}

func codeBlock(n *xhtml.Node) doc.Block {
	b := doc.CodeBlock{Attr: attr(n), Text: text(n)}
	if c := n.FirstChild; c != nil && c.DataAtom == atom.Code {
		for _, class := range strings.Fields(get(c, "class")) {
			b.Attr.Classes = append([]string{strings.TrimPrefix(class, "language-")}, b.Attr.Classes...)
		}
	}
	b.Text = strings.TrimSuffix(b.Text, "\n")
	return b
}

func (r *reader) items(n *xhtml.Node) [][]doc.Block {
	var out [][]doc.Block
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		switch {
		case c.Type != xhtml.ElementNode:
		case c.DataAtom == atom.Li:
			out = append(out, r.children(c))
		case len(out) > 0: // a list directly inside a list belongs to the item before
			f := &flow{r: r}
			f.block(c)
			out[len(out)-1] = append(out[len(out)-1], f.out...)
		default:
			f := &flow{r: r}
			f.block(c)
			out = append(out, f.out)
		}
	}
	return out
}

func (r *reader) ordered(n *xhtml.Node) doc.Block {
	l := doc.OrderedList{Start: 1, Style: doc.DefaultStyle, Items: r.items(n)}
	if v, err := strconv.Atoi(get(n, "start")); err == nil {
		l.Start = v
	}
	switch get(n, "type") {
	case "1":
		l.Style = doc.Decimal
	case "a":
		l.Style = doc.LowerAlpha
	case "A":
		l.Style = doc.UpperAlpha
	case "i":
		l.Style = doc.LowerRoman
	case "I":
		l.Style = doc.UpperRoman
	}
	return l
}

func (r *reader) definitions(n *xhtml.Node) doc.Block {
	var list doc.DefinitionList
	var walk func(*xhtml.Node)
	walk = func(n *xhtml.Node) {
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			switch c.DataAtom {
			case atom.Dt:
				list.Items = append(list.Items, doc.Definition{Term: tidy(r.inlines(c))})
			case atom.Dd:
				if len(list.Items) == 0 {
					list.Items = append(list.Items, doc.Definition{})
				}
				last := &list.Items[len(list.Items)-1]
				last.Definitions = append(last.Definitions, r.children(c))
			case atom.Div:
				walk(c)
			}
		}
	}
	walk(n)
	return list
}
