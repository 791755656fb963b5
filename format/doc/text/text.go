// Package text reads and writes plain text.
//
// It owns paragraphs: blank lines part them, and nothing else is inferred.
package text

import (
	"bytes"
	"context"
	"io"
	"unicode/utf8"

	"golang.org/x/net/html/charset"

	"github.com/crank-platform/crank/format/doc"
)

const op = "text.read"

// Read reads paragraphs parted by blank lines; line breaks inside one are soft.
// Text that is not UTF-8 is read as UTF-16 if it has that mark, else as
// Windows-1252. Its errors are *doc.Error (too-large, unsupported for binary
// content) or the context's.
func Read(ctx context.Context, src []byte, o doc.ReadOptions) (*doc.Document, error) {
	l := o.Limits.Or()
	if err := doc.CheckSize(op, int64(len(src)), l); err != nil {
		return nil, err
	}
	src, err := decode(src)
	if err != nil {
		return nil, err
	}
	m := doc.NewMeter(ctx, op, l)
	var blocks []doc.Block
	var para []doc.Inline
	flush := func() {
		if len(para) > 0 {
			blocks = append(blocks, doc.Para{Inlines: para})
		}
		para = nil
	}
	for line := range bytes.Lines(src) {
		words := bytes.Fields(line)
		if len(words) == 0 {
			flush()
			continue
		}
		if len(para) > 0 {
			para = append(para, doc.SoftBreak{})
		}
		for i, w := range words {
			if !m.Node() {
				return nil, m.Err()
			}
			if i > 0 {
				para = append(para, doc.Space{})
			}
			para = append(para, doc.Str{Text: string(w)})
		}
	}
	flush()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &doc.Document{Blocks: blocks}, nil
}

func decode(src []byte) ([]byte, error) {
	marked := bytes.HasPrefix(src, []byte{0xFE, 0xFF}) || bytes.HasPrefix(src, []byte{0xFF, 0xFE})
	if !marked && bytes.IndexByte(src, 0) >= 0 {
		return nil, doc.E(doc.Unsupported, op, "the content is binary, not text")
	}
	if !marked && utf8.Valid(src) {
		return bytes.TrimPrefix(src, []byte("\uFEFF")), nil
	}
	e, _, _ := charset.DetermineEncoding(src[:min(len(src), 1024)], "text/plain")
	if !marked {
		e, _ = charset.Lookup("windows-1252")
	}
	out, err := io.ReadAll(e.NewDecoder().Reader(bytes.NewReader(src)))
	if err != nil {
		return nil, doc.Wrap(doc.Malformed, op, "the text cannot be decoded", err)
	}
	return bytes.TrimPrefix(out, []byte("\uFEFF")), nil
}
