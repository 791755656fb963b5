package doctest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"testing"
)

var words = regexp.MustCompile(`[\pL\pN\pM_]+|[^\pL\pN\pM_\s]`)
var onlyWords = regexp.MustCompile(`[\pL\pN\pM_]+`)

// Tokens flattens a tree in pandoc-types JSON into tags and words, so that two
// trees can be compared without minding attributes and widths.
func Tokens(t testing.TB, tree []byte) []string {
	t.Helper()
	var top struct {
		Blocks any `json:"blocks"`
	}
	if err := json.Unmarshal(tree, &top); err != nil {
		t.Fatalf("the tree is not JSON: %v", err)
	}
	var out []string
	flatten(top.Blocks, &out)
	return out
}

func flatten(node any, out *[]string) {
	add := func(s ...string) { *out = append(*out, s...) }
	if l, ok := node.([]any); ok {
		for _, x := range l {
			flatten(x, out)
		}
		return
	}
	m, ok := node.(map[string]any)
	if !ok {
		return
	}
	tag, ok := m["t"].(string)
	if !ok {
		for _, x := range m {
			flatten(x, out)
		}
		return
	}
	c := m["c"]
	at := func(i int) any { return c.([]any)[i] }
	switch tag {
	case "Str":
		add(words.FindAllString(c.(string), -1)...)
	case "Space", "SoftBreak", "AlignDefault", "DefaultStyle", "DefaultDelim", "Decimal", "Period":
	case "Code", "CodeBlock", "RawInline", "RawBlock", "Math":
		add("<" + tag + ">")
		add(onlyWords.FindAllString(at(1).(string), -1)...)
	case "Header":
		add(fmt.Sprintf("<H%v>", at(0)))
		flatten(at(2), out)
	case "Link", "Image":
		add("<" + tag + ">")
		flatten(at(1), out)
		add("</" + tag + ">")
	case "Span", "Div":
		flatten(at(1), out)
	case "Plain", "Para":
		add("<P>")
		flatten(c, out)
	case "Table":
		add("<T>")
		rows := func(rs any) {
			for _, r := range rs.([]any) {
				add("<R>")
				for _, cell := range r.([]any)[1].([]any) {
					add("<C>")
					flatten(cell.([]any)[4], out)
				}
			}
		}
		rows(at(3).([]any)[1])
		for _, b := range at(4).([]any) {
			rows(b.([]any)[2])
			rows(b.([]any)[3])
		}
		add("</T>")
	default:
		add("<" + tag + ">")
		flatten(c, out)
		add("</" + tag + ">")
	}
}

// Similarity is twice the length of the longest common subsequence over the
// lengths together: 1 for equal sequences, 0 for nothing in common.
func Similarity(a, b []string) float64 {
	if len(a)+len(b) == 0 {
		return 1
	}
	prev, cur := make([]int, len(b)+1), make([]int, len(b)+1)
	for _, x := range a {
		for j, y := range b {
			if x == y {
				cur[j+1] = prev[j] + 1
			} else {
				cur[j+1] = max(prev[j+1], cur[j])
			}
		}
		prev, cur = cur, prev
	}
	return 2 * float64(prev[len(b)]) / float64(len(a)+len(b))
}
