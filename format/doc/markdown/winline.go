package markdown

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/crank-platform/crank/format/doc"
)

func itoa(n int) string { return strconv.Itoa(n) }

// piece is rendered text. An emphasised one keeps its marks apart, since
// whether they work depends on its neighbours.
type piece struct{ open, body, end, tag string }

func (p piece) plain() bool { return p.open == "" }

// inlines renders a run of inlines.
func (w *writer) inlines(is []doc.Inline) string {
	ps := w.pieces(is)
	var sb strings.Builder
	for i, p := range ps {
		if p.plain() {
			sb.WriteString(p.body)
			continue
		}
		before, _ := utf8.DecodeLastRuneInString(sb.String()[max(0, sb.Len()-utf8.UTFMax):])
		after := rune(-1)
		if i+1 < len(ps) {
			after, _ = utf8.DecodeRuneInString(ps[i+1].open + ps[i+1].body)
		}
		first, _ := utf8.DecodeRuneInString(p.body)
		last, _ := utf8.DecodeLastRuneInString(p.body)
		if p.open[0] == '*' && first == '*' && last == '*' { // marks inside: the other kind outside
			if sb.Len() > 0 && word(before) || after >= 0 && word(after) {
				first, last, before, after = '*', '*', '*', '*'
			} else {
				p.open = strings.Repeat("_", len(p.open))
				p.end = p.open
			}
		}
		if sb.Len() > 0 && glued(before, first) || after >= 0 && glued(after, last) || i > 0 && !ps[i-1].plain() {
			sb.WriteString("<" + p.tag + ">" + p.body + "</" + p.tag + ">")
		} else {
			sb.WriteString(p.open + p.body + p.end)
		}
	}
	return sb.String()
}

// glued reports whether marks between a letter outside and punctuation inside
// would not be seen as marks (CommonMark's flanking rule).
func glued(outside, inside rune) bool {
	return word(outside) && (unicode.IsPunct(inside) || unicode.IsSymbol(inside)) || outside == '*' || outside == '~'
}

