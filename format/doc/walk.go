package doc

import "strings"

// Visitor is called for each node before its children; a nil function is
// skipped. Returning false leaves the node's children out.
type Visitor struct {
	Block  func(Block) bool
	Inline func(Inline) bool
}

// Blocks walks the blocks in reading order.
func (v Visitor) Blocks(bs []Block) {
	for _, b := range bs {
		if v.Block != nil && !v.Block(b) {
			continue
		}
		v.children(b)
	}
}

func (v Visitor) children(b Block) {
	switch b := b.(type) {
	case Plain:
		v.Inlines(b.Inlines)
	case Para:
		v.Inlines(b.Inlines)
	case Header:
		v.Inlines(b.Inlines)
	case LineBlock:
		for _, l := range b.Lines {
			v.Inlines(l)
		}
	case BlockQuote:
		v.Blocks(b.Blocks)
	case Div:
		v.Blocks(b.Blocks)
	case Figure:
		v.Blocks(b.Blocks)
		v.Blocks(b.Caption.Blocks)
	case OrderedList:
		for _, it := range b.Items {
			v.Blocks(it)
		}
	case BulletList:
		for _, it := range b.Items {
			v.Blocks(it)
		}
	case DefinitionList:
		for _, it := range b.Items {
			v.Inlines(it.Term)
			for _, d := range it.Definitions {
				v.Blocks(d)
			}
		}
	case Table:
		v.Blocks(b.Caption.Blocks)
		for _, r := range b.AllRows() {
			for _, c := range r.Cells {
				v.Blocks(c.Blocks)
			}
		}
	}
}

// Inlines walks the inlines in reading order.
func (v Visitor) Inlines(is []Inline) {
	for _, i := range is {
		if v.Inline != nil && !v.Inline(i) {
			continue
		}
		if n, ok := i.(Note); ok {
			v.Blocks(n.Blocks)
			continue
		}
		v.Inlines(Children(i))
	}
}

// Children are the inlines inside an inline; nil for a leaf or a note.
func Children(i Inline) []Inline {
	switch i := i.(type) {
	case Emph:
		return i.Inlines
	case Strong:
		return i.Inlines
	case Underline:
		return i.Inlines
	case Strikeout:
		return i.Inlines
	case Superscript:
		return i.Inlines
	case Subscript:
		return i.Inlines
	case SmallCaps:
		return i.Inlines
	case Quoted:
		return i.Inlines
	case Cite:
		return i.Inlines
	case Link:
		return i.Inlines
	case Image:
		return i.Inlines
	case Span:
		return i.Inlines
	}
	return nil
}

// AllRows are the table's rows from head to foot.
func (t Table) AllRows() []Row {
	rows := append([]Row(nil), t.Head.Rows...)
	for _, b := range t.Bodies {
		rows = append(append(rows, b.Head...), b.Rows...)
	}
	return append(rows, t.Foot.Rows...)
}

// PlainText is the text of inlines without formatting, notes or raw content;
// breaks become spaces.
func PlainText(is []Inline) string {
	var sb strings.Builder
	plain(&sb, is)
	return sb.String()
}

func plain(sb *strings.Builder, is []Inline) {
	Visitor{Inline: func(i Inline) bool {
		switch i := i.(type) {
		case Str:
			sb.WriteString(i.Text)
		case Code:
			sb.WriteString(i.Text)
		case Math:
			sb.WriteString(i.Text)
		case Space, SoftBreak, LineBreak:
			sb.WriteByte(' ')
		case Quoted:
			open, end := Quotes(i.Single)
			sb.WriteString(open)
			plain(sb, i.Inlines)
			sb.WriteString(end)
			return false
		case Note:
			return false
		}
		return true
	}}.Inlines(is)
}

// Quotes are the marks that stand for a Quoted inline.
func Quotes(single bool) (open, end string) {
	if single {
		return "\u2018", "\u2019"
	}
	return "\u201c", "\u201d"
}

// BlocksText is the text of blocks, one line for each paragraph-like block.
func BlocksText(bs []Block) string {
	var lines []string
	Visitor{Block: func(b Block) bool {
		switch b := b.(type) {
		case Plain:
			lines = append(lines, PlainText(b.Inlines))
		case Para:
			lines = append(lines, PlainText(b.Inlines))
		case Header:
			lines = append(lines, PlainText(b.Inlines))
		case CodeBlock:
			lines = append(lines, b.Text)
		case LineBlock:
			for _, l := range b.Lines {
				lines = append(lines, PlainText(l))
			}
		case DefinitionList:
			for _, it := range b.Items {
				lines = append(lines, PlainText(it.Term))
				for _, d := range it.Definitions {
					lines = append(lines, BlocksText(d))
				}
			}
		default:
			return true
		}
		return false
	}}.Blocks(bs)
	return strings.Join(lines, "\n")
}

// Words turns text into Str and Space inlines; runs of white space (not of
// no-break spaces) become one Space.
func Words(s string) []Inline {
	var out []Inline
	for len(s) > 0 {
		i := strings.IndexAny(s, " \t\n\r")
		if i < 0 {
			return append(out, Str{s})
		}
		if i > 0 {
			out = append(out, Str{s[:i]})
		}
		out = append(out, Space{})
		s = strings.TrimLeft(s[i:], " \t\n\r")
	}
	return out
}
