package pandocjson_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/crank-platform/crank/format/doc"
	"github.com/crank-platform/crank/format/doc/doctest"
	"github.com/crank-platform/crank/format/doc/pandocjson"
)

func write(t testing.TB, d *doc.Document) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := pandocjson.Write(context.Background(), &b, d, doc.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func words(s string) []doc.Inline { return doc.Words(s) }

// everything holds each block and inline once.
func everything() *doc.Document {
	at := doc.Attr{ID: "i", Classes: []string{"c"}, Pairs: []doc.Pair{{Key: "k", Value: "v"}}}
	ps := []doc.Block{doc.Para{Inlines: words("p")}}
	cell := doc.Cell{Attr: at, Align: doc.AlignRight, RowSpan: 2, ColSpan: 3, Blocks: ps}
	rows := []doc.Row{{Attr: at, Cells: []doc.Cell{cell}}}
	return &doc.Document{
		Meta: doc.Meta{"s": doc.MetaString("x"), "b": doc.MetaBool(true), "l": doc.MetaList{doc.MetaInlines(words("a b"))}, "m": doc.MetaMap{"k": doc.MetaBlocks(ps)}},
		Blocks: []doc.Block{
			doc.Plain{Inlines: words("a")}, doc.LineBlock{Lines: [][]doc.Inline{words("l")}}, doc.CodeBlock{Attr: at, Text: "x\n\t\"\\\x01é"},
			doc.RawBlock{Format: "html", Text: "<br>"}, doc.BlockQuote{Blocks: ps},
			doc.OrderedList{Start: 2, Style: doc.LowerRoman, Delim: doc.TwoParens, Items: [][]doc.Block{ps}}, doc.BulletList{Items: [][]doc.Block{ps}},
			doc.DefinitionList{Items: []doc.Definition{{Term: words("t"), Definitions: [][]doc.Block{ps}}}},
			doc.Header{Level: 2, Attr: at, Inlines: words("h")}, doc.HorizontalRule{},
			doc.Table{Attr: at, Caption: doc.Caption{Short: words("s"), Blocks: ps}, Columns: []doc.Column{{Align: doc.AlignCenter, Width: 0.25}, {}},
				Head: doc.Rows{Attr: at, Rows: rows}, Bodies: []doc.Body{{Attr: at, RowHeads: 1, Head: rows, Rows: rows}}, Foot: doc.Rows{Attr: at, Rows: rows}},
			doc.Figure{Attr: at, Caption: doc.Caption{Blocks: ps}, Blocks: ps}, doc.Div{Attr: at, Blocks: ps},
			doc.Para{Inlines: []doc.Inline{
				doc.Emph{Inlines: words("e")}, doc.Strong{Inlines: words("e")}, doc.Underline{Inlines: words("e")}, doc.Strikeout{Inlines: words("e")},
				doc.Superscript{Inlines: words("e")}, doc.Subscript{Inlines: words("e")}, doc.SmallCaps{Inlines: words("e")},
				doc.Quoted{Inlines: words("e")}, doc.Quoted{Single: true, Inlines: words("e")},
				doc.Cite{Citations: []doc.Citation{{ID: "w", Prefix: words("p"), Suffix: words("s"), Mode: "AuthorInText", NoteNum: 1, Hash: 2}}, Inlines: words("e")},
				doc.Code{Attr: at, Text: "c"}, doc.Space{}, doc.SoftBreak{}, doc.LineBreak{}, doc.Math{Text: "x"}, doc.Math{Display: true, Text: "y"},
				doc.RawInline{Format: "tex", Text: "z"}, doc.Link{Attr: at, Inlines: words("e"), Target: "u", Title: "t"},
				doc.Image{Attr: at, Inlines: words("e"), Target: "u", Title: "t"}, doc.Note{Blocks: ps}, doc.Span{Attr: at, Inlines: words("e")},
			}},
		},
	}
}

func TestEveryNodeIsWrittenAndReadBack(t *testing.T) {
	first := write(t, everything())
	d, err := pandocjson.Read(context.Background(), first, doc.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if second := write(t, d); !bytes.Equal(first, second) {
		t.Errorf("first\n%s\nsecond\n%s", first, second)
	}
}

func TestTheCorpusTreesAreWrittenAsTheyWereRead(t *testing.T) {
	names, err := filepath.Glob(filepath.Join(doctest.Corpus(t, "docx"), "*.json"))
	if err != nil || len(names) == 0 {
		t.Skip("no trees in the corpus")
	}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		d, err := pandocjson.Read(context.Background(), raw, doc.ReadOptions{})
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(name), err)
			continue
		}
		var a, b struct{ Meta, Blocks any }
		if err := json.Unmarshal(raw, &a); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(write(t, d), &b); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%s is not written as it was read", filepath.Base(name))
		}
	}
}

func TestBrokenTreesAreRefusedWithAReason(t *testing.T) {
	wrap := func(blocks string) string { return `{"pandoc-api-version":[1,23],"meta":{},"blocks":` + blocks + `}` }
	for src, want := range map[string]doc.Reason{
		"":                         doc.Malformed,
		"{}":                       doc.Malformed,
		wrap(`[{"t":"Para"}]`):     doc.Malformed,
		wrap(`[{"t":"Nonsense"}]`): doc.Malformed,
		wrap(`[{"t":"Header","c":[1e99,["",[],[]],[]]}]`):                                             doc.Malformed,
		wrap(strings.Repeat(`[{"t":"BlockQuote","c":`, 10_000) + "[]" + strings.Repeat("}]", 10_000)): doc.TooDeep,
		wrap(strings.Repeat(`[{"t":"BlockQuote","c":`, 500) + "[]" + strings.Repeat("}]", 500)):       doc.TooDeep,
	} {
		_, err := pandocjson.Read(context.Background(), []byte(src), doc.ReadOptions{})
		var e *doc.Error
		if !errors.As(err, &e) || e.Reason != want {
			t.Errorf("%.60s: got %v, want %s", src, err, want)
		}
	}
}

func FuzzPandocJSON(f *testing.F) {
	for _, b := range everything().Blocks {
		f.Add(write(f, &doc.Document{Blocks: []doc.Block{b}}))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := pandocjson.Read(context.Background(), b, doc.ReadOptions{Limits: doc.Limits{Nodes: 20000}})
		var e *doc.Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("an error of no known kind: %v", err)
		}
		if err == nil {
			if out := write(t, d); !json.Valid(out) {
				t.Fatalf("not JSON: %q", out)
			}
		}
	})
}
