package markdown

import (
	"bytes"

	"github.com/crank-platform/crank/format/doc"
)

// maxLinks bounds the brackets of one paragraph: the parser's time grows with
// their square.
const maxLinks = 5000

// guard refuses text on which the parser, which cannot be cancelled, would
// spend time or memory out of proportion to its size: deep nesting, tables
// whose rows are filled up to a great width, thousands of links in a paragraph.
func guard(src []byte, l doc.Limits) error {
	if line := tooDeep(src, l.Depth); line > 0 {
		return doc.E(doc.TooDeep, op, "line %d nests quotes or lists deeper than %d levels", line, l.Depth)
	}
	n, brackets, columns, cells := 0, 0, 0, 0
	fenced := false
	for line := range bytes.Lines(src) {
		n++
		t := bytes.TrimLeft(line, " \t>")
		t = bytes.TrimRight(t, " \t\r\n")
		if bytes.HasPrefix(t, []byte("```")) || bytes.HasPrefix(t, []byte("~~~")) {
			fenced = !fenced
			continue
		}
		if len(t) == 0 {
			brackets, columns = 0, 0
			continue
		}
		if columns > 0 {
			cells += columns
		}
		if bytes.IndexByte(t, '|') >= 0 && len(bytes.Trim(t, "|-: \t")) == 0 {
			columns = bytes.Count(t, []byte("|")) + 1
		}
		if !fenced {
			brackets += bytes.Count(t[1:], []byte("["))
		}
		if cells > l.Nodes {
			return doc.E(doc.TooLarge, op, "the tables up to line %d have more than %d cells", n, l.Nodes)
		}
		if brackets > maxLinks {
			return doc.E(doc.TooLarge, op, "the paragraph at line %d has more than %d brackets", n, maxLinks)
		}
	}
	return nil
}
