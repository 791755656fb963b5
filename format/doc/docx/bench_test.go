package docx_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/crank-platform/crank/format/doc"
	"github.com/crank-platform/crank/format/doc/docx"
)

// BenchmarkRead reads a manual of 10,000 paragraphs with lists and tables.
func BenchmarkRead(b *testing.B) {
	para := p(`<w:pStyle w:val="Own"/>`, "A heading of some words") + strings.Repeat(p("", "Some prose that goes on for about as long as a line of a manual does, with <![CDATA[a few]]> more words."), 6) +
		p(at("0"), "an item") + `<w:tbl><w:tr><w:tc>` + p("", "cell") + `</w:tc><w:tc>` + p("", "cell") + `</w:tc></w:tr></w:tbl>`
	src := pack(b, strings.Repeat(para, 1000), "word/styles.xml", sheet, "word/numbering.xml", lists)
	l := doc.Limits{Ratio: 1000}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := docx.Read(context.Background(), bytes.NewReader(src), int64(len(src)), doc.ReadOptions{Limits: l}); err != nil {
			b.Fatal(err)
		}
	}
}
