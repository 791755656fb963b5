package document_test

import (
	"archive/zip"
	"bytes"
	"maps"
	"strings"
	"testing"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/harness"
)

// deep is far more levels than any document has.
const deep = 10_000

// entityBomb would be 10^9 times "ha" to a parser that expands entities.
func entityBomb() string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0"?><!DOCTYPE w:document [<!ENTITY e0 "ha">`)
	for i := 1; i < 10; i++ {
		n, before := string(rune('0'+i)), "&e"+string(rune('0'+i-1))+";"
		b.WriteString(`<!ENTITY e` + n + ` "` + strings.Repeat(before, 10) + `">`)
	}
	b.WriteString(`]><w:document ` + wordSpace + `><w:body><w:p><w:r><w:t>&e9;</w:t></w:r></w:p></w:body></w:document>`)
	return b.String()
}

// hostile are files that mean harm or are not what they seem, and the codes that
// convert and, where it is no report, validate ends with.
func hostile(t testing.TB) map[string]struct {
	file              []byte
	convert, validate crank.Code
} {
	bomb := parts(para("", run("small")), map[string]string{"word/media/zeros.bin": strings.Repeat("\x00", 8<<20)})
	bombBody := parts(strings.Repeat(`<w:p/>`, 2<<20), nil)
	entities := parts("", map[string]string{"word/document.xml": entityBomb()})
	many := parts(para("", run("small")), nil)
	for i := range 11_000 {
		many["x/"+strings.Repeat("y", i%90)+string(rune('a'+i%26))+string(rune(0x4e00+i))] = ""
	}
	locked := word(t, para("", run("secret")), nil)
	locked[6] |= 1 // the first entry's flags: encrypted
	at := bytes.Index(locked, []byte("PK\x01\x02"))
	locked[at+8] |= 1
	nested := strings.Repeat(`<w:tbl><w:tr><w:tc>`, deep) + `<w:p/>` + strings.Repeat(`</w:tc></w:tr></w:tbl>`, deep)
	whole := minutes(t)
	type c = struct {
		file              []byte
		convert, validate crank.Code
	}
	return map[string]c{
		"a zip bomb beside the text":     {archive(t, zip.Deflate, bomb), crank.CodeUnsafeContent, crank.CodeUnsafeContent},
		"a zip bomb as the text":         {archive(t, zip.Deflate, bombBody), crank.CodeUnsafeContent, crank.CodeUnsafeContent},
		"a container of 11,000 entries":  {archive(t, zip.Store, many), crank.CodeUnsafeContent, crank.CodeUnsafeContent},
		"an XML entity bomb":             {archive(t, zip.Deflate, entities), crank.CodeMalformedFile, ""},
		"an encrypted entry":             {locked, crank.CodeEncryptedFile, crank.CodeEncryptedFile},
		"an encrypted document (OLE)":    {append([]byte{0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1}, make([]byte, 1<<10)...), crank.CodeEncryptedFile, crank.CodeEncryptedFile},
		"a DOCX cut off":                 {whole[:len(whole)-200], crank.CodeMalformedFile, ""},
		"a DOCX without its text":        {archive(t, zip.Store, without(parts("", nil), "word/document.xml")), crank.CodeMediaType, crank.CodeMediaType},
		"a zip that is no document":      {archive(t, zip.Store, map[string]string{"a.txt": "a"}), crank.CodeMediaType, crank.CodeMediaType},
		"a program":                      {append([]byte("\x7fELF\x02\x01\x01\x00"), make([]byte, 100)...), crank.CodeMediaType, crank.CodeMediaType},
		"a PDF":                          {[]byte("%PDF-1.7\n%\xe2\xe3"), crank.CodeMediaType, crank.CodeMediaType},
		"HTML nested 10,000 deep":        {[]byte("<!DOCTYPE html>" + strings.Repeat("<div>", deep) + "x"), crank.CodeTooDeep, ""},
		"inline HTML nested 10,000 deep": {[]byte("<p>" + strings.Repeat("<span>", deep) + "x"), crank.CodeTooDeep, ""},
		"Markdown quotes 10,000 deep":    {[]byte("# A\n\n" + strings.Repeat("> ", deep) + "x\n"), crank.CodeTooDeep, ""},
		"Markdown lists 10,000 deep":     {[]byte("# A\n\n" + strings.Repeat("- ", deep) + "x\n"), crank.CodeTooDeep, ""},
		"JSON nested 10,000 deep": {[]byte(`{"pandoc-api-version":[1,23],"meta":{},"blocks":[` + strings.Repeat(`{"t":"BlockQuote","c":[`, deep) +
			strings.Repeat(`]}`, deep) + `]}`), crank.CodeTooDeep, ""},
		"tables nested 10,000 deep in a DOCX": {word(t, nested, nil), crank.CodeTooDeep, ""},
		"nothing":                             {nil, crank.CodeMalformedFile, ""},
	}
}

func without(parts map[string]string, name string) map[string]string {
	parts = maps.Clone(parts)
	delete(parts, name)
	return parts
}

func TestAHostileFileEndsInItsOwnCode(t *testing.T) {
	files := hostile(t)
	for _, isolation := range isolations {
		b := newBench(t, isolation)
		for name, h := range files {
			ref := b.put(t, h.file, "file", "")
			for verb, want := range map[string]crank.Code{"convert": h.convert, "analyze": h.convert, "validate": h.validate} {
				input := map[string]any{"file": ref}
				if verb == "convert" {
					input["to"] = "md"
				}
				r, err := b.call(t, verb, input)
				var got crank.Code
				if err != nil {
					got = crank.AsError(err).Code
				}
				if got != want {
					t.Errorf("%s: %s of %s ends with %v, want %q", isolation, verb, name, err, want)
				}
				if want == "" && !bytes.Contains(r.Output, []byte(`"valid":false`)) {
					t.Errorf("%s: %s is valid: %s", isolation, name, r.Output)
				}
				if err != nil && (len(crank.AsError(err).Message) > 400 || crank.AsError(err).Mend == "") {
					t.Errorf("%s: %s: too long or no mend: %v", isolation, name, crank.AsError(err))
				}
			}
		}
	}
}

func TestAFileOfAnotherTypeIsToldWhichTypesAreRead(t *testing.T) {
	b := newBench(t, harness.Process)
	_, err := b.call(t, "convert", map[string]any{"file": b.put(t, []byte(`{\rtf1 a}`), "a.rtf", ""), "to": "md"})
	if err == nil || !strings.Contains(crank.AsError(err).Mend, "DOCX") {
		t.Errorf("the error is %+v", err)
	}
}

func TestAFileLargerThanTheLimitIsRefused(t *testing.T) {
	for _, isolation := range isolations {
		b := newBench(t, isolation)
		ref := b.put(t, make([]byte, 64<<20+1), "large.txt", "")
		ref.Size = 1 // what the sender says of the size is nothing to go by
		if _, err := b.call(t, "convert", map[string]any{"file": ref, "to": "txt"}); err == nil || crank.AsError(err).Code != crank.CodeTooLarge {
			t.Errorf("%s: 64 MiB and a byte end with %v", isolation, err)
		}
	}
}
