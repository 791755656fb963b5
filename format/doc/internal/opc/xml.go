package opc

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"github.com/crank-platform/crank/format/doc"
)

// Node is an XML element. Names carry the customary prefix of their namespace
// whatever prefix the file uses, e.g. "w:p"; other namespaces have none.
type Node struct {
	Name  string
	Attrs []Attr
	Kids  []*Node
	Text  string // the character data directly inside
}

// Attr is an attribute, named like a Node.
type Attr struct{ Name, Value string }

// Get is the value of an attribute, "" if absent.
func (n *Node) Get(name string) string {
	if n == nil {
		return ""
	}
	for _, a := range n.Attrs {
		if a.Name == name {
			return a.Value
		}
	}
	return ""
}

// Kid is the first child with that name, nil if there is none; n may be nil.
func (n *Node) Kid(name string) *Node {
	if n == nil {
		return nil
	}
	for _, k := range n.Kids {
		if k.Name == name {
			return k
		}
	}
	return nil
}

// Path follows first children; nil if one is missing.
func (n *Node) Path(names ...string) *Node {
	for _, name := range names {
		n = n.Kid(name)
	}
	return n
}

// All are the children with that name.
func (n *Node) All(name string) []*Node {
	if n == nil {
		return nil
	}
	var out []*Node
	for _, k := range n.Kids {
		if k.Name == name {
			out = append(out, k)
		}
	}
	return out
}

// Find is the first descendant with that name in document order.
func (n *Node) Find(name string) *Node {
	if n == nil {
		return nil
	}
	for _, k := range n.Kids {
		if k.Name == name {
			return k
		}
		if f := k.Find(name); f != nil {
			return f
		}
	}
	return nil
}

// prefixes are the customary prefixes by the last words of a namespace, which
// the transitional and the strict form share.
var prefixes = map[string]string{
	"wordprocessingml/2006/main":              "w",
	"wordprocessingml/main":                   "w",
	"officeDocument/2006/relationships":       "r",
	"officeDocument/relationships":            "r",
	"drawingml/2006/main":                     "a",
	"drawingml/main":                          "a",
	"drawingml/2006/wordprocessingDrawing":    "wp",
	"drawingml/wordprocessingDrawing":         "wp",
	"drawingml/2006/picture":                  "pic",
	"drawingml/picture":                       "pic",
	"drawingml/2006/chart":                    "c",
	"drawingml/chart":                         "c",
	"drawingml/2006/diagram":                  "dgm",
	"drawingml/diagram":                       "dgm",
	"officeDocument/2006/math":                "m",
	"officeDocument/math":                     "m",
	"markup-compatibility/2006":               "mc",
	"schemas-microsoft-com:vml":               "v",
	"schemas-microsoft-com:office:office":     "o",
	"word/2010/wordprocessingShape":           "wps",
	"word/2010/wordml":                        "w14",
	"http://purl.org/dc/elements/1.1/":        "dc",
	"http://purl.org/dc/terms/":               "dcterms",
	"package/2006/metadata/core-properties":   "cp",
	"http://www.w3.org/XML/1998/namespace":    "xml",
	"package/2006/relationships":              "",
	"package/2006/content-types":              "",
	"office/drawing/2014/chartex":             "cx",
	"officeDocument/2006/extended-properties": "ep",
}

// namer gives customary names and remembers them.
type namer map[xml.Name]string

func (m namer) name(x xml.Name) string {
	if x.Space == "" {
		return x.Local
	}
	if s, ok := m[x]; ok {
		return s
	}
	prefix := prefixes[x.Space]
	if prefix == "" {
		for tail, p := range prefixes {
			if strings.HasSuffix(x.Space, "/"+tail) || strings.HasSuffix(x.Space, ":"+tail) {
				prefix = p
			}
		}
	}
	s := x.Local
	if prefix != "" {
		s = prefix + ":" + x.Local
	}
	if len(m) < 4096 {
		m[x] = s
	}
	return s
}

// scanner reads one part's tokens, refuses DTDs and counts depth.
type scanner struct {
	p     *Package
	part  string
	d     *xml.Decoder
	names namer
	depth int
	n     int
	ctx   context.Context
}

func (p *Package) scan(ctx context.Context, part string, r io.Reader) *scanner {
	d := xml.NewDecoder(r)
	d.Strict = true
	return &scanner{p: p, part: part, d: d, names: namer{}, ctx: ctx}
}

