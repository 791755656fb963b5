package docx

import (
	"strconv"

	"github.com/crank-platform/crank/format/doc"
	"github.com/crank-platform/crank/format/doc/internal/opc"
)

// level is how one level of a list counts.
type level struct {
	format, text string
	start        int
}

// bullet reports whether the level does not count.
func (l level) bullet() bool { return l.format == "bullet" }

// task is the box in front of a task list's item, "" for other items.
func (l level) task() string {
	if l.bullet() && (l.text == "\u2610" || l.text == "\u2612") {
		return l.text
	}
	return ""
}

func (l level) style() doc.ListStyle {
	switch l.format {
	case "decimal":
		return doc.Decimal
	case "lowerLetter":
		return doc.LowerAlpha
	case "upperLetter":
		return doc.UpperAlpha
	case "lowerRoman":
		return doc.LowerRoman
	case "upperRoman":
		return doc.UpperRoman
	}
	return doc.DefaultStyle
}

// delim looks at what stands around the level's own number.
func (l level) delim() doc.ListDelim {
	n := len(l.text)
	switch {
	case n >= 4 && l.text[0] == '(' && l.text[n-1] == ')':
		return doc.TwoParens
	case n >= 3 && l.text[n-1] == ')':
		return doc.OneParen
	case n >= 3 && l.text[n-1] == '.':
		return doc.Period
	}
	return doc.DefaultDelim
}

// list is one numbering instance.
type list struct {
	levels  map[int]level
	byStyle map[string]int // paragraph style -> level
}

// numbering holds the lists by num id.
type numbering map[string]list

func newNumbering(root *opc.Node, s styles) numbering {
	abstracts := map[string]*opc.Node{}
	for _, a := range root.All("w:abstractNum") {
		abstracts[a.Get("w:abstractNumId")] = a
	}
	nums := map[string]*opc.Node{}
	for _, n := range root.All("w:num") {
		nums[n.Get("w:numId")] = n
	}
	out := numbering{}
	for id, n := range nums {
		a := abstracts[n.Kid("w:abstractNumId").Get("w:val")]
		if link := a.Kid("w:numStyleLink").Get("w:val"); link != "" { // defined by a numbering style
			if via := nums[s.numLink[link]]; via != nil {
				a = abstracts[via.Kid("w:abstractNumId").Get("w:val")]
			}
		}
		l := list{levels: map[int]level{}, byStyle: map[string]int{}}
		for _, lvl := range a.All("w:lvl") {
			l.set(lvl)
		}
		for _, o := range n.All("w:lvlOverride") {
			if lvl := o.Kid("w:lvl"); lvl != nil {
				l.set(lvl)
			}
			i, err := strconv.Atoi(o.Get("w:ilvl"))
			start, err2 := strconv.Atoi(o.Kid("w:startOverride").Get("w:val"))
			if have, ok := l.levels[i]; ok && err == nil && err2 == nil {
				have.start = start
				l.levels[i] = have
			}
		}
		out[id] = l
	}
	return out
}

func (l list) set(n *opc.Node) {
	i, err := strconv.Atoi(n.Get("w:ilvl"))
	if err != nil {
		return
	}
	start, err := strconv.Atoi(n.Kid("w:start").Get("w:val"))
	if err != nil {
		start = 1
	}
	l.levels[i] = level{format: n.Kid("w:numFmt").Get("w:val"), text: n.Kid("w:lvlText").Get("w:val"), start: start}
	if st := n.Kid("w:pStyle").Get("w:val"); st != "" {
		l.byStyle[st] = i
	}
}

// counter is one level of one list.
type counter struct {
	num   string
	level int
}

// numbered is the num id, level and counting of a paragraph; ok is false for
// one that stands in no list. Its num id is then "0" or unknown if the
// paragraph, or its style, was taken out of one.
func (r *reader) numbered(ppr *opc.Node, c []*style) (num string, ilvl int, l level, ok bool) {
	num = ppr.Path("w:numPr", "w:numId").Get("w:val")
	ilvl, err := strconv.Atoi(ppr.Path("w:numPr", "w:ilvl").Get("w:val"))
	has := err == nil
	for _, s := range c {
		if num == "" {
			num = s.ppr.Path("w:numPr", "w:numId").Get("w:val")
			if num != "" && !has {
				if i, ok := r.numbering[num].byStyle[s.id]; ok {
					ilvl, has = i, true
				}
			}
		}
		if !has {
			if i, err := strconv.Atoi(s.ppr.Path("w:numPr", "w:ilvl").Get("w:val")); err == nil {
				ilvl, has = i, true
			}
		}
	}
	if num == "" {
		return "", 0, level{}, false
	}
	l, ok = r.numbering[num].levels[ilvl]
	return num, ilvl, l, ok
}
