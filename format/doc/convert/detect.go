package convert

import (
	"bytes"
	"errors"
	"io"
	"regexp"

	"github.com/crank-platform/crank/format/doc"
	"github.com/crank-platform/crank/format/doc/internal/opc"
)

// sniff is how many bytes at the beginning are looked at.
const sniff = 64 << 10

// Detect tells a document's format by its content, never by a name. What it
// does not know is an *doc.Error: unsupported, encrypted, or malformed if empty.
func Detect(src io.ReaderAt, size int64) (doc.Format, error) {
	const op = "convert.detect"
	head := make([]byte, min(size, sniff))
	n, err := src.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", doc.Wrap(doc.Malformed, op, "the input cannot be read", err)
	}
	head = head[:n]
	switch {
	case n == 0:
		return "", doc.E(doc.Malformed, op, "the input is empty")
	case bytes.HasPrefix(head, []byte{0xD0, 0xCF, 0x11, 0xE0}):
		return "", doc.E(doc.Encrypted, op, "an encrypted or an old binary Office document; save it without a password as .docx")
	case bytes.HasPrefix(head, []byte("PK")):
		return container(src, size)
	case bytes.HasPrefix(head, []byte("%PDF-")):
		return "", doc.E(doc.Unsupported, op, "a PDF; this library does not read PDF")
	case bytes.HasPrefix(head, []byte(`{\rtf`)):
		return "", doc.E(doc.Unsupported, op, "an RTF document; this library does not read RTF")
	}
	if bytes.HasPrefix(head, []byte{0xFF, 0xFE}) || bytes.HasPrefix(head, []byte{0xFE, 0xFF}) {
		return doc.Text, nil
	}
	if bytes.IndexByte(head, 0) >= 0 {
		return "", doc.E(doc.Unsupported, op, "binary content of an unknown kind")
	}
	body := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\uFEFF")), " \t\r\n")
	switch {
	case len(body) > 0 && body[0] == '{' && bytes.Contains(body, []byte(`"pandoc-api-version"`)):
		return doc.PandocJSON, nil
	case isHTML.Match(body):
		return doc.HTML, nil
	case isMarkdown(head):
		return doc.Markdown, nil
	}
	return doc.Text, nil
}

func container(src io.ReaderAt, size int64) (doc.Format, error) {
	p, err := opc.Open("convert.detect", src, size, doc.Limits{Bytes: max(size, 1)})
	if err != nil {
		return "", err
	}
	main, err := p.Main()
	if err != nil {
		return "", doc.E(doc.Unsupported, "convert.detect", "a zip archive that is no Word document")
	}
	for _, prefix := range []string{"xl/", "ppt/"} {
		if len(main) > len(prefix) && main[:len(prefix)] == prefix {
			return "", doc.E(doc.Unsupported, "convert.detect", "an Office document that is no Word document")
		}
	}
	return doc.DOCX, nil
}

var isHTML = regexp.MustCompile(`(?i)^(<\?xml[^>]*>\s*)?(<!--[\s\S]*?-->\s*)*<(!doctype\s+html|html|head|body|title|meta|div|p|h[1-6]|table|ul|ol|section|article|main|header|nav|span|blockquote|pre)[\s/>]`)

// What only Markdown has, line by line: one of the strong signs is enough, of
// the weak ones two.
var (
	strong = regexp.MustCompile("(?m)^ {0,3}(#{1,6} \\S|```|~~~|\\|?[ :]*-{3,}[ :]*\\|[-| :]*$|\\[[^\\]]+\\]: \\S)|\\]\\([^)\\s]+\\)|\\A---\\r?\\n[\\w-]+:")
	weak   = regexp.MustCompile("(?m)^ {0,3}([-*+] \\S|\\d{1,3}[.)] \\S|> ?\\S|={3,}\\s*$|-{3,}\\s*$)|\\*\\*\\S[^*\\n]*\\*\\*|`[^`\\n]+`")
)

func isMarkdown(b []byte) bool {
	return strong.Match(b) || len(weak.FindAllIndex(b, 2)) == 2
}
