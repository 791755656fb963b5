package pandocjson

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/crank-platform/crank/format/doc"
)

const op = "pandoc-json.read"

// Read reads pandoc-types JSON 1.22 and 1.23. Its errors are *doc.Error
// (too-large, too-deep, malformed) or the context's.
func Read(ctx context.Context, src []byte, o doc.ReadOptions) (*doc.Document, error) {
	l := o.Limits.Or()
	if err := doc.CheckSize(op, int64(len(src)), l); err != nil {
		return nil, err
	}
	if !shallow(src, 8*l.Depth) {
		return nil, doc.E(doc.TooDeep, op, "JSON nested deeper than %d levels", 8*l.Depth)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var top struct {
		Meta   map[string]any `json:"meta"`
		Blocks []any          `json:"blocks"`
		API    []any          `json:"pandoc-api-version"`
	}
	if err := json.Unmarshal(src, &top); err != nil {
		return nil, doc.Wrap(doc.Malformed, op, "not a pandoc document", err)
	}
	if top.API == nil || top.Blocks == nil {
		return nil, doc.E(doc.Malformed, op, "not a pandoc document: pandoc-api-version or blocks is missing")
	}
	p := &parser{m: doc.NewMeter(ctx, op, l)}
	d := &doc.Document{Meta: doc.Meta{}}
	for k, v := range top.Meta {
		d.Meta[k] = p.meta(v)
	}
	d.Blocks = p.blocks(top.Blocks)
	if err := p.m.Err(); err != nil {
		return nil, err
	}
	if p.err != nil {
		return nil, p.err
	}
	return d, nil
}

// shallow reports whether brackets nest at most limit deep outside strings.
func shallow(b []byte, limit int) bool {
	depth, in := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case in && c == '\\':
			i++
		case c == '"':
			in = !in
		case in:
		case c == '[' || c == '{':
			if depth++; depth > limit {
				return false
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return true
}

// parser turns decoded JSON into the tree. The first fault sticks; what
// follows it is thrown away with the document.
type parser struct {
	m   *doc.Meter
	err error
}

func (p *parser) fail(format string, a ...any) {
	if p.err == nil {
		p.err = doc.E(doc.Malformed, op, "%s", fmt.Sprintf(format, a...))
	}
}

func (p *parser) list(v any) []any {
	l, ok := v.([]any)
	if !ok {
		p.fail("a list was expected, not %T", v)
	}
	return l
}

// tuple is a list of at least n values; always n long, so that it can be indexed.
func (p *parser) tuple(v any, n int) []any {
	l, ok := v.([]any)
	if !ok || len(l) < n {
		p.fail("a list of %d was expected", n)
		return make([]any, n)
	}
	return l
}

func (p *parser) str(v any) string {
	s, ok := v.(string)
	if !ok {
		p.fail("a string was expected, not %T", v)
	}
	return s
}

func (p *parser) num(v any) int {
	f, ok := v.(float64)
	if !ok || f != float64(int32(f)) {
		p.fail("a whole number was expected")
		return 0
	}
	return int(f)
}

func (p *parser) tag(v any) (string, any) {
	m, ok := v.(map[string]any)
	if !ok {
		p.fail("an element was expected, not %T", v)
		return "", nil
	}
	return p.str(m["t"]), m["c"]
}

// enum is the tag of a constructor without content, "" for the default.
func (p *parser) enum(v any, zero string) string {
	t, _ := p.tag(v)
	if t == zero {
		return ""
	}
	return t
}

func (p *parser) attr(v any) doc.Attr {
	t := p.tuple(v, 3)
	a := doc.Attr{ID: p.str(t[0])}
	for _, c := range p.list(t[1]) {
		a.Classes = append(a.Classes, p.str(c))
	}
	for _, kv := range p.list(t[2]) {
		x := p.tuple(kv, 2)
		a.Pairs = append(a.Pairs, doc.Pair{Key: p.str(x[0]), Value: p.str(x[1])})
	}
	return a
}

func (p *parser) meta(v any) doc.MetaValue {
	if p.err != nil || !p.m.Enter() {
		return doc.MetaString("")
	}
	defer p.m.Leave()
	t, c := p.tag(v)
	switch t {
	case "MetaMap":
		m, ok := c.(map[string]any)
		if !ok {
			p.fail("MetaMap holds no mapping")
		}
		out := doc.MetaMap{}
		for k, x := range m {
			out[k] = p.meta(x)
		}
		return out
	case "MetaList":
		out := doc.MetaList{}
		for _, x := range p.list(c) {
			out = append(out, p.meta(x))
		}
		return out
	case "MetaBool":
		b, ok := c.(bool)
		if !ok {
			p.fail("MetaBool holds no truth value")
		}
		return doc.MetaBool(b)
	case "MetaString":
		return doc.MetaString(p.str(c))
	case "MetaInlines":
		return doc.MetaInlines(p.inlines(c))
	case "MetaBlocks":
		return doc.MetaBlocks(p.blocks(c))
	}
	p.fail("unknown metadata type %q", t)
	return doc.MetaString("")
}
