package html

import (
	"strconv"
	"strings"

	xhtml "golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/crank-platform/crank/format/doc"
)

// maxSpan bounds spans, as browsers do for columns.
const maxSpan = 1000

func (r *reader) table(n *xhtml.Node) doc.Block {
	t := doc.Table{Attr: attr(n)}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		switch c.DataAtom {
		case atom.Caption:
			t.Caption.Blocks = r.children(c)
		case atom.Thead:
			t.Head.Rows = append(t.Head.Rows, r.rows(c)...)
		case atom.Tfoot:
			t.Foot.Rows = append(t.Foot.Rows, r.rows(c)...)
		case atom.Tbody:
			b := doc.Body{Rows: r.rows(c)}
			if len(t.Head.Rows) == 0 && len(t.Bodies) == 0 && len(b.Rows) > 1 && headOnly(c) {
				t.Head.Rows, b.Rows = b.Rows[:1], b.Rows[1:]
			}
			t.Bodies = append(t.Bodies, b)
		}
	}
	width := 0
	for _, row := range t.AllRows() {
		n := 0
		for _, c := range row.Cells {
			n += max(c.ColSpan, 1)
		}
		width = max(width, min(n, maxSpan))
	}
	t.Columns = make([]doc.Column, width)
	return t
}

// headOnly reports whether the first row of a body holds header cells only.
func headOnly(body *xhtml.Node) bool {
	for tr := body.FirstChild; tr != nil; tr = tr.NextSibling {
		if tr.DataAtom != atom.Tr {
			continue
		}
		heads := 0
		for c := tr.FirstChild; c != nil; c = c.NextSibling {
			switch c.DataAtom {
			case atom.Td:
				return false
			case atom.Th:
				if s := get(c, "rowspan"); s != "" && s != "1" {
					return false
				}
				heads++
			}
		}
		return heads > 0
	}
	return false
}

func (r *reader) rows(n *xhtml.Node) []doc.Row {
	var out []doc.Row
	if !r.m.Enter() {
		return out
	}
	defer r.m.Leave()
	for tr := n.FirstChild; tr != nil; tr = tr.NextSibling {
		if tr.DataAtom != atom.Tr {
			continue
		}
		row := doc.Row{}
		for c := tr.FirstChild; c != nil; c = c.NextSibling {
			if c.DataAtom == atom.Td || c.DataAtom == atom.Th {
				row.Cells = append(row.Cells, doc.Cell{Align: align(c), RowSpan: spanOf(c, "rowspan"), ColSpan: spanOf(c, "colspan"), Blocks: r.children(c)})
			}
		}
		out = append(out, row)
	}
	return out
}

func spanOf(n *xhtml.Node, key string) int {
	v, err := strconv.Atoi(get(n, key))
	if err != nil || v < 1 {
		return 1
	}
	return min(v, maxSpan)
}

func align(n *xhtml.Node) doc.Alignment {
	v := strings.ToLower(get(n, "align"))
	if _, style, ok := strings.Cut(strings.ToLower(get(n, "style")), "text-align"); ok {
		v = strings.Trim(strings.SplitN(strings.TrimLeft(style, ": "), ";", 2)[0], " ")
	}
	switch v {
	case "left", "start":
		return doc.AlignLeft
	case "right", "end":
		return doc.AlignRight
	case "center":
		return doc.AlignCenter
	}
	return doc.AlignDefault
}
