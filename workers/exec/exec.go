// Package exec makes any command a worker, without an SDK.
//
// It owns how a program is spoken to (below), how its files come and go, and
// what each way to fail is called. It does not own the sandbox, the limits and
// the measuring (package child), nor the manifest's own keys (package manifest).
//
// # One call, one process
//
// With mode oneshot the command is started for each call. Its folder is the
// call's own: empty, writable, removed afterwards; the worker's folder can be
// read. It finds the input on stdin as one JSON value and prints the output on
// stdout as one JSON value. Exit status 0 is success. Any other is a failure:
// the last line of stderr is told to the caller, or, where stdout holds
// {"error": {"code": "CRK-1007", "message": "..."}}, that. The environment has
// CRANK_CAPABILITY, CRANK_CALL, CRANK_WORKER_DIR, HOME and TMPDIR (the call's
// folder), PATH, LANG and what the manifest names; nothing else.
//
// # Many calls, one process
//
// With mode lines the command lives on and answers one call at a time. Each call
// is a line {"id", "capability", "input", "dir"}; it answers with a line {"id",
// "output"} or {"id", "error": {"code", "message"}}, before which may come lines
// {"id", "chunk": {"event", "data"}} that are streamed to the caller. Beside
// "output" may stand "usage": {"pages": 3}, the worker's own meters. dir is the
// call's own folder.
//
// # Files
//
// A file in the input stands as {"$file": "/absolute/path", "size", "media_type",
// "name"}; a file for the output is written below the call's folder and named as
// {"$file": "out.txt", "media_type": "text/plain", "name": "..."}, by a path
// relative to that folder or inside it. A path or link that leads out of the
// folder fails the call. With stdin: file the program reads the bytes of the
// property named by file.in as they are, and the rest of the input in the file
// that CRANK_INPUT names; with stdout: file what it prints is the property named
// by file.out. So `tr a-z A-Z` is a worker.
package exec

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/api/manifest"
	"github.com/crank-platform/crank/kit/child"
)

// Defaults for limits that a manifest leaves out. Processor time has none: the
// time limit bounds it.
const (
	DefaultTime        = time.Minute
	DefaultMemoryBytes = 512 << 20
	DefaultInputBytes  = 64 << 20
	DefaultOutputBytes = 64 << 20
)

// Worker is a command as a crank.Worker. It is safe for concurrent use.
type Worker struct {
	manifest crank.Manifest
	runtime  Runtime
	dir      string // the worker's folder, absolute
	path     string // the program, absolute
	args     []string
	ops      map[crank.Capability]crank.Operation
	pool     *child.Pool // for Lines
}

var _ crank.Worker = (*Worker)(nil)

// Load reads worker.yaml in dir. Every fault is told at once (CodeManifest), a
// program that is not to be found among them. Nothing is started.
func Load(dir string) (*Worker, error) {
	var rt Runtime
	m, err := manifest.Load(dir, manifest.Section{Name: "runtime", Read: rt.read})
	if err != nil {
		return nil, err
	}
	if len(rt.Command) == 0 {
		return nil, crank.E(crank.CodeManifest, "the manifest of worker %q says no runtime.command", m.Worker).
			Mending("Add for example `runtime: {command: [python3, main.py]}`.")
	}
	if m.Isolation == "process" {
		return nil, crank.E(crank.CodeManifest, "worker %q asks for isolation process", m.Worker).
			Mending("Leave isolation out: each command runs in a sandboxed process of its own.")
	}
	return build(m, rt, dir)
}

