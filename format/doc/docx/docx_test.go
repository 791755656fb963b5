package docx_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/crank-platform/crank/format/doc"
	"github.com/crank-platform/crank/format/doc/docx"
	"github.com/crank-platform/crank/format/doc/markdown"
)

const w = `xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"`

// pack makes a document of a body and further parts.
func pack(t testing.TB, body string, parts ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	all := append([]string{
		"_rels/.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="a" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/><Relationship Id="b" Type="http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties" Target="docProps/core.xml"/></Relationships>`,
		"word/document.xml", `<?xml version="1.0"?><w:document ` + w + `><w:body>` + body + `</w:body></w:document>`,
	}, parts...)
	for i := 0; i+1 < len(all); i += 2 {
		f, err := z.Create(all[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(all[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(b []byte, l doc.Limits) (*doc.Document, error) {
	return docx.Read(context.Background(), bytes.NewReader(b), int64(len(b)), doc.ReadOptions{Limits: l})
}

func md(t *testing.T, b []byte) string {
	t.Helper()
	d, err := read(b, doc.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := markdown.Write(context.Background(), &out, d, doc.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func p(props, text string) string {
	if props != "" {
		props = "<w:pPr>" + props + "</w:pPr>"
	}
	return "<w:p>" + props + `<w:r><w:t xml:space="preserve">` + text + "</w:t></w:r></w:p>"
}

const sheet = `<w:styles ` + w + `>
<w:style w:type="paragraph" w:styleId="H1"><w:name w:val="heading 1"/></w:style>
<w:style w:type="paragraph" w:styleId="Own"><w:name w:val="My heading"/><w:basedOn w:val="H1"/></w:style>
<w:style w:type="paragraph" w:styleId="Round"><w:name w:val="round"/><w:basedOn w:val="Round"/></w:style>
<w:style w:type="paragraph" w:styleId="SourceCode"><w:name w:val="Source Code"/></w:style>
<w:style w:type="paragraph" w:styleId="Quote"><w:name w:val="Quote"/></w:style></w:styles>`

const lists = `<w:numbering ` + w + `>
<w:abstractNum w:abstractNumId="0"><w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1)"/></w:lvl><w:lvl w:ilvl="1"><w:numFmt w:val="bullet"/><w:lvlText w:val="o"/></w:lvl></w:abstractNum>
<w:num w:numId="7"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="3"/></w:lvlOverride></w:num></w:numbering>`

func at(level string) string {
	return `<w:numPr><w:ilvl w:val="` + level + `"/><w:numId w:val="7"/></w:numPr>`
}

func TestStylesNumberingTablesAndNotesBecomeStructure(t *testing.T) {
	body := p(`<w:pStyle w:val="Own"/>`, "Title") + p(`<w:pStyle w:val="Round"/>`, "Text") +
		p(at("0"), "one") + p(at("1"), "inner") + p(at("0"), "two") +
		p(`<w:pStyle w:val="Quote"/>`, "said") +
		`<w:p><w:pPr><w:pStyle w:val="SourceCode"/></w:pPr><w:r><w:t>a</w:t><w:br/><w:t xml:space="preserve">  b</w:t></w:r></w:p>` +
		`<w:p><w:r><w:rPr><w:b/></w:rPr><w:t xml:space="preserve">bold </w:t></w:r><w:r><w:rPr><w:b/><w:i/></w:rPr><w:t>both</w:t></w:r><w:ins><w:r><w:t xml:space="preserve"> in</w:t></w:r></w:ins><w:del><w:r><w:delText>out</w:delText></w:r></w:del><w:r><w:footnoteReference w:id="2"/></w:r></w:p>` +
		`<w:tbl><w:tblPr><w:tblLook w:firstRow="1"/></w:tblPr><w:tr><w:tc>` + p("", "a") + `</w:tc><w:tc>` + p("", "b") + `</w:tc></w:tr><w:tr><w:tc>` + p("", "1") + `</w:tc><w:tc>` + p("", "2") + `</w:tc></w:tr></w:tbl>`
	got := md(t, pack(t, body, "word/styles.xml", sheet, "word/numbering.xml", lists,
		"word/footnotes.xml", `<w:footnotes `+w+`><w:footnote w:id="2">`+p("", "below")+`</w:footnote></w:footnotes>`))
	want := "# Title\n\nText\n\n3) one\n   - inner\n4) two\n\n> said\n\n```\na\n  b\n```\n\n**bold *both*** in[^1]\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n[^1]: below\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestMergedCellsBecomeSpans(t *testing.T) {
	cell := func(pr, s string) string { return "<w:tc><w:tcPr>" + pr + "</w:tcPr>" + p("", s) + "</w:tc>" }
	b := pack(t, `<w:tbl><w:tr>`+cell(`<w:vMerge w:val="restart"/>`, "tall")+cell(`<w:gridSpan w:val="2"/>`, "wide")+`</w:tr><w:tr>`+
		cell(`<w:vMerge/>`, "")+cell("", "x")+cell("", "y")+`</w:tr></w:tbl>`)
	d, err := read(b, doc.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	rows := d.Blocks[0].(doc.Table).AllRows()
	if len(rows) != 2 || len(rows[0].Cells) != 2 || len(rows[1].Cells) != 2 || rows[0].Cells[0].RowSpan != 2 || rows[0].Cells[1].ColSpan != 2 {
		t.Errorf("rows %+v", rows)
	}
}

func TestCaptionsStayWithTheirTablesAndAreNeverLost(t *testing.T) {
	caption := func(s string) string {
		return `<w:p><w:pPr><w:pStyle w:val="Caption"/></w:pPr><w:r><w:t xml:space="preserve">` + s + ` </w:t></w:r><w:fldSimple w:instr=" SEQ Table \\* ARABIC "><w:r><w:t>1</w:t></w:r></w:fldSimple></w:p>`
	}
	table := `<w:tbl><w:tr><w:tc>` + p("", "x") + `</w:tc></w:tr></w:tbl>`
	for name, c := range map[string]struct{ body, want string }{
		"above": {caption("A") + table + p("", "-") + caption("B") + table, "A 1|B 1"},
		"below": {table + caption("A") + p("", "-") + table + caption("B"), "A 1|B 1"},
	} {
		d, err := read(pack(t, c.body), doc.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, b := range d.Blocks {
			if tb, ok := b.(doc.Table); ok {
				got = append(got, doc.BlocksText(tb.Caption.Blocks))
			}
		}
		if strings.Join(got, "|") != c.want {
			t.Errorf("%s: got %q", name, got)
		}
	}
	if got := md(t, pack(t, caption("Alone"))); got != "Alone 1\n" {
		t.Errorf("got %q", got)
	}
}

func TestLinksFieldsAndImagesKeepTheirTargets(t *testing.T) {
	rels := `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="l" Type="x/hyperlink" Target="http://example.com/a" TargetMode="External"/><Relationship Id="i" Type="x/image" Target="media/i.png"/></Relationships>`
	fld := func(kind string) string { return `<w:r><w:fldChar w:fldCharType="` + kind + `"/></w:r>` }
	body := `<w:p><w:hyperlink r:id="l"><w:r><w:t>out</w:t></w:r></w:hyperlink><w:r><w:t xml:space="preserve"> and </w:t></w:r>` +
		fld("begin") + `<w:r><w:instrText> HYPERLINK \l "mark" </w:instrText></w:r>` + fld("separate") + `<w:r><w:t>inside</w:t></w:r>` + fld("end") + `</w:p>` +
		`<w:p><w:bookmarkStart w:id="1" w:name="mark"/><w:bookmarkStart w:id="2" w:name="unused"/><w:r><w:t>here</w:t></w:r></w:p>` +
		`<w:p><w:r><w:drawing xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"><wp:docPr descr="a dot"/><a:blip r:embed="i"/></w:drawing></w:r></w:p>`
	b := pack(t, body, "word/_rels/document.xml.rels", rels, "word/media/i.png", "PNG")
	if got, want := md(t, b), "[out](http://example.com/a) and [inside](#mark)\n\n<span id=\"mark\"></span>here\n\n![a dot](media/i.png)\n"; got != want {
		t.Errorf("got %q want %q", got, want)
	}
	d, err := read(b, doc.Limits{})
	if err != nil || string(d.Media["media/i.png"].Data) != "PNG" {
		t.Errorf("media %v %v", d, err)
	}
}

func TestCorePropertiesBecomeMetadata(t *testing.T) {
	d, err := read(pack(t, p("", "x"), "docProps/core.xml", `<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>A title</dc:title><dc:creator>Someone</dc:creator></cp:coreProperties>`), doc.Limits{})
	if err != nil || doc.MetaText(d.Meta["title"]) != "A title" || doc.MetaText(d.Meta["author"]) != "Someone" {
		t.Errorf("meta %v %v", d, err)
	}
}

func TestHostileAndBrokenFilesAreRefusedWithAReason(t *testing.T) {
	good := pack(t, p("", "x"))
	deep := strings.Repeat("<w:sdt><w:sdtContent>", 10_000) + strings.Repeat("</w:sdtContent></w:sdt>", 10_000)
	var nested strings.Builder
	for range 1200 {
		nested.WriteString("<w:tbl><w:tr><w:tc>")
	}
	for range 1200 {
		nested.WriteString("</w:tc></w:tr></w:tbl>")
	}
	for name, c := range map[string]struct {
		bytes  []byte
		limits doc.Limits
		reason doc.Reason
	}{
		"empty":             {nil, doc.Limits{}, doc.Malformed},
		"not a zip":         {[]byte("hello"), doc.Limits{}, doc.Malformed},
		"truncated":         {good[:len(good)-30], doc.Limits{}, doc.Malformed},
		"encrypted":         {append([]byte{0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1}, make([]byte, 600)...), doc.Limits{}, doc.Encrypted},
		"too large":         {good, doc.Limits{Bytes: 10}, doc.TooLarge},
		"too many entries":  {good, doc.Limits{Entries: 1}, doc.ZipBomb},
		"bomb by ratio":     {pack(t, p("", strings.Repeat("a", 3<<20))), doc.Limits{}, doc.ZipBomb},
		"bomb by entry":     {good, doc.Limits{Entry: 20}, doc.ZipBomb},
		"doctype":           {pack(t, "", "word/styles.xml", `<!DOCTYPE x [<!ENTITY a "b">]><w:styles `+w+`/>`), doc.Limits{}, doc.Malformed},
		"10,000 deep":       {pack(t, deep), doc.Limits{}, doc.TooDeep},
		"deep tables":       {pack(t, nested.String()), doc.Limits{Depth: 300}, doc.TooDeep},
		"broken xml":        {pack(t, "<w:p>"), doc.Limits{}, doc.Malformed},
		"too many nodes":    {pack(t, strings.Repeat(p("", "x"), 100)), doc.Limits{Nodes: 50}, doc.TooLarge},
		"no document in it": {zipOf(t, "a.txt", "x"), doc.Limits{}, doc.Unsupported},
	} {
		_, err := read(c.bytes, c.limits)
		var e *doc.Error
		if !errors.As(err, &e) || e.Reason != c.reason {
			t.Errorf("%s: got %v, want %s", name, err, c.reason)
		}
	}
}

func zipOf(t *testing.T, name, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	f, err := z.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(f, content)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestACancelledReadStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	b := pack(t, strings.Repeat(p("", "x"), 5000))
	if _, err := docx.Read(ctx, bytes.NewReader(b), int64(len(b)), doc.ReadOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func FuzzDocx(f *testing.F) {
	f.Add(p(at("0"), "x")+`<w:tbl><w:tr><w:tc><w:p/></w:tc></w:tr></w:tbl>`, sheet, lists)
	f.Add(`<w:p><w:r><w:fldChar w:fldCharType="begin"/><w:instrText>HYPERLINK "a</w:instrText><w:fldChar w:fldCharType="separate"/><w:t>x</w:t><w:fldChar w:fldCharType="end"/></w:r></w:p>`, sheet, lists)
	f.Fuzz(func(t *testing.T, body, styles, numbering string) {
		b := pack(t, body, "word/styles.xml", styles, "word/numbering.xml", numbering)
		d, err := read(b, doc.Limits{Depth: 100, Nodes: 20000})
		var e *doc.Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("an error of no known kind: %v", err)
		}
		if err == nil {
			var out bytes.Buffer
			if _, err := markdown.Write(context.Background(), &out, d, doc.WriteOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzContainer(f *testing.F) {
	f.Add(pack(f, p("", "x")))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := read(b, doc.Limits{Unpacked: 1 << 20})
		var e *doc.Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("an error of no known kind: %v", err)
		}
	})
}
