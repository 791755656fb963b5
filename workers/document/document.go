// Package document is the worker that converts, analyses and validates
// documents.
//
// It owns what a call for document/* may ask and how its answer looks: what
// travels inside the answer and what as a blob, how much an inventory lists, and
// which code stands for which fault of a file. It does not own the formats
// (package format/doc and those below it), nor the limits, the sandbox and the
// metering (package harness).
//
// Its manifest is data: worker.yaml and the schemas beside it.
package document

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/api/manifest"
	"github.com/crank-platform/crank/format/doc"
)

//go:embed worker.yaml schema
var data embed.FS

// Engine is what an answer names as having done the work: the readers and
// writers that are part of this program.
const Engine = "builtin"

// Worker is the document worker. It keeps nothing between calls and is safe for
// concurrent use.
type Worker struct{ manifest func() crank.Manifest }

var _ crank.Worker = Worker{}

// New makes the worker. Its manifest is read when first asked for: a child that
// is another worker need not pay for it.
func New() Worker {
	return Worker{sync.OnceValue(func() crank.Manifest {
		text, err := data.ReadFile(manifest.File)
		if err != nil {
			panic(err) // it is part of this program
		}
		m, err := manifest.Parse(text, data)
		if err != nil {
			panic(err) // the tests rule it out
		}
		return m
	})}
}

// Manifest implements crank.Worker.
func (w Worker) Manifest() crank.Manifest {
	m := w.manifest()
	m.Operations = slices.Clone(m.Operations)
	return m
}

// Do implements crank.Worker. The error's code says what is wrong with the file:
// too large, unsafe, malformed, of another type, encrypted or nested too deep.
func (w Worker) Do(ctx context.Context, t crank.Task) (crank.Result, error) {
	ops := w.manifest().Operations
	i := slices.IndexFunc(ops, func(op crank.Operation) bool { return op.Capability == t.Capability })
	if i < 0 {
		return crank.Result{}, crank.E(crank.CodeUnknownCap, "the document worker has no %s", t.Capability)
	}
	var in input
	if err := json.Unmarshal(t.Input, &in); err != nil {
		return crank.Result{}, crank.Wrap(crank.CodeInvalidInput, err, "the input cannot be read")
	}
	op := ops[i]
	src, err := open(ctx, t.Blobs, in.File, op.Limits.InputBytes)
	if err != nil {
		return crank.Result{}, err
	}
	defer src.Close()
	var output any
	switch verb := t.Capability.Verb(); verb {
	case "convert":
		output, err = toFormat(ctx, t, op, in, src)
	case "analyze":
		output, err = analyze(ctx, t, in, src)
	case "validate":
		output, err = validate(ctx, t, in, src)
	default:
		err = fmt.Errorf("the manifest declares %s, which nothing does", t.Capability)
	}
	if err != nil {
		return crank.Result{}, failure(err)
	}
	text, err := encode(output)
	if err != nil {
		return crank.Result{}, crank.Wrap(crank.CodeInternal, err, "the answer cannot be written")
	}
	return crank.Result{Output: text}, nil
}

// input is what all three operations take; only convert has what follows From.
type input struct {
	File        crank.BlobRef `json:"file"`
	From        doc.Format    `json:"from"` // empty: told by the content
	To          doc.Format    `json:"to"`
	Standalone  bool          `json:"standalone"`
	EmbedImages bool          `json:"embed_images"`
	RawHTML     bool          `json:"raw_html"`
}
