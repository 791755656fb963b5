package harness

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/schema"
)

// compile checks the manifest, fills in default limits and compiles the schemas.
func (h *Host) compile() error {
	m := &h.manifest
	m.Operations = slices.Clone(m.Operations) // limits are filled in; the worker's own list stays
	var faults []crank.Fault
	fault := func(path, format string, args ...any) {
		faults = append(faults, crank.Fault{Path: path, Reason: fmt.Sprintf(format, args...)})
	}
	if m.Version != crank.FormatVersion {
		fault("version", "is %d, this program knows %d", m.Version, crank.FormatVersion)
	}
	if _, err := crank.ParseCapability(m.Worker + "/x"); err != nil {
		fault("worker", "%q does not match [a-z][a-z0-9-]*", m.Worker)
	}
	if m.Isolation != "" && m.Isolation != Process && m.Isolation != Inproc {
		fault("isolation", "%q is neither process nor inproc", m.Isolation)
	}
	if len(m.Operations) == 0 {
		fault("operations", "are none")
	}
	for i := range m.Operations {
		op := &operation{Operation: m.Operations[i]}
		at := "operations/" + string(op.Capability)
		if c, err := crank.ParseCapability(string(op.Capability)); err != nil || c.Major() == 0 {
			fault(at, "is no family/verb@major")
		}
		if h.ops[op.Capability] != nil {
			fault(at, "is declared twice")
		}
		if op.Summary == "" {
			fault(at+"/summary", "is missing")
		}
		var err error
		if op.input, err = schema.Compile(op.Input); err != nil {
			fault(at+"/input", "%v", err)
		}
		if op.output, err = schema.Compile(op.Output); err != nil {
			fault(at+"/output", "%v", err)
		}
		for _, e := range op.Errors {
			if e.Code.About().Kind == crank.KindInternal && e.Code != crank.CodeInternal && !strings.HasPrefix(string(e.Code), "CRK-4") {
				fault(at+"/errors", "%s is no code", e.Code)
			}
		}
		fill(&op.Limits)
		op.late = crank.E(crank.CodeDeadline, "%s ran longer than its limit of %s", op.Capability, op.Limits.Time).
			Mending("Send a smaller input, or raise the operation's limit of time.")
		m.Operations[i] = op.Operation
		h.ops[op.Capability] = op
	}
	if len(faults) > 0 {
		return crank.E(crank.CodeManifest, "the manifest of worker %q has %d faults", m.Worker, len(faults)).With(faults...)
	}
	return nil
}

// childProcessors is how many processors a child may use at once.
const childProcessors = 2

func fill(l *crank.Limits) {
	if l.Time == 0 {
		l.Time = DefaultTime
	}
	if l.CPU == 0 {
		l.CPU = childProcessors * l.Time
	}
	if l.MemoryBytes == 0 {
		l.MemoryBytes = DefaultMemoryBytes
	}
	if l.InputBytes == 0 {
		l.InputBytes = DefaultInputBytes
	}
	if l.OutputBytes == 0 {
		l.OutputBytes = DefaultOutputBytes
	}
}
