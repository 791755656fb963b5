package document_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/harness"
	"github.com/crank-platform/crank/harness/harnesstest"
	"github.com/crank-platform/crank/kit/child"
	"github.com/crank-platform/crank/platform/market"
	"github.com/crank-platform/crank/workers/document"
)

func TestMain(m *testing.M) {
	child.Main()
	if served, err := harness.Serve(func() []crank.Worker { return []crank.Worker{document.New()} }); served {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var isolations = []string{harness.Process, harness.Inproc}

func TestEveryExampleHoldsInBothIsolations(t *testing.T) {
	for _, isolation := range isolations {
		t.Run(isolation, func(t *testing.T) {
			harnesstest.Run(t, document.New(), harness.Config{Isolation: isolation, Children: 2}, "testdata")
		})
	}
}

func TestThePlansAreSound(t *testing.T) {
	for _, op := range document.New().Manifest().Operations {
		if len(op.Plan.Prices) == 0 {
			t.Errorf("%s has no price", op.Capability)
		}
		if err := market.Validate(op.Plan, op.Meters); err != nil {
			t.Errorf("%s: %v", op.Capability, err)
		}
	}
}

// bench is a host with a blob store, for one test or benchmark.
type bench struct {
	host  *harness.Host
	blobs harnesstest.Blobs
}

func newBench(t testing.TB, isolation string) *bench {
	t.Helper()
	b := &bench{}
	host, err := harness.New(harness.Config{Blobs: &b.blobs, Isolation: isolation, Children: 1}, document.New())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Close)
	b.host = host
	return b
}

const tenant = "tenant_test"

// put keeps a file and returns its reference.
func (b *bench) put(t testing.TB, file []byte, name, mediaType string) crank.BlobRef {
	t.Helper()
	ref, err := b.blobs.Put(t.Context(), tenant, bytes.NewReader(file), crank.Digest{})
	if err != nil {
		t.Fatal(err)
	}
	ref.Name, ref.MediaType = name, mediaType
	return ref
}

func (b *bench) call(t testing.TB, verb string, input map[string]any) (crank.Result, error) {
	t.Helper()
	text, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	return b.host.Handle(t.Context(), crank.Call{
		ID: "call_test", Capability: crank.Capability("document/" + verb + "@1"), Input: text, Deadline: time.Now().Add(time.Minute),
		Principal: crank.Principal{Payer: crank.Payer{Tenant: tenant}},
	}, crank.Offer{}, nil)
}

type answer struct {
	Content json.RawMessage
	From    string
	Losses  []struct{ What string }
	Media   []struct {
		Name string
		File crank.BlobRef
	}
	Outline  []any
	Counts   struct{ Headings int }
	Findings []struct{ Code, Message string }
	Valid    bool
	Full     *crank.BlobRef
}

func (b *bench) must(t testing.TB, verb string, input map[string]any) (a answer) {
	t.Helper()
	r, err := b.call(t, verb, input)
	if err == nil {
		err = json.Unmarshal(r.Output, &a)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (b *bench) bytes(t testing.TB, ref crank.BlobRef) []byte {
	t.Helper()
	r, _, err := b.blobs.Open(t.Context(), tenant, ref.Digest)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestALargeResultIsABlobAndNothingIsLost(t *testing.T) {
	for _, isolation := range isolations {
		b := newBench(t, isolation)
		for size, wantBlob := range map[int]bool{100: false, 150 << 10: false, 250 << 10: true, 3 << 20: true} {
			text := strings.Repeat("All work and some play. ", size/24) + "The end."
			a := b.must(t, "convert", map[string]any{"file": b.put(t, []byte(text), "novel.txt", ""), "to": "txt"})
			var inline string
			var ref crank.BlobRef
			if !wantBlob && (json.Unmarshal(a.Content, &inline) != nil || inline == "") {
				t.Errorf("%s, %d bytes: the content is no string but %.60s", isolation, size, a.Content)
			}
			if wantBlob {
				if err := json.Unmarshal(a.Content, &ref); err != nil || ref.Name != "novel.txt" || ref.MediaType != "text/plain; charset=utf-8" {
					t.Fatalf("%s, %d bytes: the content is %.200s, %v", isolation, size, a.Content, err)
				}
				inline = string(b.bytes(t, ref))
			}
			if got := strings.Join(strings.Fields(inline), " "); got != strings.Join(strings.Fields(text), " ") {
				t.Errorf("%s, %d bytes: %d bytes came back", isolation, size, len(got))
			}
		}
	}
}

func TestPandocsJSONStandsInTheContentAsItsExactText(t *testing.T) {
	b := newBench(t, harness.Inproc)
	a := b.must(t, "convert", map[string]any{"file": b.put(t, []byte("# A & <b>\n"), "a.md", ""), "to": "pandoc-json"})
	var text string
	if err := json.Unmarshal(a.Content, &text); err != nil {
		t.Fatal(err)
	}
	var tree struct {
		Blocks []struct{ T string } `json:"blocks"`
	}
	if err := json.Unmarshal([]byte(text), &tree); err != nil || len(tree.Blocks) != 1 || tree.Blocks[0].T != "Header" {
		t.Errorf("the content is %s, %v", text, err)
	}
}

func TestImagesComeAsMediaOrInsideThePage(t *testing.T) {
	for _, isolation := range isolations {
		b := newBench(t, isolation)
		file := b.put(t, minutes(t), "minutes.docx", "")
		a := b.must(t, "convert", map[string]any{"file": file, "to": "html"})
		if len(a.Media) != 1 || a.Media[0].Name != "media/dot.gif" || a.Media[0].File.MediaType != "image/gif" || !bytes.HasPrefix(b.bytes(t, a.Media[0].File), []byte("GIF89a")) {
			t.Errorf("%s: the media are %+v", isolation, a.Media)
		}
		if !bytes.Contains(a.Content, []byte("media/dot.gif")) {
			t.Errorf("%s: the page does not name its image: %s", isolation, a.Content)
		}
		a = b.must(t, "convert", map[string]any{"file": file, "to": "html", "embed_images": true})
		if len(a.Media) != 0 || !bytes.Contains(a.Content, []byte("data:image/gif;base64,")) {
			t.Errorf("%s: the page does not hold its image: %+v", isolation, a)
		}
	}
}

func TestRawHTMLIsDroppedAndNamedUnlessAskedFor(t *testing.T) {
	b := newBench(t, harness.Inproc)
	file := b.put(t, []byte("# A\n\n<script>alert(1)</script>\n\n[x](javascript:alert%281%29)\n"), "a.md", "")
	a := b.must(t, "convert", map[string]any{"file": file, "to": "html"})
	if bytes.Contains(a.Content, []byte("alert(1)")) || bytes.Contains(a.Content, []byte("javascript:")) || len(a.Losses) < 2 {
		t.Errorf("the page is %s, the losses are %+v", a.Content, a.Losses)
	}
	a = b.must(t, "convert", map[string]any{"file": file, "to": "html", "raw_html": true})
	if !bytes.Contains(a.Content, []byte("script")) || !bytes.Contains(a.Content, []byte("alert(1)")) {
		t.Errorf("the page is %s", a.Content)
	}
}

func TestTheMediaTypeDecidesOnlyAmongTextFormats(t *testing.T) {
	b := newBench(t, harness.Inproc)
	for _, c := range []struct {
		file      []byte
		mediaType string
		want      string
	}{
		{[]byte("Plain prose."), "", "text"},
		{[]byte("Plain prose."), "text/plain", "text"},
		{[]byte("Plain prose."), "text/markdown; charset=utf-8", "markdown"},
		{[]byte("# Marks"), "text/plain", "markdown"},
		{[]byte("<div align=center>\n\n# Readme\n"), "text/markdown", "markdown"},
		{[]byte("Some <b>bold</b>."), "text/html", "html"},
		{minutes(t), "text/html", "docx"},
		{[]byte(`{"pandoc-api-version":[1,23],"meta":{},"blocks":[]}`), "text/markdown", "pandoc-json"},
		{[]byte("Plain prose."), "a broken type", "text"},
	} {
		a := b.must(t, "convert", map[string]any{"file": b.put(t, c.file, "x", c.mediaType), "to": "md"})
		if a.From != c.want {
			t.Errorf("%.20q sent as %q is read as %s, want %s", c.file, c.mediaType, a.From, c.want)
		}
	}
}

func TestALongInventoryIsCutAndWholeInABlob(t *testing.T) {
	for _, isolation := range isolations {
		b := newBench(t, isolation)
		var text strings.Builder
		for i := range 4000 {
			fmt.Fprintf(&text, "# Chapter %d\n\n[to](#nowhere-%d)\n\n", i, i)
		}
		file := b.put(t, []byte(text.String()), "long.md", "")
		a := b.must(t, "analyze", map[string]any{"file": file})
		if len(a.Outline) != 300 || a.Counts.Headings != 4000 || a.Full == nil {
			t.Fatalf("%s: %d headings listed of %d, the rest in %v", isolation, len(a.Outline), a.Counts.Headings, a.Full)
		}
		var whole answer
		if err := json.Unmarshal(b.bytes(t, *a.Full), &whole); err != nil || len(whole.Outline) != 4000 {
			t.Errorf("%s: the blob lists %d, %v", isolation, len(whole.Outline), err)
		}
	}
}

func TestALongReportIsCutAndWholeInABlob(t *testing.T) {
	for _, isolation := range isolations {
		b := newBench(t, isolation)
		long := strings.Repeat("<", 1000)
		file := b.put(t, []byte("<!DOCTYPE html><title>t</title>"+strings.Repeat("<i id='"+long+"'>x</i>", 1000)), "ids.html", "")
		a := b.must(t, "validate", map[string]any{"file": file})
		if a.Valid || len(a.Findings) != 300 || len(a.Findings[5].Message) > 250 || a.Full == nil {
			t.Fatalf("%s: %d findings, the rest in %v", isolation, len(a.Findings), a.Full)
		}
		var whole answer
		if err := json.Unmarshal(b.bytes(t, *a.Full), &whole); err != nil || len(whole.Findings) < 999 || len(whole.Findings[5].Message) < 1000 {
			t.Errorf("%s: the blob lists %d, %v", isolation, len(whole.Findings), err)
		}
	}
}

func TestMoreImagesThanAnAnswerCanNameAreRefused(t *testing.T) {
	pictures := func(n int, name string) []byte {
		rels, more := &strings.Builder{}, map[string]string{}
		body := &strings.Builder{}
		for i := range n {
			target := fmt.Sprintf("media/%s%d.gif", name, i)
			fmt.Fprintf(rels, `<Relationship Id="p%d" Type="%simage" Target="%s"/>`, i, relation, target)
			more["word/"+target] = "GIF89a"
			fmt.Fprintf(body, `<w:p><w:r><w:drawing><a:blip xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" r:embed="p%d"/></w:drawing></w:r></w:p>`, i)
		}
		more["word/_rels/document.xml.rels"] = xmlHead + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` + rels.String() + `</Relationships>`
		return word(t, body.String(), more)
	}
	for _, isolation := range isolations {
		b := newBench(t, isolation)
		file := b.put(t, pictures(2000, "dot"), "album.docx", "")
		if a := b.must(t, "convert", map[string]any{"file": file, "to": "txt"}); len(a.Media) != 2000 {
			t.Errorf("%s: %d of 2000 images come along", isolation, len(a.Media))
		}
		for name, file := range map[string][]byte{"2001 images": pictures(2001, "dot"), "50 long names": pictures(50, strings.Repeat("n", 6000))} {
			_, err := b.call(t, "convert", map[string]any{"file": b.put(t, file, "album.docx", ""), "to": "txt"})
			if err == nil || crank.AsError(err).Code != crank.CodeTooLarge {
				t.Errorf("%s: %s end with %v", isolation, name, err)
			}
		}
	}
}

func TestTheSameInputGivesTheSameAnswer(t *testing.T) {
	b := newBench(t, harness.Inproc)
	file := b.put(t, minutes(t), "minutes.docx", "")
	for _, verb := range []string{"convert", "analyze", "validate"} {
		input := map[string]any{"file": file}
		if verb == "convert" {
			input["to"] = "md"
		}
		first := b.must(t, verb, input)
		for range 5 {
			if again := b.must(t, verb, input); !reflect.DeepEqual(first, again) {
				t.Errorf("%s answers %+v, then %+v", verb, first, again)
			}
		}
	}
}

func TestTheDemosReportConvertsAndNamesItsOneLoss(t *testing.T) {
	file, err := os.ReadFile(filepath.Join("..", "..", "examples", "demo", "report.docx"))
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, harness.Process)
	ref := b.put(t, file, "report.docx", "")
	if a := b.must(t, "convert", map[string]any{"file": ref, "to": "html"}); len(a.Losses) > 0 {
		t.Errorf("to HTML loses %+v", a.Losses)
	}
	a := b.must(t, "convert", map[string]any{"file": ref, "to": "md"})
	if len(a.Losses) != 1 || a.Losses[0].What != "list-style" {
		t.Errorf("Markdown has no lists by letters, and nothing else is lost: %+v", a.Losses)
	}
	for _, want := range []string{"# One year", "    - one tip is `0.2 mm`", "| Spring | 9.8 |", "[^2]: ", "_**what to do next**_", "(https://example.org/roof-station)"} {
		if text, _ := json.Marshal(want); !bytes.Contains(a.Content, bytes.Trim(text, `"`)) {
			t.Errorf("the Markdown lacks %q: %s", want, a.Content)
		}
	}
	if a := b.must(t, "validate", map[string]any{"file": ref}); !a.Valid || len(a.Findings) > 0 {
		t.Errorf("the report has findings: %+v", a)
	}
}
