package document

import (
	"errors"
	"strings"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/format/doc"
)

// readable is what an error names when the file is of another type.
const readable = "Markdown, HTML, DOCX, plain text and pandoc's JSON"

// codes is what each reason of a document's reader or writer is to a caller. The
// values from and to are held against the schema before, so what is unsupported
// is always the file's own type.
var codes = map[doc.Reason]crank.Code{
	doc.TooLarge:    crank.CodeTooLarge,
	doc.ZipBomb:     crank.CodeUnsafeContent,
	doc.Malformed:   crank.CodeMalformedFile,
	doc.Unsupported: crank.CodeMediaType,
	doc.Encrypted:   crank.CodeEncryptedFile,
	doc.TooDeep:     crank.CodeTooDeep,
}

// failure says in the call's words what is wrong with the file. A parser's own
// words are part of it: they name the line or the part.
func failure(err error) error {
	e, ok := errors.AsType[*doc.Error](err)
	if !ok {
		return crank.Wrap(crank.CodeWorkerFailed, err, "the document worker failed")
	}
	code, ok := codes[e.Reason]
	if !ok {
		return crank.Wrap(crank.CodeWorkerFailed, err, "the document worker failed")
	}
	what := e.What
	if e.Err != nil {
		what += ": " + e.Err.Error()
	}
	said := crank.E(code, "the file cannot be read: %s", clip(what, 300))
	switch e.Reason {
	case doc.Unsupported:
		return said.Mending("Send %s, or convert the file to one of them first.", readable)
	case doc.Encrypted:
		return said.Mending("Save it without a password as .docx and send it again.")
	}
	return said
}

// clip shortens text that may come from a hostile file to at most n bytes of
// valid UTF-8.
func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n] + "..."
	}
	return strings.ToValidUTF8(s, "")
}
