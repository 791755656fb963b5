package docx

import (
	"strconv"
	"strings"

	"github.com/crank-platform/crank/format/doc/internal/opc"
)

// style is a paragraph or character style.
type style struct {
	id, name string // name in lower case
	based    string
	ppr, rpr *opc.Node
}

// styles are the document's styles by id, and the default ones.
type styles struct {
	par, char map[string]*style
	numLink   map[string]string // numbering style -> num id
	normal    string            // id of the default paragraph style
}

func newStyles(root *opc.Node) styles {
	s := styles{par: map[string]*style{}, char: map[string]*style{}, numLink: map[string]string{}}
	for _, n := range root.All("w:style") {
		st := &style{id: n.Get("w:styleId"), name: strings.ToLower(n.Kid("w:name").Get("w:val")),
			based: n.Kid("w:basedOn").Get("w:val"), ppr: n.Kid("w:pPr"), rpr: n.Kid("w:rPr")}
		switch n.Get("w:type") {
		case "paragraph":
			s.par[st.id] = st
			if on(n.Get("w:default")) && n.Get("w:default") != "" {
				s.normal = st.id
			}
		case "character":
			s.char[st.id] = st
		case "numbering":
			s.numLink[st.id] = st.ppr.Path("w:numPr", "w:numId").Get("w:val")
		}
	}
	return s
}

// chain is the style and what it is based on, nearest first; bounded, as a
// hostile file may base styles on one another in circles. A style that is not
// defined counts for nothing, unless the document defines none at all: then it
// stands for its own name.
func chain(all map[string]*style, id string) []*style {
	var out []*style
	for id != "" && len(out) < 32 {
		st := all[id]
		if st == nil {
			if len(out) == 0 && len(all) == 0 {
				out = append(out, &style{id: id, name: strings.ToLower(id)})
			}
			break
		}
		out = append(out, st)
		id = st.based
	}
	return out
}

// named reports whether any style of the chain bears one of the names; names
// are compared without case, spaces, hyphens and underscores.
func named(c []*style, names ...string) bool {
	for _, s := range c {
		squeezed := squeeze(s.name)
		for _, n := range names {
			if squeezed == n {
				return true
			}
		}
	}
	return false
}

var squeezer = strings.NewReplacer(" ", "", "_", "", "-", "")

func squeeze(s string) string { return squeezer.Replace(strings.ToLower(s)) }

// headingLevel is the level of a heading style in the chain, 0 if none.
func headingLevel(c []*style) int {
	for _, s := range c {
		for _, name := range []string{squeeze(s.name), squeeze(s.id)} {
			if rest, ok := strings.CutPrefix(name, "heading"); ok {
				if n, err := strconv.Atoi(rest); err == nil && n > 0 && n < 100 {
					return n
				}
			}
		}
	}
	return 0
}

// on reads a toggle's value: absent means on.
func on(v string) bool { return v != "0" && v != "false" && v != "off" && v != "none" }

// indents of a paragraph in twentieths of a point; ok tells whether any is set.
func indents(ppr *opc.Node) (left, hanging int, ok bool) {
	ind := ppr.Kid("w:ind")
	if ind == nil {
		return 0, 0, false
	}
	get := func(names ...string) int {
		for _, n := range names {
			if v, err := strconv.Atoi(ind.Get(n)); err == nil {
				return v
			}
		}
		return 0
	}
	return get("w:left", "w:start"), get("w:hanging"), true
}
