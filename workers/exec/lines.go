package exec

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/child"
)

// maxLine bounds a message each way, in bytes: an inline value and some room.
const maxLine = 2 * crank.MaxInline

// question and reply are the lines.
type question struct {
	ID         string           `json:"id"`
	Capability crank.Capability `json:"capability"`
	Input      json.RawMessage  `json:"input"`
	Dir        string           `json:"dir"`
}

type reply struct {
	ID    string `json:"id"`
	Chunk *struct {
		Event string `json:"event"`
		Data  string `json:"data"`
	} `json:"chunk"`
	Output json.RawMessage  `json:"output"`
	Usage  map[string]int64 `json:"usage"`
	Error  *problem         `json:"error"`
}

// newPool makes the pool of processes, whose limits are those of the operation
// that may use most.
func (w *Worker) newPool() *child.Pool {
	var l crank.Limits
	for _, op := range w.ops {
		l.Time = max(l.Time, op.Limits.Time)
		l.CPU = max(l.CPU, op.Limits.CPU)
		l.MemoryBytes = max(l.MemoryBytes, op.Limits.MemoryBytes)
		l.InputBytes = max(l.InputBytes, op.Limits.InputBytes)
		l.OutputBytes = max(l.OutputBytes, op.Limits.OutputBytes)
	}
	return &child.Pool{
		Size: w.runtime.Pool, Idle: 5 * time.Minute, MaxUses: 10_000,
		New: func() child.Spec {
			spec := w.spec(l)
			spec.Framing, spec.MaxFrame = child.Lines, maxLine
			return spec
		},
	}
}

// converse asks one process of the pool.
func (w *Worker) converse(ctx context.Context, op crank.Operation, t crank.Task) (crank.Result, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, op.Limits.Time,
		crank.E(crank.CodeWorkerLimit, "%s ran longer than its limit of %s and was stopped", w.manifest.Worker, op.Limits.Time))
	defer cancel()
	proc, err := w.pool.Get(ctx)
	if err != nil {
		return crank.Result{}, w.broke(op, err, 0)
	}
	defer w.pool.Put(proc)
	dir, err := os.MkdirTemp(proc.Dir(), "call-") // the process may write nowhere else
	if err != nil {
		return crank.Result{}, crank.Wrap(crank.CodeStore, err, "no folder can be made for the call")
	}
	defer os.RemoveAll(dir)
	f := &folder{dir: dir, blobs: t.Blobs, left: op.Limits.InputBytes}
	input, err := f.lend(ctx, t.Input)
	if err != nil {
		return crank.Result{}, err
	}
	line, err := json.Marshal(question{t.Call, t.Capability, input, dir})
	if err != nil {
		return crank.Result{}, crank.Wrap(crank.CodeInternal, err, "the call cannot be written")
	}
	if len(line) > maxLine {
		return crank.Result{}, crank.E(crank.CodeTooLarge, "the input is larger than a line of %d bytes", maxLine)
	}
	answer, used, err := w.exchange(ctx, proc, t, line)
	result := crank.Result{Usage: used}
	if err != nil {
		return result, err
	}
	for _, name := range slices.Sorted(maps.Keys(answer.Usage)) {
		if n := answer.Usage[name]; n >= 0 && used.Of(name) == 0 {
			result.Usage = append(result.Usage, crank.Reading{Meter: name, Quantity: n, Method: crank.Measured, Source: crank.SourceWorker})
		}
	}
	if answer.Error != nil {
		return result, w.problem(op, *answer.Error, nil)
	}
	result.Output, err = f.gather(ctx, answer.Output)
	return result, err
}

// exchange is one question, its chunks and its answer. A process that says
// something out of order is ended: nobody could tell any more which answer
// belongs to which call.
func (w *Worker) exchange(ctx context.Context, p *child.Proc, t crank.Task, line []byte) (answer reply, used crank.Usage, err error) {
	op := w.ops[t.Capability]
	text, u, err := p.Exchange(ctx, line)
	var streamed *time.Duration // processor time at the first chunk, which Exchange counts to
	defer func() {
		if streamed != nil {
			now := p.Usage()
			u.CPU, u.MaxRSS = u.CPU+max(0, now.CPU-*streamed), max(u.MaxRSS, now.MaxRSS)
		}
		used = measured(u.CPU, u.MaxRSS)
	}()
	for {
		if err != nil {
			return answer, nil, w.broke(op, err, maxLine)
		}
		answer = reply{}
		if why := answer.read(text, t.Call); why != "" {
			p.Close()
			return answer, nil, because(crank.E(crank.CodeWorkerOutput, "%s answered out of order: %s", w.manifest.Worker, why), fmt.Errorf("it said %.200q", text))
		}
		if answer.Chunk == nil {
			return answer, nil, nil
		}
		if streamed == nil {
			now := p.Usage().CPU
			streamed = &now
		}
		if t.Emit != nil {
			if err := t.Emit(crank.Chunk{Event: answer.Chunk.Event, Data: []byte(answer.Chunk.Data)}); err != nil {
				p.Close() // it would go on talking to nobody
				return answer, nil, err
			}
		}
		text, err = p.Recv(ctx)
	}
}

// read reads a line and says what is wrong with it.
func (r *reply) read(line []byte, id string) string {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(r); err != nil {
		return "no line of {\"id\", \"output\"}: " + strings.TrimPrefix(err.Error(), "json: ")
	}
	said := 0
	for _, is := range []bool{r.Chunk != nil, r.Output != nil, r.Error != nil} {
		if is {
			said++
		}
	}
	switch {
	case r.ID != id:
		return "the id is not the call's"
	case said != 1:
		return "there must be one of \"output\", \"error\" and \"chunk\""
	}
	return ""
}
