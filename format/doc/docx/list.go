package docx

import (
	"strings"

	"github.com/crank-platform/crank/format/doc"
)

// entry is one block of the flow before lists are built. Item is nil for what
// stands in no list.
type entry struct {
	block doc.Block
	item  *item
	// follows is set for a paragraph in a list's style that has no marker: it
	// belongs to the item before it.
	follows bool
	term    bool // a definition list's term
	def     bool // or definition
}

// item is a list paragraph's place.
type item struct {
	num    string
	level  int
	kind   level
	number int
}

// silent items carry no marker of their own: they continue the item before.
func (i *item) silent() bool { return i.kind.bullet() && strings.TrimSpace(i.kind.text) == "" }

// sameList reports whether b goes on with the list that a began.
func sameList(a, b *item) bool {
	if a.num == b.num {
		return true
	}
	return b.silent() || (a.kind.task() != "" || a.silent()) && b.kind.task() != ""
}

// build turns the flow into blocks with nested lists.
func build(es []entry) []doc.Block {
	var out []doc.Block
	for i := 0; i < len(es); {
		switch e := es[i]; {
		case e.item != nil:
			n := listEnd(es[i:])
			out = append(out, lists(es[i:i+n])...)
			i += n
		case e.term || e.def:
			b, n := definitions(es[i:])
			out = append(out, b)
			i += n
		default:
			out = append(out, e.block)
			i++
		}
	}
	return out
}

// listEnd counts the entries from the first that form lists without a gap.
func listEnd(es []entry) int {
	n := 1
	for n < len(es) && (es[n].item != nil || es[n].follows) {
		n++
	}
	return n
}

// lists builds the lists of a gapless run of entries; it begins with an item.
func lists(es []entry) []doc.Block {
	var out []doc.Block
	for i := 0; i < len(es); {
		head := es[i].item
		n := i + 1
		for n < len(es) && (es[n].follows || es[n].item.level > head.level || es[n].item.level == head.level && sameList(head, es[n].item)) {
			n++
		}
		out = append(out, oneList(head, es[i:n])...)
		i = n
	}
	return out
}

// oneList builds one list of items at head's level, with what is below them.
func oneList(head *item, es []entry) []doc.Block {
	var items [][]doc.Block
	for i := 0; i < len(es); {
		e := es[i]
		switch {
		case e.item == nil: // follows
			items[len(items)-1] = append(items[len(items)-1], e.block)
			i++
		case e.item.level > head.level:
			n := i + 1
			for n < len(es) && (es[n].follows || es[n].item.level > head.level) {
				n++
			}
			items[len(items)-1] = append(items[len(items)-1], lists(es[i:n])...)
			i = n
		default:
			if e.item.silent() && len(items) > 0 {
				items[len(items)-1] = append(items[len(items)-1], e.block)
			} else {
				items = append(items, []doc.Block{e.block})
			}
			i++
		}
	}
	if head.kind.bullet() {
		return []doc.Block{doc.BulletList{Items: tighten(items)}}
	}
	if len(items) == 1 && len(items[0]) == 1 { // a numbered heading is a heading
		if h, ok := items[0][0].(doc.Header); ok {
			return []doc.Block{h}
		}
	}
	return []doc.Block{doc.OrderedList{Start: head.number, Style: head.kind.style(), Delim: head.kind.delim(), Items: tighten(items)}}
}

// tighten makes the items' paragraphs Plain where no item has more than one.
func tighten(items [][]doc.Block) [][]doc.Block {
	for _, it := range items {
		for i, b := range it {
			switch b.(type) {
			case doc.Para, doc.Plain:
				if i > 0 {
					return items
				}
			case doc.BulletList, doc.OrderedList:
			default:
				return items
			}
		}
	}
	for _, it := range items {
		if p, ok := it[0].(doc.Para); ok {
			it[0] = doc.Plain(p)
		}
	}
	return items
}

// definitions builds a definition list from terms and definitions.
func definitions(es []entry) (doc.Block, int) {
	var list doc.DefinitionList
	n := 0
	for n < len(es) && (es[n].term || es[n].def) {
		if es[n].term || len(list.Items) == 0 {
			d := doc.Definition{}
			if es[n].term {
				switch b := es[n].block.(type) {
				case doc.Para:
					d.Term = b.Inlines
				case doc.Plain:
					d.Term = b.Inlines
				}
			}
			list.Items = append(list.Items, d)
		}
		if es[n].def {
			last := &list.Items[len(list.Items)-1]
			if n > 0 && es[n-1].def && len(last.Definitions) > 0 {
				k := len(last.Definitions) - 1
				last.Definitions[k] = append(last.Definitions[k], es[n].block)
			} else {
				last.Definitions = append(last.Definitions, []doc.Block{es[n].block})
			}
		}
		n++
	}
	return list, n
}