// build checks what only shows across keys and makes the worker.
func build(m crank.Manifest, rt Runtime, dir string) (*Worker, error) {
	m.Isolation = "inproc" // the command is isolated by its own child
	w := &Worker{manifest: m, runtime: rt, ops: map[crank.Capability]crank.Operation{}}
	faults := w.resolve(dir)
	egress := false
	for i := range m.Operations {
		op := &m.Operations[i]
		at := "/operations/" + string(op.Capability)
		fill(&op.Limits)
		egress = egress || len(op.Properties.Egress) > 0
		switch {
		case rt.Stdin == File && op.File.In == "":
			faults = append(faults, crank.Fault{Path: at + "/file", Reason: "runtime.stdin is file, so file.in must name a property of the input"})
		case rt.Stdout == File && op.File.Out == "":
			faults = append(faults, crank.Fault{Path: at + "/file", Reason: "runtime.stdout is file, so file.out must name a property of the output"})
		case op.Properties.Streaming && rt.Mode != Lines:
			faults = append(faults, crank.Fault{Path: at + "/properties/streaming", Reason: "only mode lines can stream"})
		}
		w.ops[op.Capability] = *op
	}
	if egress != rt.Network {
		faults = append(faults, crank.Fault{Path: "/runtime/network", Reason: "network: true and properties.egress (host:port) belong together: an operation says where to, the runtime opens the way"})
	}
	if len(faults) > 0 {
		return nil, crank.E(crank.CodeManifest, "the manifest of worker %q has %d faults", m.Worker, len(faults)).With(faults...)
	}
	if rt.Mode == Lines {
		w.pool = w.newPool()
	}
	return w, nil
}

func fill(l *crank.Limits) {
	if l.Time == 0 {
		l.Time = DefaultTime
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

// Manifest implements crank.Worker.
func (w *Worker) Manifest() crank.Manifest {
	m := w.manifest
	m.Operations = slices.Clone(m.Operations)
	return m
}

// Notes says in sentences what this machine cannot enforce on the command.
func (w *Worker) Notes() []string {
	notes := child.Capabilities().Notes
	if w.runtime.Network {
		notes = append(notes, "The command may open any connection: the operating system cannot hold it to the hosts that properties.egress names.")
	}
	return notes
}

// Close ends the processes of mode lines; calls under way end first.
func (w *Worker) Close() {
	if w.pool != nil {
		w.pool.Close()
	}
}

// Do implements crank.Worker.
func (w *Worker) Do(ctx context.Context, t crank.Task) (crank.Result, error) {
	op, ok := w.ops[t.Capability]
	if !ok {
		return crank.Result{}, crank.E(crank.CodeUnknownCap, "%s does not provide %s", w.manifest.Worker, t.Capability)
	}
	if w.runtime.Mode == Lines {
		return w.converse(ctx, op, t)
	}
	dir, err := t.Dir()
	if err != nil {
		return crank.Result{}, err
	}
	return w.once(ctx, op, t, &folder{dir: dir, blobs: t.Blobs, left: op.Limits.InputBytes})
}

// spec is what every process of the worker has in common.
func (w *Worker) spec(l crank.Limits, env ...string) child.Spec {
	return child.Spec{
		Path: w.path, Args: w.args, Env: append(w.runtime.environment(w.dir), env...),
		Timeout: l.Time, MaxStderr: 8 << 10,
		Limits: child.Limits{
			CPU: l.CPU, Memory: l.MemoryBytes, FileSize: max(l.OutputBytes, l.InputBytes),
			OpenFiles: 256, Processes: w.runtime.Processes,
		},
		Network: w.runtime.Network, ReadPaths: append([]string{w.dir}, w.runtime.Read...),
	}
}

// measured is usage as the operating system counted it.
func measured(cpu time.Duration, rss int64) crank.Usage {
	u := crank.Usage{{Meter: crank.MeterCPUMicros, Quantity: max(cpu.Microseconds(), 1), Method: crank.Measured, Source: crank.SourceHarness}}
	if rss > 0 {
		u = append(u, crank.Reading{Meter: crank.MeterMemoryBytes, Quantity: rss, Method: crank.Measured, Source: crank.SourceHarness})
	}
	return u
}

// isObject reports whether a JSON value is an object.
func isObject(v json.RawMessage) bool { return len(v) > 0 && v[0] == '{' }
