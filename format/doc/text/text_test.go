package text_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/crank-platform/crank/format/doc"
	"github.com/crank-platform/crank/format/doc/markdown"
	"github.com/crank-platform/crank/format/doc/text"
)

func TestTextBecomesParagraphs(t *testing.T) {
	for in, want := range map[string][]string{
		"a b\nc\n\n\n d":     {"a b c", "d"},
		"\uFEFFx":            {"x"},
		"caf\xe9":            {"café"},
		"\xff\xfeh\x00i\x00": {"hi"},
		"":                   nil,
	} {
		d, err := text.Read(context.Background(), []byte(in), doc.ReadOptions{})
		if err != nil {
			t.Fatalf("%q: %v", in, err)
		}
		if len(d.Blocks) != len(want) {
			t.Fatalf("%q: %v", in, d.Blocks)
		}
		for i, b := range d.Blocks {
			if got := doc.PlainText(b.(doc.Para).Inlines); got != want[i] {
				t.Errorf("%q: got %q want %q", in, got, want[i])
			}
		}
	}
}

func TestBinaryContentIsNotText(t *testing.T) {
	_, err := text.Read(context.Background(), []byte("a\x00b"), doc.ReadOptions{})
	var e *doc.Error
	if !errors.As(err, &e) || e.Reason != doc.Unsupported {
		t.Errorf("got %v", err)
	}
}

func TestWrittenTextKeepsListsTablesAndNotes(t *testing.T) {
	d, err := markdown.Read(context.Background(), []byte("# H\n\na *b*[^1]\\\nc\n\n3. x\n   - y\n4. z\n\n> q\n\n```\nk\n```\n\n| aa | b |\n|--|--|\n| 1 | 2 |\n\n[^1]: n\n"), doc.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := text.Write(context.Background(), &b, d, doc.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	want := "H\n\na b[1]\nc\n\n3. x\n   - y\n4. z\n\n  q\n\n    k\n\naa  b\n1   2\n\n[1] n\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestListNumbersFollowTheirStyle(t *testing.T) {
	for _, c := range []struct {
		n     int
		style doc.ListStyle
		want  string
	}{{4, doc.LowerRoman, "iv"}, {1999, doc.UpperRoman, "MCMXCIX"}, {27, doc.LowerAlpha, "aa"}, {26, doc.UpperAlpha, "Z"}, {0, doc.LowerAlpha, "0"}, {7, doc.Decimal, "7"}} {
		if got := text.Number(c.n, c.style); got != c.want {
			t.Errorf("%d %s: got %s want %s", c.n, c.style, got, c.want)
		}
	}
}
