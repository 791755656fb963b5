// Package harness runs a worker: it checks its manifest, holds every call
// against schema and limits, keeps it in its sandbox, meters it and contains
// what goes wrong.
//
// It owns what a worker may do and how that is measured. It does not own what
// the work is (package workers), how a call gets here (package mesh) or what it
// costs (the platform's market).
package harness

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/schema"
)

// Defaults for what an operation's limits leave zero.
const (
	DefaultTime        = time.Minute
	DefaultMemoryBytes = 1 << 30
	DefaultInputBytes  = 64 << 20
	DefaultOutputBytes = 256 << 20
)

// The isolations: a pooled, sandboxed child that the operating system measures,
// or the node's own process, where usage is estimated.
const (
	Process = "process"
	Inproc  = "inproc"
)

// Config is what a Host is made of.
type Config struct {
	Blobs     crank.BlobStore
	Isolation string       // Process unless the manifest or this says Inproc
	Children  int          // pooled children; 0 means one a processor
	Spool     string       // folder for the files of calls under way; default the system's
	Calls     int          // calls at once; 0 means Children when isolated, else 64 a processor
	Log       *slog.Logger // default slog.Default()
}

// Host runs one worker. It is safe for concurrent use.
type Host struct {
	Config
	worker   crank.Worker
	manifest crank.Manifest
	ops      map[crank.Capability]*operation
	slots    chan struct{}
	pool     *children // nil when inproc
}

type operation struct {
	crank.Operation
	input, output *schema.Schema
	late          *crank.Error // what a call past the limit of time is told
	window        window
}

// New checks the worker's manifest (CodeManifest, all faults at once) and
// returns its host. Nothing is started before the first call.
func New(c Config, w crank.Worker) (*Host, error) {
	h := &Host{Config: c, worker: w, manifest: w.Manifest(), ops: map[crank.Capability]*operation{}}
	if err := h.compile(); err != nil {
		return nil, err
	}
	if h.Log == nil {
		h.Log = slog.Default()
	}
	if h.manifest.Isolation == Inproc {
		h.Isolation = Inproc
	}
	if h.Isolation == "" {
		h.Isolation = Process
	}
	if h.Children == 0 {
		h.Children = runtime.GOMAXPROCS(0)
	}
	if h.Isolation == Process {
		h.pool = newChildren(h)
	}
	if h.Calls == 0 {
		h.Calls = 64 * runtime.GOMAXPROCS(0)
		if h.pool != nil {
			h.Calls = h.Children
		}
	}
	h.slots = make(chan struct{}, h.Calls)
	return h, nil
}

// Manifest returns what the worker says of itself, with limits filled in.
func (h *Host) Manifest() crank.Manifest { return h.manifest }

// Close ends the pooled children; calls under way fail.
func (h *Host) Close() {
	if h.pool != nil {
		h.pool.Close()
	}
}

// Handle runs a call to its end. It has the shape of a mesh handler. An offer that
// names the contract says that the input has been held against it.
func (h *Host) Handle(ctx context.Context, call crank.Call, to crank.Offer, sink func(crank.Chunk) error) (crank.Result, error) {
	op, ok := h.ops[call.Capability]
	if !ok {
		return crank.Result{}, crank.E(crank.CodeWorkerGone, "%s does not provide %s", h.manifest.Worker, call.Capability)
	}
	began := time.Now()
	result, err := h.handle(ctx, op, call, !to.Contract.IsZero(), sink)
	op.observe(began, err)
	return result, err
}

func (h *Host) handle(ctx context.Context, op *operation, call crank.Call, checked bool, sink func(crank.Chunk) error) (crank.Result, error) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return crank.Result{}, crank.Wrap(crank.CodeDeadline, ctx.Err(), "%s was busy until the deadline", h.manifest.Worker)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, op.Limits.Time, op.late)
	defer cancel()

	s := &session{host: h, op: op, tenant: call.Principal.Tenant, left: op.Limits.OutputBytes}
	defer s.clean()
	task := crank.Task{
		Call: call.ID, Capability: call.Capability, Input: call.Input, Deadline: call.Deadline, Blobs: s, Dir: s.folder,
	}
	if sink != nil && op.Properties.Streaming {
		task.Emit = sink
	}
	if err := s.admit(call.Input, checked); err != nil {
		return crank.Result{}, err
	}
	var result crank.Result
	var err error
	if h.pool != nil {
		result, err = h.pool.do(ctx, s, task)
	} else {
		result, err = h.inproc(ctx, task)
	}
	if err != nil {
		return result, h.blame(ctx, err)
	}
	return result, s.release(result.Output)
}

// inproc runs the worker in this process. The time that a goroutine spends on a
// CPU cannot be told, so its wall time stands for it, as an estimate.
func (h *Host) inproc(ctx context.Context, task crank.Task) (result crank.Result, err error) {
	began := time.Now()
	result, err = Contained(ctx, h.worker, task)
	if result.Usage.Of(crank.MeterCPUMicros) == 0 {
		result.Usage = append(result.Usage, crank.Reading{
			Meter: crank.MeterCPUMicros, Quantity: time.Since(began).Microseconds(),
			Method: crank.Estimated, Source: crank.SourceHarness,
		})
	}
	return result, err
}

// Contained runs a task and turns a panic into an error.
func Contained(ctx context.Context, w crank.Worker, task crank.Task) (result crank.Result, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = crank.E(crank.CodeWorkerFailed, "the worker broke on this input")
			err.(*crank.Error).Cause = errors.New(string(debug.Stack()))
		}
	}()
	return w.Do(ctx, task)
}

// blame makes an error exact: what the harness itself stopped is the limit's
// doing, and only its own words leave the worker.
func (h *Host) blame(ctx context.Context, err error) error {
	if limit, ok := errors.AsType[*crank.Error](context.Cause(ctx)); ok {
		return limit
	}
	if ctx.Err() != nil {
		return crank.Wrap(crank.CodeDeadline, ctx.Err(), "%s was stopped", h.manifest.Worker)
	}
	e, ok := errors.AsType[*crank.Error](err)
	if !ok {
		e = crank.Wrap(crank.CodeWorkerFailed, err, "%s failed", h.manifest.Worker)
	}
	if e.Cause != nil {
		h.Log.Warn("a worker failed", "worker", h.manifest.Worker, "code", e.Code, "err", e.Cause)
	}
	return e
}
