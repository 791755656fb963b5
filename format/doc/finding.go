package doc

import (
	"strconv"
	"strings"
	"unicode"
)

// Severity of a finding.
type Severity string

// The severities: an Error breaks the format or a reader, a Warning harms
// readers (accessibility among it), Info is worth knowing.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
	SeverityInfo    Severity = "info"
)

// Finding is one thing a validation found.
type Finding struct {
	Severity Severity `json:"severity"`
	Code     string   `json:"code"`  // stable, e.g. "heading-level-jump"
	Place    string   `json:"place"` // e.g. "block 12", "word/styles.xml line 3"
	Message  string   `json:"message"`
}

// Slug is the identifier that GitHub gives a heading: lower case, spaces to
// hyphens, other marks dropped.
func Slug(is []Inline) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case unicode.IsLetter(r), unicode.IsDigit(r), unicode.Is(unicode.M, r), r == '-', r == '_':
			return unicode.ToLower(r)
		}
		return -1
	}, strings.TrimSpace(PlainText(is)))
}

// Outline are the headings in reading order, each with an identifier of its
// own: the one it has, or its slug, numbered where it repeats.
func Outline(bs []Block) []Heading {
	var out []Heading
	used := map[string]int{}
	top := 0
	v := Visitor{Block: func(b Block) bool {
		h, ok := b.(Header)
		if !ok {
			return true
		}
		id := h.Attr.ID
		if id == "" {
			id = Slug(h.Inlines)
			if n := used[id]; n > 0 {
				used[id]++
				id += "-" + strconv.Itoa(n)
			}
		}
		used[id]++
		out = append(out, Heading{Level: h.Level, Text: strings.TrimSpace(PlainText(h.Inlines)), ID: id, Block: top})
		return false
	}}
	for i, b := range bs {
		top = i + 1
		v.Blocks([]Block{b})
	}
	return out
}

// Heading is one line of an outline.
type Heading struct {
	Level int    `json:"level"`
	Text  string `json:"text"`
	ID    string `json:"id"`
	Block int    `json:"block"` // number of the top-level block it stands in, from 1
}
