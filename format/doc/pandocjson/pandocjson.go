// Package pandocjson reads and writes the tree as pandoc-types JSON 1.23, the
// form in which pandoc and its filters exchange documents.
//
// It owns that encoding alone; media travel beside it, not in it.
package pandocjson

import (
	"context"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/crank-platform/crank/format/doc"
)

// version is the pandoc-types API this package writes.
const version = "[1,23,1]"

// Write writes the document and returns what the format cannot hold.
func Write(ctx context.Context, w io.Writer, d *doc.Document, _ doc.WriteOptions) ([]doc.Loss, error) {
	e := &encoder{}
	e.raw(`{"pandoc-api-version":` + version + `,"meta":`)
	e.metaMap(d.Meta)
	e.raw(`,"blocks":`)
	e.b = append(e.b, '[')
	for i, b := range d.Blocks {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if i > 0 {
			e.b = append(e.b, ',')
		}
		e.block(b)
		if len(e.b) > 1<<16 {
			if _, err := w.Write(e.b); err != nil {
				return nil, err
			}
			e.b = e.b[:0]
		}
	}
	e.raw("]}\n")
	if _, err := w.Write(e.b); err != nil {
		return nil, err
	}
	losses := doc.Losses{By: "pandoc-json writer"}
	for range d.Media {
		losses.Add("media", "images travel beside this format, not in it")
	}
	return losses.List(), nil
}

type encoder struct{ b []byte }

func (e *encoder) raw(s string) { e.b = append(e.b, s...) }

func (e *encoder) num(n int) { e.b = strconv.AppendInt(e.b, int64(n), 10) }

func (e *encoder) str(s string) {
	const hex = "0123456789abcdef"
	e.b = append(e.b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			e.b = append(e.b, '\\', c)
			i++
		case c < 0x20 || c == 0x7f:
			e.b = append(e.b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			i++
		case c < utf8.RuneSelf:
			e.b = append(e.b, c)
			i++
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			e.b = utf8.AppendRune(e.b, r) // a broken byte becomes U+FFFD
			i += n
		}
	}
	e.b = append(e.b, '"')
}

// tag opens {"t":name,"c": and leaves the content and end() to the caller.
func (e *encoder) tag(name string) {
	e.raw(`{"t":"`)
	e.raw(name)
	e.raw(`","c":`)
}

func (e *encoder) end() { e.b = append(e.b, '}') }

func (e *encoder) bare(name, zero string) {
	if name == "" {
		name = zero
	}
	e.raw(`{"t":`)
	e.str(name)
	e.raw(`}`)
}

func list[T any](e *encoder, xs []T, f func(T)) {
	e.b = append(e.b, '[')
	for i, x := range xs {
		if i > 0 {
			e.b = append(e.b, ',')
		}
		f(x)
	}
	e.b = append(e.b, ']')
}

func (e *encoder) attr(a doc.Attr) {
	e.b = append(e.b, '[')
	e.str(a.ID)
	e.b = append(e.b, ',')
	list(e, a.Classes, e.str)
	e.b = append(e.b, ',')
	list(e, a.Pairs, func(p doc.Pair) {
		e.b = append(e.b, '[')
		e.str(p.Key)
		e.b = append(e.b, ',')
		e.str(p.Value)
		e.b = append(e.b, ']')
	})
	e.b = append(e.b, ']')
}

func (e *encoder) metaMap(m map[string]doc.MetaValue) {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	e.b = append(e.b, '{')
	for i, k := range keys {
		if i > 0 {
			e.b = append(e.b, ',')
		}
		e.str(k)
		e.b = append(e.b, ':')
		e.meta(m[k])
	}
	e.b = append(e.b, '}')
}

func (e *encoder) meta(v doc.MetaValue) {
	switch v := v.(type) {
	case doc.MetaMap:
		e.tag("MetaMap")
		e.metaMap(v)
	case doc.MetaList:
		e.tag("MetaList")
		list(e, v, e.meta)
	case doc.MetaBool:
		e.tag("MetaBool")
		e.b = strconv.AppendBool(e.b, bool(v))
	case doc.MetaString:
		e.tag("MetaString")
		e.str(string(v))
	case doc.MetaInlines:
		e.tag("MetaInlines")
		e.inlines(v)
	case doc.MetaBlocks:
		e.tag("MetaBlocks")
		e.blocks(v)
	default:
		e.tag("MetaString")
		e.str("")
	}
	e.end()
}
