package docx

import (
	"slices"
	"strconv"

	"github.com/crank-platform/crank/format/doc"
	"github.com/crank-platform/crank/format/doc/internal/opc"
)

// maxColumns bounds how wide a table may be; Word itself stops at 63.
const maxColumns = 1024

// tableCell is a cell before vertical merges are counted.
type tableCell struct {
	cell doc.Cell
	col  int  // the first grid column it covers
	cont bool // continues the cell above
}

func (r *reader) table(n *opc.Node) (doc.Table, bool) {
	if !r.m.Enter() {
		return doc.Table{}, false
	}
	defer r.m.Leave()
	var grid [][]tableCell
	var isHead []bool
	for _, tr := range unwrap(n.Kids, "w:tr") {
		if tr.Path("w:trPr", "w:del") != nil {
			continue
		}
		grid = append(grid, r.row(tr))
		h := tr.Path("w:trPr", "w:tblHeader")
		isHead = append(isHead, h != nil && on(h.Get("w:val")))
	}
	if len(grid) == 0 {
		return doc.Table{}, false
	}
	t := doc.Table{Columns: columns(n.Kid("w:tblGrid"))}
	if r.caption != nil {
		t.Caption.Blocks, r.caption = r.caption, nil
	} else if c := n.Path("w:tblPr", "w:tblCaption").Get("w:val"); c != "" {
		t.Caption = doc.Caption{Short: doc.Words(c), Blocks: []doc.Block{doc.Plain{Inlines: doc.Words(c)}}}
	}
	look := n.Path("w:tblPr", "w:tblLook")
	heads := headRows(grid, isHead, looks(look, "w:firstRow", 0x20))
	var body doc.Body
	if looks(look, "w:firstColumn", 0x80) {
		body.RowHeads = 1
	}
	width := 0
	for i, row := range grid {
		out := doc.Row{}
		for _, c := range row {
			width = max(width, c.col+max(c.cell.ColSpan, 1))
			if c.cont && i > 0 && i != heads {
				if _, ok := cellAt(grid[i-1], c.col); ok {
					continue
				}
			}
			limit := len(grid)
			if i < heads {
				limit = heads
			}
			c.cell.RowSpan = rowSpan(grid[:limit], i, c.col)
			out.Cells = append(out.Cells, c.cell)
		}
		if i < heads {
			t.Head.Rows = append(t.Head.Rows, out)
		} else {
			body.Rows = append(body.Rows, out)
		}
	}
	t.Bodies = []doc.Body{body}
	for len(t.Columns) < width {
		t.Columns = append(t.Columns, doc.Column{})
	}
	t.Columns = t.Columns[:width]
	return t, true
}

// unwrap finds the elements of that name through the wrappers that may stand
// around rows and cells.
func unwrap(kids []*opc.Node, name string) []*opc.Node {
	var out []*opc.Node
	for _, k := range kids {
		switch k.Name {
		case name:
			out = append(out, k)
		case "w:sdt":
			out = append(out, unwrap(k.Kid("w:sdtContent").KidsOrNil(), name)...)
		case "w:customXml", "w:ins", "w:moveTo":
			out = append(out, unwrap(k.Kids, name)...)
		}
	}
	return out
}

func (r *reader) row(tr *opc.Node) []tableCell {
	var out []tableCell
	col := 0
	pad := func(name string) {
		n, err := strconv.Atoi(tr.Path("w:trPr", name).Get("w:val"))
		for range min(n, maxColumns) {
			if err != nil || col >= maxColumns {
				return
			}
			out = append(out, tableCell{col: col})
			col++
		}
	}
	pad("w:gridBefore")
	for _, tc := range unwrap(tr.Kids, "w:tc") {
		if col >= maxColumns {
			r.losses.Add("columns", "a table wider than 1,024 columns was cut")
			break
		}
		pr := tc.Kid("w:tcPr")
		c := tableCell{col: col}
		c.cell.ColSpan = 1
		if n, err := strconv.Atoi(pr.Kid("w:gridSpan").Get("w:val")); err == nil && n > 1 {
			c.cell.ColSpan = min(n, maxColumns-col)
		}
		if v := pr.Kid("w:vMerge"); v != nil && v.Get("w:val") != "restart" {
			c.cont = true
		}
		c.cell.Blocks = r.story(tc.Kids)
		if len(c.cell.Blocks) == 1 {
			if p, ok := c.cell.Blocks[0].(doc.Para); ok {
				c.cell.Blocks[0] = doc.Plain(p)
			}
		}
		c.cell.Align = alignment(tc)
		col += c.cell.ColSpan
		out = append(out, c)
	}
	pad("w:gridAfter")
	return out
}

func alignment(tc *opc.Node) doc.Alignment {
	switch tc.Path("w:p", "w:pPr", "w:jc").Get("w:val") {
	case "left", "start":
		return doc.AlignLeft
	case "right", "end":
		return doc.AlignRight
	case "center":
		return doc.AlignCenter
	}
	return doc.AlignDefault
}

// cellAt is the cell of a row that begins at that column, if one does.
func cellAt(row []tableCell, col int) (tableCell, bool) {
	i, ok := slices.BinarySearchFunc(row, col, func(c tableCell, col int) int { return c.col - col })
	if !ok {
		return tableCell{}, false
	}
	return row[i], true
}

// rowSpan counts the rows a cell covers downwards.
func rowSpan(grid [][]tableCell, row, col int) int {
	n := 1
	for _, below := range grid[row+1:] {
		if c, ok := cellAt(below, col); !ok || !c.cont {
			break
		}
		n++
	}
	return n
}

// headRows counts the leading rows that are the table's head: those marked so,
// the first if the table's look says so, and rows its cells reach into.
func headRows(grid [][]tableCell, marked []bool, firstRow bool) int {
	n := 0
	for i := range grid {
		cont := false
		for _, c := range grid[i] {
			cont = cont || c.cont
		}
		if marked[i] || i == 0 && firstRow || n > 0 && cont {
			n++
			continue
		}
		break
	}
	return n
}

// looks reads a flag of a table's look in its new or its old form.
func looks(look *opc.Node, attr string, bit uint64) bool {
	if v := look.Get(attr); v != "" {
		return on(v)
	}
	v, err := strconv.ParseUint(look.Get("w:val"), 16, 32)
	return err == nil && v&bit != 0
}

func columns(grid *opc.Node) []doc.Column {
	var out []doc.Column
	total := 0.0
	for _, g := range grid.All("w:gridCol") {
		if len(out) >= maxColumns {
			break
		}
		w, err := strconv.ParseFloat(g.Get("w:w"), 64)
		if err != nil || w < 0 || w > 1e6 {
			w = 0
		}
		total += w
		out = append(out, doc.Column{Width: w})
	}
	for i := range out {
		if total > 0 {
			out[i].Width /= total
		}
	}
	return out
}
