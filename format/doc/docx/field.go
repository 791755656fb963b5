package docx

import (
	"strings"

	"github.com/crank-platform/crank/format/doc"
	"github.com/crank-platform/crank/format/doc/internal/opc"
)

// field is an open complex field: first its instruction, then its result.
type field struct {
	instr  string
	result bool
	box    string // a form's check box
	sink   *sink  // where the result began; nil once it has left the paragraph
	at     int
}

// maxFields bounds how deep fields nest.
const maxFields = 64

func (r *reader) field(n *opc.Node, s *sink) {
	switch n.Get("w:fldCharType") {
	case "begin":
		f := &field{}
		if c := n.Path("w:ffData", "w:checkBox"); c != nil {
			f.box = "\u2610"
			mark := c.Kid("w:checked")
			if mark == nil {
				mark = c.Kid("w:default")
			}
			if mark != nil && on(mark.Get("w:val")) {
				f.box = "\u2612"
			}
		}
		if len(r.fields) < maxFields {
			r.fields = append(r.fields, f)
		}
	case "separate":
		if k := len(r.fields); k > 0 {
			f := r.fields[k-1]
			f.result, f.sink, f.at = true, s, len(s.spans)
			s.sealed = true // text must not melt across the field's edge
		}
	case "end":
		k := len(r.fields)
		if k == 0 {
			return
		}
		f := r.fields[k-1]
		r.fields = r.fields[:k-1]
		if f.box != "" {
			s.text(f.box, 0, false)
		}
		s.counted = s.counted || countsTables(f.instr)
		target, ok := linkField(f.instr)
		if !ok || f.sink != s || f.at > len(s.spans) || r.swallowed() {
			return
		}
		inner := &sink{spans: append([]span(nil), s.spans[f.at:]...), link: true}
		for i := range inner.spans {
			inner.spans[i].flags &^= underline
		}
		s.spans, s.sealed = s.spans[:f.at], true
		s.node(0, doc.Link{Inlines: inner.inlines(), Target: target})
	}
}

// countsTables reports whether a field numbers tables, as captions do.
func countsTables(instr string) bool {
	w := fieldWords(instr)
	return len(w) > 1 && strings.EqualFold(w[0], "SEQ") && strings.EqualFold(w[1], "Table")
}

// linkField is the target of a HYPERLINK field or of a reference that is made
// a link by \h.
func linkField(instr string) (string, bool) {
	words := fieldWords(instr)
	if len(words) == 0 {
		return "", false
	}
	switch strings.ToUpper(words[0]) {
	case "HYPERLINK":
		target, anchor := "", ""
		for i := 1; i < len(words); i++ {
			switch w := words[i]; {
			case strings.EqualFold(w, `\l`):
				if i+1 < len(words) {
					i++
					anchor = words[i]
				}
			case strings.EqualFold(w, `\o`), strings.EqualFold(w, `\t`):
				i++
			case strings.HasPrefix(w, `\`):
			case target == "":
				target = w
			}
		}
		if anchor != "" {
			target += "#" + anchor
		}
		return target, target != ""
	case "PAGEREF", "REF":
		if len(words) > 1 {
			for _, w := range words[2:] {
				if strings.EqualFold(w, `\h`) {
					return "#" + words[1], true
				}
			}
		}
	}
	return "", false
}

// fieldWords splits an instruction; quoted words may hold spaces.
func fieldWords(s string) []string {
	var out []string
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimLeft(s, " \t\n\r") {
		if s[0] == '"' || strings.HasPrefix(s, "\u201c") {
			end := strings.IndexAny(s[1:], "\"\u201d")
			if end < 0 {
				return append(out, strings.Trim(s, "\"\u201c\u201d"))
			}
			out = append(out, strings.TrimPrefix(s[:end+1], `"`))
			s = strings.TrimLeft(s[end+1:], "\"\u201d")
			continue
		}
		end := strings.IndexAny(s, " \t\n\r")
		if end < 0 {
			return append(out, s)
		}
		out = append(out, s[:end])
		s = s[end:]
	}
	return out
}
