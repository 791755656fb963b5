package text

import (
	"context"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/crank-platform/crank/format/doc"
)

// Write writes the document's text: lists keep their markers, tables their
// columns, notes follow at the end. Formatting and link targets are lost.
func Write(ctx context.Context, out io.Writer, d *doc.Document, _ doc.WriteOptions) ([]doc.Loss, error) {
	w := &writer{losses: doc.Losses{By: "text writer"}}
	first := true
	put := func(s string) error {
		if s == "" {
			return nil
		}
		if !first {
			s = "\n" + s
		}
		first = false
		_, err := io.WriteString(out, s+"\n")
		return err
	}
	for _, b := range d.Blocks {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := put(w.block(b)); err != nil {
			return nil, err
		}
	}
	for i := 0; i < len(w.notes); i++ { // a note may add notes
		if err := put("[" + strconv.Itoa(i+1) + "] " + indent(w.blocks(w.notes[i]), "    ")); err != nil {
			return nil, err
		}
	}
	return w.losses.List(), nil
}

type writer struct {
	notes  [][]doc.Block
	losses doc.Losses
}

// indent puts the prefix before every line but the first and empty ones.
func indent(s, prefix string) string {
	lines := strings.Split(s, "\n")
	for i := 1; i < len(lines); i++ {
		if lines[i] != "" {
			lines[i] = prefix + lines[i]
		}
	}
	return strings.Join(lines, "\n")
}

func (w *writer) blocks(bs []doc.Block) string {
	var out []string
	for _, b := range bs {
		if s := w.block(b); s != "" {
			out = append(out, s)
		}
	}
	return strings.Join(out, "\n\n")
}

func (w *writer) block(b doc.Block) string {
	switch b := b.(type) {
	case doc.Plain:
		return w.inlines(b.Inlines)
	case doc.Para:
		return w.inlines(b.Inlines)
	case doc.Header:
		return w.inlines(b.Inlines)
	case doc.LineBlock:
		var lines []string
		for _, l := range b.Lines {
			lines = append(lines, w.inlines(l))
		}
		return strings.Join(lines, "\n")
	case doc.CodeBlock:
		return "    " + indent(b.Text, "    ")
	case doc.RawBlock:
		w.losses.Add("raw", "raw content of another format was left out")
	case doc.BlockQuote:
		return "  " + indent(w.blocks(b.Blocks), "  ")
	case doc.HorizontalRule:
		return strings.Repeat("-", 40)
	case doc.BulletList:
		return w.list(b.Items, func(int) string { return "- " })
	case doc.OrderedList:
		return w.list(b.Items, func(i int) string { return Number(b.Start+i, b.Style) + mark(b.Delim) + " " })
	case doc.DefinitionList:
		var out []string
		for _, it := range b.Items {
			s := w.inlines(it.Term)
			for _, d := range it.Definitions {
				s += "\n    " + indent(w.blocks(d), "    ")
			}
			out = append(out, s)
		}
		return strings.Join(out, "\n\n")
	case doc.Table:
		return w.table(b)
	case doc.Figure:
		return w.blocks(append(append([]doc.Block(nil), b.Blocks...), b.Caption.Blocks...))
	case doc.Div:
		return w.blocks(b.Blocks)
	}
	return ""
}

func mark(d doc.ListDelim) string {
	if d == doc.OneParen || d == doc.TwoParens {
		return ")"
	}
	return "."
}

func (w *writer) list(items [][]doc.Block, marker func(int) string) string {
	var out []string
	sep := "\n"
	for i, it := range items {
		var parts []string
		inner := "\n"
		for _, b := range it {
			switch b.(type) {
			case doc.Plain, doc.BulletList, doc.OrderedList:
			default:
				sep, inner = "\n\n", "\n\n"
			}
			if s := w.block(b); s != "" {
				parts = append(parts, s)
			}
		}
		m := marker(i)
		out = append(out, strings.TrimRight(m+indent(strings.Join(parts, inner), strings.Repeat(" ", utf8.RuneCountInString(m))), " "))
	}
	return strings.Join(out, sep)
}

