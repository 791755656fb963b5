// Package params reads parameters that come as text (a query, a form, the
// command line) into the JSON that an operation's schema asks for.
package params

import (
	"encoding/json"
	"sort"
	"strings"

	"github.com/agnivade/levenshtein"

	"github.com/crank-platform/crank"
)

// properties is the part of a JSON Schema that names an object's properties.
type properties struct {
	Properties           map[string]json.RawMessage `json:"properties"`
	AdditionalProperties any                        `json:"additionalProperties"`
}

// Set puts a parameter into an input, as the type that the schema gives it: text
// stays text unless the schema wants something else. A dot in the name leads into
// objects. CodeInvalidInput for a name that the schema does not know, with the
// nearest, and for a value of another type.
func Set(schema json.RawMessage, input map[string]any, name, value string) error {
	var s properties
	if err := json.Unmarshal(schema, &s); err != nil && len(schema) > 0 {
		return crank.Wrap(crank.CodeManifest, err, "the schema cannot be read")
	}
	head, rest, nested := strings.Cut(name, ".")
	own, known := s.Properties[head]
	if !known && s.AdditionalProperties == false {
		e := crank.E(crank.CodeInvalidInput, "there is no parameter %.80q", name)
		if near := nearest(head, s.Properties); near != "" {
			e = e.Mending("Did you mean %s? `crank capabilities NAME` prints the schema.", near)
		}
		return e.With(crank.Fault{Path: "/" + head, Reason: "is not in the schema"})
	}
	if nested && known {
		inner, ok := input[head].(map[string]any)
		if !ok {
			inner = map[string]any{}
			input[head] = inner
		}
		return Set(own, inner, rest, value)
	}
	v, err := typed(own, value)
	if err != nil {
		return crank.E(crank.CodeInvalidInput, "parameter %s cannot be %.80q", name, value).With(crank.Fault{Path: "/" + head, Reason: err.Error()})
	}
	input[name] = v
	return nil
}

type typeError string

func (e typeError) Error() string { return string(e) }

func typed(schema json.RawMessage, value string) (any, error) {
	var s struct {
		Type any `json:"type"`
	}
	if len(schema) > 0 {
		if err := json.Unmarshal(schema, &s); err != nil {
			return value, nil // a boolean schema: anything goes
		}
	}
	want, _ := s.Type.(string)
	if want == "" || want == "string" {
		return value, nil
	}
	if !json.Valid([]byte(value)) {
		return nil, typeError("is no " + want)
	}
	raw := json.RawMessage(value)
	var ok bool
	switch value[0] {
	case '"': // text, which is not wanted
	case '{':
		ok = want == "object"
	case '[':
		ok = want == "array"
	case 't', 'f':
		ok = want == "boolean"
	case 'n':
		ok = want == "null"
	default:
		ok = want == "integer" || want == "number"
	}
	if !ok {
		return nil, typeError("is no " + want)
	}
	return raw, nil
}

func nearest(name string, known map[string]json.RawMessage) string {
	names := make([]string, 0, len(known))
	for k := range known {
		names = append(names, k)
	}
	sort.Strings(names)
	best, at := "", 4
	for _, k := range names {
		if d := levenshtein.ComputeDistance(name, k); d < at {
			best, at = k, d
		}
	}
	return best
}
