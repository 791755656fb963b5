package manifest

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/agnivade/levenshtein"
	"go.yaml.in/yaml/v3"

	"github.com/crank-platform/crank"
)

// Value is one value of a manifest. Its methods read it as what it should be; a
// value that is something else becomes a fault and reads as zero.
type Value struct {
	node *yaml.Node
	path string // JSON pointer
	r    *reader
}

// Fault notes what is wrong here.
func (v Value) Fault(format string, args ...any) {
	path := v.path
	if path == "" {
		path = "/"
	}
	v.r.faults = append(v.r.faults, crank.Fault{Path: path, Reason: fmt.Sprintf("line %d: ", v.node.Line) + fmt.Sprintf(format, args...)})
}

// Fields reads an object: each key with the function of its name. A key without
// one, or that stands twice, is a fault.
func (v Value) Fields(read map[string]func(Value)) {
	known := make([]string, 0, len(read))
	for k := range read {
		known = append(known, k)
	}
	slices.Sort(known)
	v.Entries(func(key string, e Value) {
		if f, ok := read[key]; ok {
			f(e)
			return
		}
		near := slices.MinFunc(append(known, ""), func(a, b string) int {
			return levenshtein.ComputeDistance(a, key) - levenshtein.ComputeDistance(b, key)
		})
		if near != "" && levenshtein.ComputeDistance(near, key) <= 2 {
			e.Fault("unknown key %q; is it %q?", key, near)
		} else {
			e.Fault("unknown key %q; known are %s", key, strings.Join(known, ", "))
		}
	})
}

// Entries reads an object whose keys are free.
func (v Value) Entries(each func(key string, e Value)) {
	if !v.is(yaml.MappingNode, "an object of keys and values") {
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		k := v.node.Content[i]
		e := Value{v.node.Content[i+1], v.path + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(k.Value), v.r}
		switch {
		case k.Kind != yaml.ScalarNode:
			e.Fault("a key must be text")
		case seen[k.Value]:
			e.Fault("key %q stands twice", k.Value)
		default:
			seen[k.Value] = true
			each(k.Value, e)
		}
	}
}

// Each reads a list.
func (v Value) Each(each func(Value)) {
	if !v.is(yaml.SequenceNode, "a list") {
		return
	}
	for i, n := range v.node.Content {
		each(Value{n, v.path + "/" + strconv.Itoa(i), v.r})
	}
}

// IsText reports whether the value is text, so that Text would not fault.
func (v Value) IsText() bool { return v.node.Kind == yaml.ScalarNode && v.node.ShortTag() == "!!str" }

// IsNull reports whether nothing is written.
func (v Value) IsNull() bool { return v.node.Kind == yaml.ScalarNode && v.node.ShortTag() == "!!null" }

// Text reads text. A number or a yes-or-no must be in quotes to be text.
func (v Value) Text() string {
	if !v.is(yaml.ScalarNode, "text") {
		return ""
	}
	if !v.IsText() {
		v.Fault("%s is no text; write it in quotes", v.node.Value)
		return ""
	}
	return v.node.Value
}

// OneOf reads text that is one of a few words.
func (v Value) OneOf(words ...string) string {
	s := v.Text()
	if s != "" && !slices.Contains(words, s) {
		v.Fault("%q is none of %s", s, strings.Join(words, ", "))
	}
	return s
}

// Texts reads a list of texts.
func (v Value) Texts() (list []string) {
	v.Each(func(e Value) { list = append(list, e.Text()) })
	return list
}

// Bool reads true or false.
func (v Value) Bool() (b bool) {
	if v.is(yaml.ScalarNode, "true or false") && (v.node.ShortTag() != "!!bool" || v.node.Decode(&b) != nil) {
		v.Fault("%s is neither true nor false", v.node.Value)
	}
	return b
}

// Int reads a whole number of at least min.
func (v Value) Int(min int64) (n int64) {
	if !v.is(yaml.ScalarNode, "a whole number") {
		return 0
	}
	if v.node.ShortTag() != "!!int" || v.node.Decode(&n) != nil || n < min {
		v.Fault("%s is no whole number of %d or more", v.node.Value, min)
	}
	return n
}

// Duration reads a time such as 10s or 1m30s.
func (v Value) Duration() time.Duration {
	if !v.is(yaml.ScalarNode, "a time such as 10s") {
		return 0
	}
	d, err := time.ParseDuration(v.node.Value)
	if err != nil || d <= 0 {
		v.Fault("%q is no time such as 10s or 1m30s", v.node.Value)
		return 0
	}
	return d
}

// Bytes reads a size: a whole number of bytes, or one with KiB, MiB, GiB, KB, MB
// or GB.
func (v Value) Bytes() int64 {
	if !v.is(yaml.ScalarNode, "a size such as 256MiB") {
		return 0
	}
	digits := strings.TrimRight(v.node.Value, "KMGiB ")
	unit, ok := units[strings.TrimSpace(v.node.Value[len(digits):])]
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || n <= 0 || n > math.MaxInt64/unit {
		v.Fault("%q is no size such as 256MiB", v.node.Value)
		return 0
	}
	return n * unit
}

var units = map[string]int64{"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "KB": 1e3, "MB": 1e6, "GB": 1e9}

// Money reads an amount of at least 0 as text: "0.0010 USD", or "0.0010" where
// the asset is known. Never a number: YAML would read it as a float.
func (v Value) Money(asset crank.Asset) crank.Micros {
	s := v.Text()
	if s == "" {
		return 0
	}
	if !strings.ContainsFunc(s, func(r rune) bool { return r >= 'A' && r <= 'Z' }) {
		s += " " + string(asset)
	}
	m, err := crank.ParseMoney(s)
	switch {
	case err != nil:
		v.Fault("%s", crank.AsError(err).Message)
	case m.Asset != asset:
		v.Fault("%s is not in the plan's asset, %s", s, asset)
	case m.Micros < 0:
		v.Fault("%s is less than nothing", s)
	}
	return m.Micros
}

// is reports whether the value is of a kind, and notes it if not.
func (v Value) is(k yaml.Kind, what string) bool {
	switch {
	case v.node.Kind == yaml.AliasNode || v.node.Anchor != "":
		v.Fault("anchors and aliases are not read here; write the value out")
		return false
	case v.node.Kind != k:
		v.Fault("this must be %s", what)
		return false
	}
	return true
}