func (s *scanner) next() (xml.Token, error) {
	if s.n++; s.n&1023 == 0 {
		if err := s.ctx.Err(); err != nil {
			return nil, err
		}
	}
	t, err := s.d.Token()
	if err != nil {
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		return nil, s.p.broken(s.part, err)
	}
	switch t.(type) {
	case xml.StartElement:
		if s.depth++; s.depth > 8*s.p.limits.Depth {
			return nil, doc.E(doc.TooDeep, s.p.op, "the part %q nests deeper than %d elements", s.part, 8*s.p.limits.Depth)
		}
	case xml.EndElement:
		s.depth--
	case xml.Directive:
		return nil, doc.E(doc.Malformed, s.p.op, "the part %q has a DOCTYPE, which office documents must not have", s.part)
	}
	return t, nil
}

// element reads the rest of an element whose start was just read.
func (s *scanner) element(start xml.StartElement) (*Node, error) {
	n := &Node{Name: s.names.name(start.Name)}
	if len(start.Attr) > 0 {
		n.Attrs = make([]Attr, 0, len(start.Attr))
		for _, a := range start.Attr {
			if a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns" {
				continue
			}
			n.Attrs = append(n.Attrs, Attr{s.names.name(a.Name), a.Value})
		}
	}
	var text []byte
	for {
		t, err := s.next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = doc.E(doc.Malformed, s.p.op, "the part %q ends inside an element", s.part)
			}
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			k, err := s.element(t)
			if err != nil {
				return nil, err
			}
			n.Kids = append(n.Kids, k)
		case xml.CharData:
			if strings.HasSuffix(n.Name, "t") || len(strings.TrimSpace(string(t))) > 0 {
				text = append(text, t...)
			}
		case xml.EndElement:
			n.Text = string(text)
			return n, nil
		}
	}
}

// Tree reads a whole part.
func (p *Package) Tree(ctx context.Context, name string) (*Node, error) {
	var root *Node
	err := p.Stream(ctx, name, func(n *Node) error {
		root = n
		return nil
	})
	if err == nil && root == nil {
		err = doc.E(doc.Malformed, p.op, "the part %q holds no element", name)
	}
	return root, err
}

// Stream reads the elements under the given path one at a time and hands each
// to f, so that only one is in memory.
func (p *Package) Stream(ctx context.Context, name string, f func(*Node) error, under ...string) error {
	rc, err := p.open(name)
	if err != nil {
		return err
	}
	defer rc.Close()
	s := p.scan(ctx, name, rc)
	level, found := 0, len(under) == 0
	for {
		t, err := s.next()
		if errors.Is(err, io.EOF) {
			if !found || s.depth > 0 {
				return doc.E(doc.Malformed, p.op, "the part %q has no %s", name, strings.Join(under, "/"))
			}
			return nil
		}
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if level < len(under) && s.names.name(t.Name) == under[level] {
				level++
				found = found || level == len(under)
				continue
			}
			n, err := s.element(t)
			if err != nil {
				return err
			}
			if level == len(under) {
				if err := f(n); err != nil {
					return err
				}
			}
		case xml.EndElement:
			level--
		}
	}
}

// KidsOrNil are the children; n may be nil.
func (n *Node) KidsOrNil() []*Node {
	if n == nil {
		return nil
	}
	return n.Kids
}

// Scan walks a part's elements without keeping them; f sees each start.
func (p *Package) Scan(ctx context.Context, name string, f func(name string, attrs []Attr)) error {
	rc, err := p.open(name)
	if err != nil {
		return err
	}
	defer rc.Close()
	s := p.scan(ctx, name, rc)
	elements := 0
	for {
		t, err := s.next()
		if errors.Is(err, io.EOF) {
			if elements == 0 || s.depth > 0 {
				return doc.E(doc.Malformed, p.op, "the part %q ends too early", name)
			}
			return nil
		}
		if err != nil {
			return err
		}
		if start, ok := t.(xml.StartElement); ok {
			elements++
			attrs := make([]Attr, 0, len(start.Attr))
			for _, a := range start.Attr {
				attrs = append(attrs, Attr{s.names.name(a.Name), a.Value})
			}
			f(s.names.name(start.Name), attrs)
		}
	}
}
