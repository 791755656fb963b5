// Package schema checks JSON values against JSON Schema 2020-12.
//
// It owns how faults are told: one per place, with a JSON pointer (RFC 6901).
// Schemas never fetch others: a $ref outside the document is refused.
package schema

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Schema is a compiled schema, safe for concurrent use. The nil Schema accepts
// every value.
type Schema struct{ compiled *jsonschema.Schema }

// Fault is one thing wrong with a value.
type Fault struct{ Path, Reason string }

type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("schema refers to %s; only references inside the document are followed", url)
}

// Compile reads a schema; empty text gives the nil Schema.
func Compile(text []byte) (*Schema, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, nil
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	c.DefaultDraft(jsonschema.Draft2020)
	const name = "crank:schema"
	if err := c.AddResource(name, doc); err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	compiled, err := c.Compile(name)
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	return &Schema{compiled}, nil
}

// maxFaults bounds what is told of one value: enough to mend it, not enough to
// make an answer larger than the input.
const maxFaults = 32

// Check returns what is wrong with a JSON value; nothing when it fits. The error
// is for text that is no JSON.
func (s *Schema) Check(value []byte) ([]Fault, error) {
	if s == nil {
		return nil, nil
	}
	var v any
	if err := json.Unmarshal(value, &v); err != nil { // numbers become doubles, as in RFC 8785
		return nil, fmt.Errorf("value: %w", err)
	}
	err := s.compiled.Validate(v)
	if err == nil {
		return nil, nil
	}
	invalid, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return nil, fmt.Errorf("value: %w", err)
	}
	return leaves(nil, invalid), nil
}

var english = message.NewPrinter(language.English)

// leaves collects the deepest causes: the ones that a reader can act on.
func leaves(faults []Fault, e *jsonschema.ValidationError) []Fault {
	if len(e.Causes) == 0 && len(faults) < maxFaults {
		return append(faults, Fault{pointer(e.InstanceLocation), e.ErrorKind.LocalizedString(english)})
	}
	for _, cause := range e.Causes {
		faults = leaves(faults, cause)
	}
	return faults
}

func pointer(path []string) string {
	var b strings.Builder
	for _, p := range path {
		b.WriteByte('/')
		b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(p))
	}
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}
