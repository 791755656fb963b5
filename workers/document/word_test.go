package document_test

import (
	"archive/zip"
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the DOCX files of the examples anew")

// The smallest Word document is these parts and a word/document.xml.
const (
	xmlHead      = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	wordSpace    = `xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"`
	relation     = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
	contentTypes = xmlHead + `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">` +
		`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
		`<Default Extension="xml" ContentType="application/xml"/><Default Extension="gif" ContentType="image/gif"/>` +
		`<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/>` +
		`<Override PartName="/word/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.styles+xml"/>` +
		`<Override PartName="/word/numbering.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.numbering+xml"/>` +
		`<Override PartName="/word/footnotes.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"/></Types>`
	rootRelations = xmlHead + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` +
		`<Relationship Id="rId1" Type="` + relation + `officeDocument" Target="word/document.xml"/></Relationships>`
)

// word makes a Word document whose body is given; more parts may be added. The
// bytes are the same each time.
func word(t testing.TB, body string, more map[string]string) []byte {
	return archive(t, zip.Store, parts(body, more))
}

func parts(body string, more map[string]string) map[string]string {
	all := map[string]string{
		"[Content_Types].xml": contentTypes,
		"_rels/.rels":         rootRelations,
		"word/document.xml":   xmlHead + `<w:document ` + wordSpace + `><w:body>` + body + `</w:body></w:document>`,
	}
	maps.Copy(all, more)
	return all
}

func archive(t testing.TB, method uint16, all map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: method})
		if err == nil {
			_, err = f.Write([]byte(all[name]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func para(style, runs string) string {
	if style != "" {
		style = `<w:pPr><w:pStyle w:val="` + style + `"/></w:pPr>`
	}
	return `<w:p>` + style + runs + `</w:p>`
}

func item(level, runs string) string {
	return `<w:p><w:pPr><w:numPr><w:ilvl w:val="` + level + `"/><w:numId w:val="1"/></w:numPr></w:pPr>` + runs + `</w:p>`
}

func run(s string) string { return `<w:r><w:t xml:space="preserve">` + s + `</w:t></w:r>` }

func styled(mark, s string) string {
	return `<w:r><w:rPr><w:` + mark + `/></w:rPr><w:t xml:space="preserve">` + s + `</w:t></w:r>`
}

func cell(s string) string { return `<w:tc><w:tcPr/>` + para("", run(s)) + `</w:tc>` }

func row(head string, cells ...string) string {
	return `<w:tr>` + head + strings.Join(cells, "") + `</w:tr>`
}

// minutes is the DOCX of the examples: a heading, bold, a nested list, a table, a
// footnote, a link and an image.
func minutes(t testing.TB) []byte {
	const head = `<w:trPr><w:tblHeader/></w:trPr>`
	body := para("Heading1", run("Garden minutes")) +
		para("", run("We met ")+styled("b", "twice")+run(" and planted ")+styled("i", "everything")+run(" on the list.")+
			`<w:r><w:footnoteReference w:id="2"/></w:r>`) +
		item("0", run("Beans")) + item("1", run("by the fence")) + item("0", run("Onions")) +
		`<w:tbl><w:tblPr/><w:tblGrid><w:gridCol w:w="2000"/><w:gridCol w:w="2000"/></w:tblGrid>` +
		row(head, cell("Bed"), cell("Rows")) + row("", cell("North"), cell("4")) + `</w:tbl>` +
		para("", run("See ")+`<w:hyperlink r:id="rId4">`+run("the plan")+`</w:hyperlink>`+run(".")) +
		para("", `<w:r><w:drawing><wp:inline xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"><wp:extent cx="9525" cy="9525"/><wp:docPr id="1" name="dot" descr="A dot"/>`+
			`<a:graphic xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><a:graphicData uri="http://schemas.openxmlformats.org/drawingml/2006/picture">`+
			`<pic:pic xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture"><pic:nvPicPr><pic:cNvPr id="1" name="dot"/><pic:cNvPicPr/></pic:nvPicPr><pic:blipFill><a:blip r:embed="rId5"/></pic:blipFill><pic:spPr/></pic:pic>`+
			`</a:graphicData></a:graphic></wp:inline></w:drawing></w:r>`)
	level := func(n string) string {
		return `<w:lvl w:ilvl="` + n + `"><w:start w:val="1"/><w:numFmt w:val="bullet"/><w:lvlText w:val="&#8226;"/></w:lvl>`
	}
	return word(t, body, map[string]string{
		"word/_rels/document.xml.rels": xmlHead + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` +
			`<Relationship Id="rId1" Type="` + relation + `styles" Target="styles.xml"/>` +
			`<Relationship Id="rId2" Type="` + relation + `numbering" Target="numbering.xml"/>` +
			`<Relationship Id="rId3" Type="` + relation + `footnotes" Target="footnotes.xml"/>` +
			`<Relationship Id="rId4" Type="` + relation + `hyperlink" Target="https://example.org/plan" TargetMode="External"/>` +
			`<Relationship Id="rId5" Type="` + relation + `image" Target="media/dot.gif"/></Relationships>`,
		"word/styles.xml": xmlHead + `<w:styles ` + wordSpace + `><w:style w:type="paragraph" w:styleId="Heading1"><w:name w:val="heading 1"/><w:pPr><w:outlineLvl w:val="0"/></w:pPr></w:style></w:styles>`,
		"word/numbering.xml": xmlHead + `<w:numbering ` + wordSpace + `><w:abstractNum w:abstractNumId="0">` + level("0") + level("1") +
			`</w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num></w:numbering>`,
		"word/footnotes.xml": xmlHead + `<w:footnotes ` + wordSpace + `><w:footnote w:id="2">` + para("", run("The list hangs in the shed.")) + `</w:footnote></w:footnotes>`,
		"word/media/dot.gif": "GIF89a\x01\x00\x01\x00\x80\x00\x00\x20\x60\x20\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;",
	})
}

func TestTheExamplesOwnDOCXIsTheOneMadeHere(t *testing.T) {
	whole := minutes(t)
	for path, want := range map[string][]byte{
		"testdata/document-convert@1/docx-to-md/minutes.docx":   whole,
		"testdata/document-convert@1/docx-cut-off/minutes.docx": whole[:len(whole)/2],
		"testdata/document-analyze@1/docx/minutes.docx":         whole,
		"testdata/document-validate@1/docx/minutes.docx":        whole,
	} {
		path = filepath.FromSlash(path)
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what this test makes (%v); run with -update", path, err)
		}
	}
}
