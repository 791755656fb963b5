package crank

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// Capability is the routing key family/verb@major, such as "document/convert@1".
// Parts match [a-z][a-z0-9-]*, at most 63 bytes each; a third party writes
// publisher.family. Major is 1 or more.
type Capability string

// ParseCapability reads a capability. A name without @major is returned as it
// stands: it means the newest major, which discovery resolves.
func ParseCapability(s string) (Capability, error) {
	name, major, versioned := strings.Cut(s, "@")
	family, verb, ok := strings.Cut(name, "/")
	publisher, rest, owned := strings.Cut(family, ".")
	if !owned {
		rest = publisher
	}
	if !ok || !part(publisher) || !part(rest) || !part(verb) {
		return "", E(CodeCapabilityName, "%q is not family/verb[@major]", clip(s))
	}
	if versioned {
		n, err := strconv.ParseUint(major, 10, 31)
		if err != nil || n == 0 || major[0] == '0' || major[0] == '+' {
			return "", E(CodeCapabilityName, "%q has no major version of 1 or more", clip(s))
		}
	}
	return Capability(s), nil
}

func part(s string) bool {
	if s == "" || len(s) > 63 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "..."
	}
	return s
}

// Name returns the capability without its major: "document/convert".
func (c Capability) Name() string { name, _, _ := strings.Cut(string(c), "@"); return name }

// Family returns the part before the slash, a publisher's prefix included.
func (c Capability) Family() string { f, _, _ := strings.Cut(c.Name(), "/"); return f }

// Verb returns the part after the slash.
func (c Capability) Verb() string { _, v, _ := strings.Cut(c.Name(), "/"); return v }

// Major returns the major version, or 0 where none is written.
func (c Capability) Major() int {
	_, m, _ := strings.Cut(string(c), "@")
	n, _ := strconv.Atoi(m)
	return n
}

// Operation is a capability as its worker declares it: the contract that every
// door, the schema checks, the docs and the tests read.
type Operation struct {
	Capability  Capability      `json:"capability" yaml:"capability"`
	Summary     string          `json:"summary" yaml:"summary"`
	Description string          `json:"description,omitempty" yaml:"description,omitempty"`
	Input       json.RawMessage `json:"input" yaml:"-"`  // JSON Schema 2020-12
	Output      json.RawMessage `json:"output" yaml:"-"` // JSON Schema 2020-12
	File        FileField       `json:"file,omitzero" yaml:"file,omitempty"`
	Properties  Properties      `json:"properties" yaml:"properties"`
	Limits      Limits          `json:"limits" yaml:"limits"`
	Errors      []ErrorDecl     `json:"errors,omitempty" yaml:"errors,omitempty"`
	// Meters bounds each meter that a price may be charged on: the most of it
	// that one call can use. It makes every quote a true ceiling.
	Meters map[string]int64 `json:"meters,omitempty" yaml:"meters,omitempty"`
	Plan   Plan             `json:"plan,omitzero" yaml:"plan,omitempty"` // the price its worker asks
}

// FileField says where bytes live in an operation's input and output, so that a
// raw body or a file on the command line finds its place.
type FileField struct {
	In       string   `json:"in,omitempty" yaml:"in,omitempty"`             // property of the input that takes the raw body, a BlobRef
	Out      string   `json:"out,omitempty" yaml:"out,omitempty"`           // property of the output that is the raw answer: a string or a BlobRef
	Accept   []string `json:"accept,omitempty" yaml:"accept,omitempty"`     // media types read; empty means any
	Produces []string `json:"produces,omitempty" yaml:"produces,omitempty"` // media types written
}

// Properties are what an operation promises of itself. The zero value promises
// nothing: not idempotent, not deterministic, no egress.
type Properties struct {
	Idempotent    bool     `json:"idempotent,omitempty" yaml:"idempotent,omitempty"`       // running it twice does no more than once
	Deterministic bool     `json:"deterministic,omitempty" yaml:"deterministic,omitempty"` // the same input gives the same output
	Streaming     bool     `json:"streaming,omitempty" yaml:"streaming,omitempty"`         // output may arrive in parts
	SideEffects   bool     `json:"side_effects,omitempty" yaml:"side_effects,omitempty"`   // it changes something outside
	Egress        []string `json:"egress,omitempty" yaml:"egress,omitempty"`               // host:port it needs; empty means none
	DataClasses   []string `json:"data_classes,omitempty" yaml:"data_classes,omitempty"`   // such as "personal", "financial"
}

// Limits bound one call of an operation. Zero means the harness's default.
type Limits struct {
	InputBytes  int64         `json:"input_bytes,omitempty" yaml:"input_bytes,omitempty"`   // JSON and blobs together
	OutputBytes int64         `json:"output_bytes,omitempty" yaml:"output_bytes,omitempty"` // JSON and blobs together
	Depth       int           `json:"depth,omitempty" yaml:"depth,omitempty"`               // of the input's JSON
	Time        time.Duration `json:"time,omitempty" yaml:"time,omitempty"`                 // wall time of one attempt
	CPU         time.Duration `json:"cpu,omitempty" yaml:"cpu,omitempty"`                   // on-CPU time of one attempt
	MemoryBytes int64         `json:"memory_bytes,omitempty" yaml:"memory_bytes,omitempty"` // address space or resident set, as the OS can
}

// ErrorDecl is an error that an operation is known to return.
type ErrorDecl struct {
	Code      Code   `json:"code" yaml:"code"`
	When      string `json:"when,omitempty" yaml:"when,omitempty"`
	Retryable bool   `json:"retryable,omitempty" yaml:"retryable,omitempty"`
}