func word(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

func (w *writer) pieces(is []doc.Inline) []piece {
	var out []piece
	lineStart := !w.cell
	for i, x := range is {
		add := func(s string) { out = append(out, piece{body: s}) }
		mark := func(m, tag string, inner []doc.Inline) {
			lead, core, tail := trim(inner)
			if lead {
				add(" ")
			}
			if body := w.inlines(core); body != "" {
				out = append(out, piece{m, body, m, tag})
			}
			if tail {
				add(" ")
			}
		}
		switch x := x.(type) {
		case doc.Str:
			s := w.escape(x.Text)
			if lineStart {
				s = escapeStart(s)
			}
			if i+1 < len(is) && strings.HasSuffix(s, "!") {
				if _, ok := is[i+1].(doc.Link); ok {
					s = s[:len(s)-1] + `\!`
				}
			}
			add(s)
		case doc.Space:
			if !lineStart {
				add(" ")
			}
			continue
		case doc.SoftBreak:
			if w.cell {
				add(" ")
				continue
			}
			add("\n")
			lineStart = true
			continue
		case doc.LineBreak:
			if w.cell {
				add("<br>")
				continue
			}
			if i < len(is)-1 {
				add("\\\n")
				lineStart = true
			}
			continue
		case doc.Emph:
			mark("*", "em", x.Inlines)
		case doc.Strong:
			mark("**", "strong", x.Inlines)
		case doc.Strikeout:
			mark("~~", "del", x.Inlines)
		case doc.Underline:
			add("<u>" + w.inlines(x.Inlines) + "</u>")
		case doc.Superscript:
			add("<sup>" + w.inlines(x.Inlines) + "</sup>")
		case doc.Subscript:
			add("<sub>" + w.inlines(x.Inlines) + "</sub>")
		case doc.SmallCaps:
			w.losses.Add("small-caps", "Markdown has no small capitals")
			add(w.inlines(x.Inlines))
		case doc.Quoted:
			open, end := doc.Quotes(x.Single)
			add(open + w.inlines(x.Inlines) + end)
		case doc.Cite:
			add(w.inlines(x.Inlines))
		case doc.Code:
			add(w.code(x.Text))
		case doc.Math:
			if x.Display {
				add("$$" + x.Text + "$$")
			} else {
				add("$" + x.Text + "$")
			}
		case doc.RawInline:
			if (x.Format == "html" || x.Format == "markdown") && !w.o.DropRaw {
				add(x.Text)
			} else {
				w.losses.Add("raw", "raw content of another format, or raw HTML that was not wanted, was left out")
			}
		case doc.Link:
			add(w.link(x))
		case doc.Image:
			add("![" + w.inlines(x.Inlines) + "](" + w.target(x.Target, x.Title) + ")")
		case doc.Note:
			w.notes = append(w.notes, x.Blocks)
			add("[^" + itoa(len(w.notes)) + "]")
		case doc.Span:
			if x.Attr.ID != "" && w.wanted[x.Attr.ID] {
				add(`<span id="` + strings.NewReplacer(`"`, "&quot;", "&", "&amp;", "<", "&lt;").Replace(x.Attr.ID) + `"></span>`)
			}
			if len(x.Attr.Pairs) > 0 {
				w.losses.Add("attributes", "Markdown has no spans with attributes")
			}
			add(w.inlines(x.Inlines))
		}
		lineStart = false
	}
	return out
}

// trim takes the spaces off both ends; marks must touch words.
func trim(is []doc.Inline) (lead bool, core []doc.Inline, tail bool) {
	blank := func(i doc.Inline) bool {
		switch i.(type) {
		case doc.Space, doc.SoftBreak, doc.LineBreak:
			return true
		}
		return false
	}
	for len(is) > 0 && blank(is[0]) {
		lead, is = true, is[1:]
	}
	for len(is) > 0 && blank(is[len(is)-1]) {
		tail, is = true, is[:len(is)-1]
	}
	return lead, is, tail
}

func (w *writer) link(x doc.Link) string {
	if len(x.Inlines) == 1 && x.Title == "" {
		if s, ok := x.Inlines[0].(doc.Str); ok && (s.Text == x.Target && strings.Contains(s.Text, "://") || "mailto:"+s.Text == x.Target) && !strings.ContainsAny(s.Text, " <>\n|") {
			return "<" + s.Text + ">"
		}
	}
	return "[" + w.inlines(x.Inlines) + "](" + w.target(x.Target, x.Title) + ")"
}

func (w *writer) target(url, title string) string {
	if w.o.DropRaw && strings.HasPrefix(strings.ToLower(strings.TrimSpace(url)), "javascript:") {
		w.losses.Add("unsafe-link", "a link that could run a script was emptied")
		url = ""
	}
	url = strings.NewReplacer("\n", "%0A", "\r", "%0D", "\\", `\\`, "<", "%3C", ">", "%3E", "|", "%7C").Replace(url)
	if strings.ContainsAny(url, " ()\t") || url == "" && title != "" {
		url = "<" + url + ">"
	}
	if title != "" {
		return url + ` "` + strings.NewReplacer(`"`, `\"`, `\`, `\\`, "\n", " ", "|", `\|`).Replace(title) + `"`
	}
	return url
}

func (w *writer) code(s string) string {
	s = strings.ReplaceAll(s, "\n", " ")
	if w.cell {
		s = strings.ReplaceAll(s, "|", `\|`)
	}
	run, longest := 0, 0
	for i := range len(s) {
		if s[i] == '`' {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	mark := strings.Repeat("`", longest+1)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") || s != strings.TrimSpace(s) && strings.TrimSpace(s) != "" {
		s = " " + s + " "
	}
	if s == "" {
		s = " "
	}
	return mark + s + mark
}

// escape puts a backslash before what Markdown would read as a mark.
func (w *writer) escape(s string) string {
	if !strings.ContainsAny(s, "\\`*_[]<&~|$") {
		return s
	}
	var sb strings.Builder
	for i := range len(s) {
		c := s[i]
		switch c {
		case '\\', '`', '*', '[', ']', '<', '~', '$':
			sb.WriteByte('\\')
		case '_':
			if i == 0 || i == len(s)-1 || !alnum(s[i-1]) || !alnum(s[i+1]) {
				sb.WriteByte('\\')
			}
		case '&':
			if strings.IndexByte(s[i:], ';') > 1 {
				sb.WriteByte('\\')
			}
		case '|':
			if w.cell {
				sb.WriteByte('\\')
			}
		}
		sb.WriteByte(c)
	}
	return sb.String()
}

func alnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf
}

// escapeStart escapes what would begin a block at the start of a line.
func escapeStart(s string) string {
	if s == "" {
		return s
	}
	switch s[0] {
	case '#', '>':
		return `\` + s
	case '+', '-', '=':
		if len(s) == 1 || strings.Trim(s, s[:1]) == "" {
			return `\` + s
		}
	}
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	if i > 0 && i == len(s)-1 && (s[i] == '.' || s[i] == ')') {
		return s[:i] + `\` + s[i:]
	}
	return s
}
