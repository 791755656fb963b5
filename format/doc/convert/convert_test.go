package convert_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/crank-platform/crank/format/doc"
	"github.com/crank-platform/crank/format/doc/convert"
)

// word makes a small Word document; parts replace or add to its own.
func word(t *testing.T, parts map[string]string) []byte {
	t.Helper()
	all := map[string]string{
		"[Content_Types].xml": `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/><Default Extension="rels" ContentType="application/xml"/></Types>`,
		"_rels/.rels":         `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="a" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>`,
		"word/document.xml":   body(`<w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>Head</w:t></w:r></w:p><w:p><w:r><w:t>Two words</w:t></w:r></w:p>`),
	}
	for k, v := range parts {
		all[k] = v
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, s := range all {
		f, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func body(s string) string {
	return `<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><w:body>` + s + `</w:body></w:document>`
}

const tree = `{"pandoc-api-version":[1,23],"meta":{},"blocks":[{"t":"Header","c":[1,["",[],[]],[{"t":"Str","c":"Head"}]]},{"t":"Para","c":[{"t":"Str","c":"Two"},{"t":"Space"},{"t":"Str","c":"words"}]}]}`

func TestEveryReaderMeetsEveryWriter(t *testing.T) {
	sources := map[doc.Format][]byte{
		doc.Markdown:   []byte("# Head\n\nTwo words\n"),
		doc.HTML:       []byte("<!DOCTYPE html><h1>Head</h1><p>Two words</p>"),
		doc.DOCX:       word(t, nil),
		doc.Text:       []byte("Head\n\nTwo words\n"),
		doc.PandocJSON: []byte(tree),
	}
	for _, from := range convert.Formats() {
		for _, to := range convert.Formats() {
			if to.Write == nil {
				continue
			}
			src := sources[from.Name]
			var out bytes.Buffer
			r, err := convert.Convert(context.Background(), convert.Request{To: to.Name, Src: bytes.NewReader(src), Size: int64(len(src))}, &out)
			if err != nil {
				t.Errorf("%s to %s: %v", from.Name, to.Name, err)
				continue
			}
			if r.From != from.Name || r.To != to.Name {
				t.Errorf("%s to %s: %+v", from.Name, to.Name, r)
			}
			for _, w := range []string{"Head", "Two", "words"} {
				if !strings.Contains(out.String(), w) {
					t.Errorf("%s to %s lost %q: %s", from.Name, to.Name, w, out.String())
				}
			}
		}
	}
}

func TestFormatsAreToldApartByContent(t *testing.T) {
	for in, want := range map[string]doc.Format{
		"just some prose.\nand more":       doc.Text,
		"# a\n":                            doc.Markdown,
		"a [link](http://example.com) b":   doc.Markdown,
		"- a\n- b\n":                       doc.Markdown,
		"---\ntitle: x\n---\nprose":        doc.Markdown,
		"\n <!-- c --><HTML><p>":           doc.HTML,
		"<div class=x>":                    doc.HTML,
		"a < b and <b>c</b>":               doc.Text,
		tree:                               doc.PandocJSON,
		string(word(t, nil)):               doc.DOCX,
		"\xff\xfeh\x00":                    doc.Text,
		"\uFEFF<!DOCTYPE html><title>x":    doc.HTML,
		"1. one\n2. two\n":                 doc.Markdown,
		"It costs - as ever - 5 * 3 coins": doc.Text,
	} {
		if got, err := convert.Detect(strings.NewReader(in), int64(len(in))); err != nil || got != want {
			t.Errorf("%.40q: got %s %v, want %s", in, got, err, want)
		}
	}
	for in, want := range map[string]doc.Reason{
		"":                                 doc.Malformed,
		"%PDF-1.7":                         doc.Unsupported,
		"\x7fELF\x00\x00":                  doc.Unsupported,
		"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1": doc.Encrypted,
		"PK\x03\x04broken":                 doc.Malformed,
		`{\rtf1 x}`:                        doc.Unsupported,
	} {
		_, err := convert.Detect(strings.NewReader(in), int64(len(in)))
		var e *doc.Error
		if !errors.As(err, &e) || e.Reason != want {
			t.Errorf("%.20q: got %v, want %s", in, err, want)
		}
	}
}

func TestAnalysisCountsWhatIsThere(t *testing.T) {
	src := "---\ntitle: A title\n---\n# One\n\nIt's *two words*, 世界.[^1]\n\n## Two\n\n- a\n- b\n\n| x | y |\n|---|---|\n| 1 | 2 |\n\n![alt](i.png) [l](http://example.com)\n\n```\ncode\n```\n\n> q\n\n[^1]: note\n"
	a, err := convert.Analyze(context.Background(), "", strings.NewReader(src), int64(len(src)), doc.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := convert.Counts{Words: 17, Characters: 38, Paragraphs: 10, Headings: 2, Lists: 1, Tables: 1, Images: 1, Links: 1, Footnotes: 1, CodeBlocks: 1, Quotes: 1}
	if a.Counts != want {
		t.Errorf("got %+v\nwant %+v", a.Counts, want)
	}
	if a.Title != "A title" || len(a.Outline) != 2 || a.Outline[1] != (doc.Heading{Level: 2, Text: "Two", ID: "two", Block: 3}) {
		t.Errorf("title %q outline %+v", a.Title, a.Outline)
	}
	if a.Format != doc.Markdown || a.Images[0].Alt != "alt" || a.Links[0] != (convert.Link{Target: "http://example.com", Text: "l"}) {
		t.Errorf("%+v", a)
	}
}

func codes(t *testing.T, src []byte) ([]string, bool) {
	t.Helper()
	r, err := convert.Validate(context.Background(), "", bytes.NewReader(src), int64(len(src)), doc.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range r.Findings {
		out = append(out, f.Code)
		if f.Place == "" || f.Message == "" {
			t.Errorf("a finding without place or message: %+v", f)
		}
	}
	return out, r.Valid
}

func TestSoundDocumentsAreValid(t *testing.T) {
	for _, src := range [][]byte{
		[]byte("# A\n\n## B\n\n[to b](#b) ![x](y.png)\n"),
		[]byte("<!DOCTYPE html><html lang=en><title>t</title><body><h1>a</h1><p>b<ul><li>c</ul>"),
		word(t, map[string]string{"word/styles.xml": `<w:styles xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:style w:type="paragraph" w:styleId="Heading1"><w:name w:val="heading 1"/></w:style></w:styles>`}),
		word(t, map[string]string{"word/": "", "word/styles.xml": `<w:styles xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:style w:type="paragraph" w:styleId="Heading1"><w:name w:val="heading 1"/></w:style></w:styles>`}),
		[]byte(tree),
	} {
		if c, valid := codes(t, src); !valid || len(c) > 0 {
			t.Errorf("%.60q: %v %v", src, valid, c)
		}
	}
}

func TestFaultsAreFoundEachByItsCode(t *testing.T) {
	for want, src := range map[string][]byte{
		"heading-level-jump":      []byte("# A\n\n### B\n"),
		"heading-empty":           []byte("# \n\n## B\n"),
		"image-alt-missing":       []byte("# A\n\n![](x.png)\n"),
		"link-target-empty":       []byte("# A\n\n[x]()\n"),
		"link-text-empty":         []byte("# A\n\n[](http://example.com)\n"),
		"link-broken":             []byte("# A\n\n[x](#nothing)\n"),
		"encoding":                []byte("# A\n\n\xff\n"),
		"table-head-missing":      []byte("<p>a</p><table><tr><td>1</table>"),
		"id-repeated":             []byte("<p id=a>x<p id=a>y"),
		"end-without-start":       []byte("<p>x</em></p>"),
		"element-unclosed":        []byte("<p><b>x</p>"),
		"title-missing":           []byte("<!DOCTYPE html><html lang=en><p>x"),
		"language-missing":        []byte("<!DOCTYPE html><html><title>x</title><p>x"),
		"doctype-missing":         []byte("<html lang=en><title>x</title><p>x"),
		"relationship-broken":     word(t, map[string]string{"word/_rels/document.xml.rels": `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="q" Type="x/image" Target="media/gone.png"/></Relationships>`}),
		"relationship-missing":    word(t, map[string]string{"word/document.xml": body(`<w:p><w:hyperlink r:id="none"><w:r><w:t>x</w:t></w:r></w:hyperlink></w:p>`)}),
		"external-resource":       word(t, map[string]string{"word/_rels/document.xml.rels": `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="q" Type="x/attachedTemplate" Target="http://example.com/t" TargetMode="External"/></Relationships>`}),
		"malformed":               word(t, map[string]string{"word/styles.xml": "<w:styles>"}),
		"content-type-missing":    word(t, map[string]string{"word/media/i.png": "x"}),
		"macros":                  word(t, map[string]string{"word/vbaProject.bin": "x"}),
		"style-undefined":         word(t, nil),
		"content-type-of-nothing": word(t, map[string]string{"[Content_Types].xml": `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="a"/><Default Extension="rels" ContentType="a"/><Override PartName="/gone.xml" ContentType="b"/></Types>`}),
	} {
		if c, _ := codes(t, src); !slices.Contains(c, want) {
			t.Errorf("%s: got %v", want, c)
		}
	}
}

func TestWhatTheLimitsKeepShutIsAnErrorNotAReport(t *testing.T) {
	src := []byte("# A\n")
	_, err := convert.Validate(context.Background(), doc.Markdown, bytes.NewReader(src), int64(len(src)), doc.ReadOptions{Limits: doc.Limits{Bytes: 2}})
	var e *doc.Error
	if !errors.As(err, &e) || e.Reason != doc.TooLarge {
		t.Errorf("got %v", err)
	}
	_, err = convert.Convert(context.Background(), convert.Request{To: "docx", Src: bytes.NewReader(src), Size: int64(len(src))}, &bytes.Buffer{})
	if !errors.As(err, &e) || e.Reason != doc.Unsupported {
		t.Errorf("got %v", err)
	}
}
