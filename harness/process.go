package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/child"
)

// childEnv tells a copy of our own binary which worker to be.
const childEnv = "CRANK_CHILD_WORKER"

// maxMessage bounds a message between node and child: an input and an output,
// with room for faults.
const maxMessage = 4 << 20

// question and reply are the messages: JSON in frames. Files travel through the
// child's own folder, by name.
type question struct {
	Call       string            `json:"call"`
	Capability crank.Capability  `json:"capability"`
	Input      json.RawMessage   `json:"input"`
	Deadline   time.Time         `json:"deadline"`
	Dir        string            `json:"dir"`
	Files      map[string]string `json:"files,omitempty"` // digest -> name in Dir
	Stream     bool              `json:"stream,omitempty"`
}

type reply struct {
	Chunk  *crank.Chunk  `json:"chunk,omitempty"` // more replies follow
	Result *crank.Result `json:"result,omitempty"`
	Error  *crank.Error  `json:"error,omitempty"`
	Put    []written     `json:"put,omitempty"`
}

// written is a file that the child wrote for the output to refer to.
type written struct {
	File   string       `json:"file"`
	Digest crank.Digest `json:"digest"`
}

// children are the pooled copies of our own binary that be the worker. Each has a
// folder of its own, which no other can read.
type children struct {
	pool child.Pool
	host *Host
}

func newChildren(h *Host) *children {
	var limits crank.Limits // of the operation that may use most
	for _, op := range h.ops {
		limits.MemoryBytes = max(limits.MemoryBytes, op.Limits.MemoryBytes)
		limits.CPU = max(limits.CPU, op.Limits.CPU)
		limits.Time = max(limits.Time, op.Limits.Time)
		limits.OutputBytes = max(limits.OutputBytes, op.Limits.OutputBytes, op.Limits.InputBytes)
	}
	c := &children{host: h}
	c.pool = child.Pool{
		Size: h.Children, Idle: time.Minute, MaxUses: 1000, MaxRSS: limits.MemoryBytes / 2,
		New: func() child.Spec {
			self, err := child.Self()
			if err != nil {
				self = os.Args[0]
			}
			return child.Spec{
				Path: self, Env: []string{childEnv + "=" + h.manifest.Worker, fmt.Sprintf("GOMAXPROCS=%d", childProcessors), fmt.Sprintf("GOMEMLIMIT=%d", limits.MemoryBytes*3/4)},
				Limits:   child.Limits{CPU: limits.CPU, Memory: limits.MemoryBytes, FileSize: limits.OutputBytes, OpenFiles: 256, Processes: 64},
				MaxFrame: maxMessage, Timeout: limits.Time + time.Second,
			}
		},
	}
	return c
}

// Close ends the children; each one's folder goes with it.
func (c *children) Close() { c.pool.Close() }

// do hands a task to a child and brings its files in.
func (c *children) do(ctx context.Context, s *session, task crank.Task) (crank.Result, error) {
	proc, err := c.pool.Get(ctx)
	if err != nil {
		return crank.Result{}, crank.Wrap(crank.CodeWorkerGone, err, "no child could be started for %s", c.host.manifest.Worker)
	}
	defer c.pool.Put(proc)
	dir, err := os.MkdirTemp(proc.Dir(), "call-")
	if err != nil {
		return crank.Result{}, crank.Wrap(crank.CodeStore, err, "no folder can be made for the call")
	}
	defer os.RemoveAll(dir)
	q := question{
		Call: task.Call, Capability: task.Capability, Input: task.Input, Deadline: task.Deadline,
		Dir: dir, Files: map[string]string{}, Stream: task.Emit != nil,
	}
	for d := range s.allowed {
		if err := s.lend(ctx, d, filepath.Join(dir, inName(d))); err != nil {
			return crank.Result{}, err
		}
		q.Files[d.String()] = inName(d)
	}
	message, err := json.Marshal(q)
	if err != nil {
		return crank.Result{}, crank.Wrap(crank.CodeInternal, err, "the task cannot be written")
	}
	answer, used, err := c.exchange(ctx, proc, message, task.Emit)
	if err != nil {
		return crank.Result{Usage: used}, stopped(err, s.op, proc.Stderr())
	}
	if answer.Error != nil {
		return crank.Result{Usage: used}, answer.Error
	}
	if answer.Result == nil {
		return crank.Result{Usage: used}, crank.E(crank.CodeWorkerOutput, "%s answered nothing", c.host.manifest.Worker)
	}
	for _, w := range answer.Put {
		if err := s.take(ctx, dir, w); err != nil {
			return crank.Result{Usage: used}, err
		}
	}
	result := *answer.Result
	for _, r := range result.Usage {
		if used.Of(r.Meter) == 0 {
			r.Source = crank.SourceWorker
			used = append(used, r)
		}
	}
	result.Usage = used
	return result, nil
}