// table writes rows with padded columns; a cell of several lines is one line.
func (w *writer) table(t doc.Table) string {
	var rows [][]string
	var width []int
	for _, r := range t.AllRows() {
		var cells []string
		for _, c := range r.Cells {
			s := strings.Join(strings.Fields(w.blocks(c.Blocks)), " ")
			if len(cells) == len(width) {
				width = append(width, 0)
			}
			width[len(cells)] = max(width[len(cells)], min(utf8.RuneCountInString(s), 60))
			cells = append(cells, s)
		}
		rows = append(rows, cells)
	}
	var lines []string
	if c := w.blocks(t.Caption.Blocks); c != "" {
		lines = append(lines, c, "")
	}
	for _, r := range rows {
		var sb strings.Builder
		for i, c := range r {
			sb.WriteString(c + strings.Repeat(" ", max(0, width[i]-utf8.RuneCountInString(c))+2))
		}
		lines = append(lines, strings.TrimRight(sb.String(), " "))
	}
	return strings.Join(lines, "\n")
}

func (w *writer) inlines(is []doc.Inline) string {
	var sb strings.Builder
	w.inline(&sb, is)
	return strings.TrimSpace(sb.String())
}

func (w *writer) inline(sb *strings.Builder, is []doc.Inline) {
	for _, i := range is {
		switch i := i.(type) {
		case doc.Str:
			sb.WriteString(i.Text)
		case doc.Code:
			sb.WriteString(i.Text)
		case doc.Math:
			sb.WriteString(i.Text)
		case doc.Space:
			sb.WriteByte(' ')
		case doc.SoftBreak, doc.LineBreak:
			sb.WriteByte('\n')
		case doc.Quoted:
			open, end := doc.Quotes(i.Single)
			sb.WriteString(open)
			w.inline(sb, i.Inlines)
			sb.WriteString(end)
		case doc.Image:
			w.losses.Add("image", "images were left out; their alternative text was kept")
			w.inline(sb, i.Inlines)
		case doc.Link:
			if doc.PlainText(i.Inlines) != i.Target {
				w.losses.Add("link-target", "links kept their text only")
			}
			w.inline(sb, i.Inlines)
		case doc.RawInline:
			w.losses.Add("raw", "raw content of another format was left out")
		case doc.Note:
			w.notes = append(w.notes, i.Blocks)
			sb.WriteString("[" + strconv.Itoa(len(w.notes)) + "]")
		default:
			w.inline(sb, doc.Children(i))
		}
	}
}

// Number is the n-th label of an ordered list in that style; what the style
// cannot count is a decimal.
func Number(n int, s doc.ListStyle) string {
	switch s {
	case doc.LowerAlpha, doc.UpperAlpha:
		if n > 0 && n <= 702 {
			label := ""
			for ; n > 0; n = (n - 1) / 26 {
				label = string(rune('a'+(n-1)%26)) + label
			}
			if s == doc.UpperAlpha {
				label = strings.ToUpper(label)
			}
			return label
		}
	case doc.LowerRoman, doc.UpperRoman:
		if n > 0 && n < 4000 {
			label := ""
			for _, r := range roman {
				for ; n >= r.value; n -= r.value {
					label += r.text
				}
			}
			if s == doc.UpperRoman {
				label = strings.ToUpper(label)
			}
			return label
		}
	}
	return strconv.Itoa(n)
}

var roman = []struct {
	value int
	text  string
}{{1000, "m"}, {900, "cm"}, {500, "d"}, {400, "cd"}, {100, "c"}, {90, "xc"}, {50, "l"}, {40, "xl"}, {10, "x"}, {9, "ix"}, {5, "v"}, {4, "iv"}, {1, "i"}}
