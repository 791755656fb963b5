package markdown

import (
	"strings"

	"github.com/crank-platform/crank/format/doc"
	"github.com/crank-platform/crank/format/doc/html"
)

// asHTML writes what Markdown has no words for as an HTML block.
func (w *writer) asHTML(b doc.Block) string {
	if w.o.DropRaw {
		w.losses.Add("html-fallback", "Markdown has no form for this; it was written as HTML")
	}
	return strings.TrimRight(html.Blocks([]doc.Block{b}, w.o), "\n")
}

func (w *writer) table(t doc.Table) string {
	rows := t.AllRows()
	if len(rows) == 0 {
		return ""
	}
	if len(t.Head.Rows) > 1 || !simple(rows) {
		return w.asHTML(t)
	}
	width := len(t.Columns)
	for _, r := range rows {
		width = max(width, len(r.Cells))
	}
	head := doc.Row{}
	if len(t.Head.Rows) == 1 {
		head, rows = rows[0], rows[1:]
	}
	lines := []string{w.row(head, width), rule(t.Columns, width)}
	for _, r := range rows {
		lines = append(lines, w.row(r, width))
	}
	s := strings.Join(lines, "\n")
	if len(t.Caption.Blocks) > 0 {
		s = w.blocks(t.Caption.Blocks) + "\n\n" + s
		w.losses.Add("table-caption", "Markdown has no table captions: it stands before the table as a paragraph")
	}
	return s
}

// simple reports whether every cell fits one line of a pipe table.
func simple(rows []doc.Row) bool {
	for _, r := range rows {
		for _, c := range r.Cells {
			if c.RowSpan > 1 || c.ColSpan > 1 || len(c.Blocks) > 1 {
				return false
			}
			for _, b := range c.Blocks {
				switch b.(type) {
				case doc.Plain, doc.Para:
				default:
					return false
				}
			}
		}
	}
	return true
}

func (w *writer) row(r doc.Row, width int) string {
	var sb strings.Builder
	sb.WriteString("|")
	w.cell = true
	for i := range width {
		text := ""
		if i < len(r.Cells) && len(r.Cells[i].Blocks) == 1 {
			text = w.block(r.Cells[i].Blocks[0])
		}
		if text == "" {
			sb.WriteString(" |")
		} else {
			sb.WriteString(" " + text + " |")
		}
	}
	w.cell = false
	return sb.String()
}

func rule(cs []doc.Column, width int) string {
	var sb strings.Builder
	sb.WriteString("|")
	for i := range width {
		a := doc.AlignDefault
		if i < len(cs) {
			a = cs[i].Align
		}
		switch a {
		case doc.AlignLeft:
			sb.WriteString(" :--- |")
		case doc.AlignRight:
			sb.WriteString(" ---: |")
		case doc.AlignCenter:
			sb.WriteString(" :---: |")
		default:
			sb.WriteString(" --- |")
		}
	}
	return sb.String()
}
