package html

import (
	"bytes"
	"context"
	"errors"
	"strings"

	xhtml "golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	"golang.org/x/net/html/charset"

	"github.com/crank-platform/crank/format/doc"
)

const op = "html.read"

// Read reads an HTML document or fragment; its text encoding is found as
// browsers find it. Scripts, styles and forms are left out as losses. Its
// errors are *doc.Error (too-large, too-deep, malformed) or the context's.
func Read(ctx context.Context, src []byte, o doc.ReadOptions) (d *doc.Document, err error) {
	l := o.Limits.Or()
	if err := doc.CheckSize(op, int64(len(src)), l); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	defer func() { // the parser is foreign code that reads untrusted bytes
		if r := recover(); r != nil {
			d, err = nil, doc.E(doc.Malformed, op, "the parser failed: %v", r)
		}
	}()
	in, err := charset.NewReader(&cancelled{ctx: ctx, Reader: bytes.NewReader(src)}, "text/html")
	if err != nil {
		in = bytes.NewReader(src)
	}
	root, err := xhtml.Parse(in)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return nil, err
	case err != nil && strings.Contains(err.Error(), "exceeds"): // the parser's own bound on open elements
		return nil, doc.Wrap(doc.TooDeep, op, "elements nest too deep", err)
	case err != nil:
		return nil, doc.Wrap(doc.Malformed, op, "the HTML cannot be parsed", err)
	}
	r := &reader{m: doc.NewMeter(ctx, op, l), losses: doc.Losses{By: "html reader"}, meta: doc.Meta{}, notes: map[string]*xhtml.Node{}}
	r.findNotes(root)
	blocks := r.children(root)
	if err := r.m.Err(); err != nil {
		return nil, err
	}
	d = &doc.Document{Blocks: blocks, Losses: r.losses.List()}
	if len(r.meta) > 0 {
		d.Meta = r.meta
	}
	return d, nil
}

// cancelled is a reader that stops with the context.
type cancelled struct {
	ctx context.Context
	*bytes.Reader
}

func (c *cancelled) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.Reader.Read(b[:min(len(b), 1<<16)])
}

// reader turns the parser's tree into ours.
type reader struct {
	m      *doc.Meter
	losses doc.Losses
	meta   doc.Meta
	notes  map[string]*xhtml.Node // footnote bodies by id
	inNote bool
	quotes int
}

func get(n *xhtml.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key && a.Namespace == "" {
			return a.Val
		}
	}
	return ""
}

func hasClass(n *xhtml.Node, class string) bool {
	for _, c := range strings.Fields(get(n, "class")) {
		if c == class {
			return true
		}
	}
	return false
}

// attr is what of an element's attributes the tree keeps.
func attr(n *xhtml.Node) doc.Attr {
	a := doc.Attr{ID: get(n, "id"), Classes: strings.Fields(get(n, "class"))}
	for _, x := range n.Attr {
		switch {
		case x.Key == "lang" || x.Key == "dir" || x.Key == "width" && n.DataAtom == atom.Img || x.Key == "height" && n.DataAtom == atom.Img:
			a.Pairs = append(a.Pairs, doc.Pair{Key: x.Key, Value: x.Val})
		case strings.HasPrefix(x.Key, "data-") && len(x.Key) > 5:
			a.Pairs = append(a.Pairs, doc.Pair{Key: x.Key[5:], Value: x.Val})
		}
	}
	return a
}

// findNotes remembers the bodies of footnotes, which stand at the end in a
// section with the role doc-endnotes or the class footnotes.
func (r *reader) findNotes(n *xhtml.Node) {
	if n.Type == xhtml.ElementNode && (get(n, "role") == "doc-endnotes" || hasClass(n, "footnotes")) {
		var items func(*xhtml.Node)
		items = func(n *xhtml.Node) {
			for c := n.FirstChild; c != nil; c = c.NextSibling {
				if c.DataAtom == atom.Li && get(c, "id") != "" {
					r.notes[get(c, "id")] = c
				} else {
					items(c)
				}
			}
		}
		items(n)
		return
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		r.findNotes(c)
	}
}

// text is all text below a node as it stands.
func text(n *xhtml.Node) string {
	var sb strings.Builder
	var walk func(*xhtml.Node)
	walk = func(n *xhtml.Node) {
		switch {
		case n.Type == xhtml.TextNode:
			sb.WriteString(n.Data)
		case n.DataAtom == atom.Br:
			sb.WriteByte('\n')
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(n)
	return sb.String()
}