// exchange is one question and its replies, measured by the operating system.
func (c *children) exchange(ctx context.Context, p *child.Proc, message []byte, emit func(crank.Chunk) error) (answer reply, used crank.Usage, err error) {
	var u child.Usage
	var text []byte
	if emit == nil {
		text, u, err = p.Exchange(ctx, message)
		if err == nil {
			err = json.Unmarshal(text, &answer)
		}
		return answer, measured(u), err
	}
	before := p.Usage()
	if err = p.Send(ctx, message); err != nil {
		return answer, nil, err
	}
	for {
		if text, err = p.Recv(ctx); err != nil {
			break
		}
		answer = reply{}
		if err = json.Unmarshal(text, &answer); err != nil || answer.Chunk == nil {
			break
		}
		if err = emit(*answer.Chunk); err != nil {
			p.Close() // it would go on talking to nobody
			break
		}
	}
	u = p.Usage()
	u.CPU -= before.CPU
	return answer, measured(u), err
}

func measured(u child.Usage) crank.Usage {
	return crank.Usage{
		{Meter: crank.MeterCPUMicros, Quantity: max(u.CPU.Microseconds(), 1), Method: crank.Measured, Source: crank.SourceHarness},
		{Meter: crank.MeterMemoryBytes, Quantity: u.MaxRSS, Method: crank.Measured, Source: crank.SourceHarness},
	}
}

// stopped says in the call's words why a child ended.
func stopped(err error, op *operation, stderr []byte) error {
	if bytes.Contains(stderr, []byte("out of memory")) { // the runtime's last words at the memory wall
		return crank.Wrap(crank.CodeWorkerLimit, err, "%s went past its limit of memory", op.Capability)
	}
	if stop, ok := errors.AsType[*child.StoppedError](err); ok {
		switch stop.Reason {
		case child.ByTimeout:
			return op.late
		case child.ByMemory, child.ByCPU, child.ByProcesses, child.ByFlood:
			return crank.Wrap(crank.CodeWorkerLimit, err, "%s went past its limit of %s", op.Capability, stop.Reason)
		case child.ByContext:
			return err
		}
	}
	return crank.Wrap(crank.CodeWorkerFailed, err, "the child that ran %s ended", op.Capability)
}

func inName(d crank.Digest) string { return "in-" + d.String()[len("sha256:"):] }

// lend copies a blob into the call's folder.
func (s *session) lend(ctx context.Context, d crank.Digest, path string) error {
	from, err := s.Open(ctx, crank.BlobRef{Digest: d})
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return crank.Wrap(crank.CodeStore, err, "a file of the call cannot be written")
	}
	_, err = io.Copy(to, from)
	if err := errors.Join(err, to.Close()); err != nil {
		return crank.Wrap(crank.CodeStore, err, "a file of the call cannot be copied")
	}
	return nil
}

// take brings in a file that the child wrote. Its name must be a plain one: the
// root keeps a link or a path from leading out of the call's folder.
func (s *session) take(ctx context.Context, dir string, w written) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return crank.Wrap(crank.CodeStore, err, "the call's folder cannot be read")
	}
	defer root.Close()
	f, err := root.OpenFile(w.File, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe in its place must not block us
	if err != nil {
		return crank.Wrap(crank.CodeWorkerOutput, err, "the worker names a file that it has not written")
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return crank.E(crank.CodeWorkerOutput, "the worker names something that is no file")
	}
	ref, err := s.Put(ctx, f, "", "")
	if err == nil && ref.Digest != w.Digest {
		return crank.E(crank.CodeWorkerOutput, "a file of the worker changed after it was written")
	}
	return err
}
