package doc

// MapInlines returns the blocks with every run of inlines replaced by what f
// makes of it, innermost first. The given tree is not changed.
func MapInlines(bs []Block, f func([]Inline) []Inline) []Block {
	out := make([]Block, len(bs))
	for i, b := range bs {
		out[i] = mapBlock(b, f)
	}
	return out
}

func mapItems(items [][]Block, f func([]Inline) []Inline) [][]Block {
	out := make([][]Block, len(items))
	for i, it := range items {
		out[i] = MapInlines(it, f)
	}
	return out
}

func mapBlock(b Block, f func([]Inline) []Inline) Block {
	switch b := b.(type) {
	case Plain:
		return Plain{mapRun(b.Inlines, f)}
	case Para:
		return Para{mapRun(b.Inlines, f)}
	case Header:
		b.Inlines = mapRun(b.Inlines, f)
		return b
	case LineBlock:
		lines := make([][]Inline, len(b.Lines))
		for i, l := range b.Lines {
			lines[i] = mapRun(l, f)
		}
		return LineBlock{lines}
	case BlockQuote:
		return BlockQuote{MapInlines(b.Blocks, f)}
	case OrderedList:
		b.Items = mapItems(b.Items, f)
		return b
	case BulletList:
		return BulletList{mapItems(b.Items, f)}
	case DefinitionList:
		items := make([]Definition, len(b.Items))
		for i, it := range b.Items {
			items[i] = Definition{mapRun(it.Term, f), mapItems(it.Definitions, f)}
		}
		return DefinitionList{items}
	case Table:
		b.Caption.Blocks = MapInlines(b.Caption.Blocks, f)
		b.Head.Rows = mapRows(b.Head.Rows, f)
		b.Foot.Rows = mapRows(b.Foot.Rows, f)
		bodies := make([]Body, len(b.Bodies))
		for i, x := range b.Bodies {
			x.Head, x.Rows = mapRows(x.Head, f), mapRows(x.Rows, f)
			bodies[i] = x
		}
		b.Bodies = bodies
		return b
	case Figure:
		b.Caption.Blocks = MapInlines(b.Caption.Blocks, f)
		b.Blocks = MapInlines(b.Blocks, f)
		return b
	case Div:
		b.Blocks = MapInlines(b.Blocks, f)
		return b
	}
	return b
}

func mapRows(rows []Row, f func([]Inline) []Inline) []Row {
	out := make([]Row, len(rows))
	for i, r := range rows {
		cells := make([]Cell, len(r.Cells))
		for j, c := range r.Cells {
			c.Blocks = MapInlines(c.Blocks, f)
			cells[j] = c
		}
		out[i] = Row{r.Attr, cells}
	}
	return out
}

func mapRun(is []Inline, f func([]Inline) []Inline) []Inline {
	out := make([]Inline, len(is))
	for i, x := range is {
		switch x := x.(type) {
		case Note:
			out[i] = Note{MapInlines(x.Blocks, f)}
		default:
			if kids := Children(x); kids != nil {
				out[i] = WithChildren(x, mapRun(kids, f))
			} else {
				out[i] = x
			}
		}
	}
	return f(out)
}

// WithChildren is the inline with other inlines inside; a leaf stays as it is.
func WithChildren(i Inline, kids []Inline) Inline {
	switch i := i.(type) {
	case Emph:
		return Emph{kids}
	case Strong:
		return Strong{kids}
	case Underline:
		return Underline{kids}
	case Strikeout:
		return Strikeout{kids}
	case Superscript:
		return Superscript{kids}
	case Subscript:
		return Subscript{kids}
	case SmallCaps:
		return SmallCaps{kids}
	case Quoted:
		i.Inlines = kids
		return i
	case Cite:
		i.Inlines = kids
		return i
	case Link:
		i.Inlines = kids
		return i
	case Image:
		i.Inlines = kids
		return i
	case Span:
		i.Inlines = kids
		return i
	}
	return i
}
