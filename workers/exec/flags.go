package exec

import (
	"encoding/json"
	"slices"

	"github.com/crank-platform/crank"
)

// Spec is a worker of one operation as a command line says it, without a
// worker.yaml. Only Name and Runtime.Command are needed.
type Spec struct {
	Name       string
	Provider   string           // "" means "local"
	Capability crank.Capability // "" means <name>/run@1
	Summary    string           // "" means one that names the command
	Dir        string           // "" means the working folder
	Runtime    Runtime
	// File says where bytes live. With Runtime.Stdin (Stdout) File and no name
	// here, the property is called "file".
	File       crank.FileField
	Properties crank.Properties
	Limits     crank.Limits
	Price      crank.Money // of a call; the zero value is free
}

// FromFlags makes a worker of a Spec; errors are those of Load.
func FromFlags(s Spec) (*Worker, error) {
	rt := s.Runtime
	if _, err := crank.ParseCapability(s.Name + "/run@1"); err != nil {
		return nil, crank.E(crank.CodeManifest, "%q is no name of a worker: it must match [a-z][a-z0-9-]*", s.Name)
	}
	if len(rt.Command) == 0 || rt.Command[0] == "" {
		return nil, crank.E(crank.CodeManifest, "no command is given for worker %q", s.Name)
	}
	if s.Capability == "" {
		s.Capability = crank.Capability(s.Name + "/run@1")
	}
	if c, err := crank.ParseCapability(string(s.Capability)); err != nil || c.Major() == 0 {
		return nil, crank.E(crank.CodeManifest, "%q is no family/verb@major", s.Capability)
	}
	if s.Provider == "" {
		s.Provider = "local"
	}
	if s.Summary == "" {
		s.Summary = "Run " + rt.Command[0] + "."
	}
	if s.Dir == "" {
		s.Dir = "."
	}
	op := crank.Operation{
		Capability: s.Capability, Summary: s.Summary, File: s.File, Properties: s.Properties, Limits: s.Limits,
		Input: json.RawMessage(`{"type":"object"}`), Output: json.RawMessage(`true`),
	}
	if rt.Stdin == File && op.File.In == "" {
		op.File.In = "file"
	}
	if rt.Stdout == File && op.File.Out == "" {
		op.File.Out = "file"
	}
	if !slices.Contains([]string{"", Oneshot, Lines}, rt.Mode) {
		return nil, crank.E(crank.CodeManifest, "mode %q is neither %s nor %s", rt.Mode, Oneshot, Lines)
	}
	if s.Price != (crank.Money{}) {
		op.Plan = crank.Plan{Asset: s.Price.Asset, Prices: []crank.Price{{Meter: crank.MeterCalls, Micros: s.Price.Micros, Per: 1}}}
	}
	return build(crank.Manifest{
		Version: crank.FormatVersion, Worker: s.Name, Provider: s.Provider, Operations: []crank.Operation{op},
	}, rt, s.Dir)
}
