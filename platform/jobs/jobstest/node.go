package jobstest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/jobs"
)

// node is all that a Jobs needs around it: a journal that survives restarts, and
// a worker that does what the test says.
type node struct {
	t     *testing.T
	again func() jobs.Store

	mu         sync.Mutex
	opened     map[string]crank.Opened
	receipts   map[string]crank.Receipt
	order      []string // calls, as their work began
	extended   int
	idempotent bool
	work       func(ctx context.Context, call crank.Call, sink func(crank.Chunk) error) (json.RawMessage, error)
	broken     error // what the journal says instead of closing a call
	gone       error // what the ledger says of every hold
	renewed    []crank.Digest
	step       func(name string) error // before and after each act; an error ends it there
}

func newNode(t *testing.T, open Open) *node {
	return &node{
		t: t, again: open(t), opened: map[string]crank.Opened{}, receipts: map[string]crank.Receipt{}, idempotent: true,
		work: func(_ context.Context, call crank.Call, _ func(crank.Chunk) error) (json.RawMessage, error) {
			return call.Input, nil
		},
	}
}

func (n *node) at(name string) error {
	n.mu.Lock()
	step := n.step
	n.mu.Unlock()
	if step == nil {
		return nil
	}
	return step(name)
}

func (n *node) Submit(_ context.Context, call crank.Call) (o crank.Opened, err error) {
	if err := n.at("before submit"); err != nil {
		return o, err
	}
	n.mu.Lock()
	o = crank.Opened{
		Call: call.ID, Job: call.Job, Capability: "test/echo@1", Idempotent: n.idempotent,
		Hold: crank.Hold{Ref: call.ID, Payer: call.Principal.Payer, Amount: crank.Money{Micros: 5, Asset: "USD"}, Expires: time.Now().Add(24 * time.Hour)},
	}
	n.opened[call.ID] = o
	n.mu.Unlock()
	return o, n.at("after submit")
}

func (n *node) Perform(ctx context.Context, call crank.Call, _ crank.Opened, sink func(crank.Chunk) error, keep func(json.RawMessage) error) (a crank.Answer, err error) {
	if err := n.at("before work"); err != nil {
		return a, err
	}
	n.mu.Lock()
	n.order = append(n.order, call.ID)
	work := n.work
	n.mu.Unlock()
	output, failure := work(ctx, call, sink)
	if cause := context.Cause(ctx); errors.Is(cause, &crank.Error{Code: crank.CodeDraining}) {
		return a, cause
	}
	if err := n.at("after work"); err != nil {
		return a, err
	}
	outcome := crank.OutcomeOK
	switch {
	case failure != nil && ctx.Err() != nil:
		outcome, failure = crank.OutcomeCancelled, crank.Wrap(crank.CodeCancelled, ctx.Err(), "cancelled")
	case failure != nil:
		outcome = crank.OutcomeFailed
	default:
		if err := keep(output); err != nil {
			return a, err
		}
	}
	receipt, err := n.close(call.ID, outcome)
	if err != nil {
		return a, err
	}
	return crank.Answer{Output: output, Receipt: receipt}, failure
}

func (n *node) Abandon(_ context.Context, call crank.Call, _ crank.Opened, outcome crank.Outcome) (crank.Receipt, error) {
	return n.close(call.ID, outcome)
}

func (n *node) close(call string, outcome crank.Outcome) (r crank.Receipt, err error) {
	if err := n.at("before close"); err != nil {
		return r, err
	}
	if r, err = n.closeNow(call, outcome); err != nil {
		return r, err
	}
	if err := n.at("after close"); err != nil {
		return crank.Receipt{}, err
	}
	return r, nil
}

func (n *node) closeNow(call string, outcome crank.Outcome) (r crank.Receipt, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.broken != nil {
		return r, n.broken
	}
	if _, twice := n.receipts[call]; twice {
		return r, crank.E(crank.CodeExists, "call %s has been closed already", call)
	}
	r = crank.Receipt{ID: "rcpt_" + call, Call: call, Outcome: outcome}
	if outcome != crank.OutcomeOK {
		r.Error = crank.CodeWorkerFailed
	}
	n.receipts[call] = r
	return r, nil
}

func (n *node) ByCall(_ context.Context, _, call string) (crank.Receipt, error) {
	if err := n.at("look"); err != nil {
		return crank.Receipt{}, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if r, ok := n.receipts[call]; ok {
		return r, nil
	}
	return crank.Receipt{}, crank.E(crank.CodeReceiptUnknown, "no receipt")
}

func (n *node) Extend(context.Context, string, crank.Money, time.Time) error {
	if err := n.at("before extend"); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.extended++
	return n.gone
}

func (n *node) Renew(_ context.Context, _ string, ds ...crank.Digest) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.renewed = append(n.renewed, ds...)
	return nil
}

// recover is what the platform does at start: it closes every open call that no
// job takes up.
func (n *node) recover(j *jobs.Jobs) {
	open, _ := n.calls()
	for _, o := range open {
		if n.receipt(o.Call).ID == "" && !j.Keeps(o) {
			if _, err := n.close(o.Call, crank.OutcomeUnknown); err != nil {
				n.t.Error(err)
			}
		}
	}
}

// start opens the store and runs a Jobs over it. stop ends it, gracefully.
func (n *node) start(change ...func(*jobs.Config)) (j *jobs.Jobs, stop func()) {
	n.t.Helper()
	j = n.idle(change...)
	return j, n.run(j)
}

// idle opens the store and makes a Jobs that does not run.
func (n *node) idle(change ...func(*jobs.Config)) *jobs.Jobs {
	c := jobs.Config{
		Store: n.again(), Runner: n, Receipts: n, Holds: n, Blobs: n, Workers: 2,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	for _, f := range change {
		f(&c)
	}
	return jobs.New(c)
}

func (n *node) run(j *jobs.Jobs) (stop func()) {
	n.recover(j)
	ctx, cancel := context.WithCancel(context.Background())
	done, ready := make(chan error, 1), make(chan struct{})
	go func() { done <- j.Run(ctx, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-done:
		n.t.Errorf("run: %v", err)
		done <- nil
	}
	return sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			n.t.Errorf("run: %v", err)
		}
	})
}

// call is one of tenant a unless changed.
func call(input string, change ...func(*crank.Call)) crank.Call {
	c := crank.Call{Capability: "test/echo", Input: json.RawMessage(input)}
	c.Principal.Payer = crank.Payer{Tenant: a, App: "app_1", Key: "key_1"}
	for _, f := range change {
		f(&c)
	}
	return c
}

const a, b = "tenant_a", "tenant_b"

func of(tenant string) func(*crank.Call) { return func(c *crank.Call) { c.Principal.Tenant = tenant } }
func keyed(key string) func(*crank.Call) { return func(c *crank.Call) { c.Key = key } }
func soon(d time.Duration) time.Time     { return time.Now().Add(d) }

func (n *node) submit(j *jobs.Jobs, c crank.Call) crank.Job {
	n.t.Helper()
	job, err := j.Submit(n.t.Context(), c, time.Time{})
	if err != nil || job.ID == "" || job.State != crank.JobQueued {
		n.t.Fatalf("submit: %+v, %v", job, err)
	}
	return job
}

func (n *node) get(j *jobs.Jobs, id string) crank.Job {
	n.t.Helper()
	job, err := j.Get(n.t.Context(), a, id)
	if err != nil {
		n.t.Fatal(err)
	}
	return job
}

// ends waits for a job's end and holds it against state, code and outcome.
func (n *node) ends(j *jobs.Jobs, id string, state crank.JobState, code crank.Code, outcome crank.Outcome) crank.Job {
	n.t.Helper()
	job, err := j.Wait(n.t.Context(), a, id)
	if err != nil {
		n.t.Fatal(err)
	}
	got := crank.Code("")
	if job.Error != nil {
		got = job.Error.Code
	}
	r := n.receipt(job.Call)
	if job.State != state || got != code || r.Outcome != outcome || job.Receipt != r.ID || job.Ended.IsZero() || (job.Output != nil) != (state == crank.JobDone) {
		n.t.Errorf("the job ended %s %q (%v), output %s, receipt %q; want %s %q, %s", job.State, got, job.Error, job.Output, r.Outcome, state, code, outcome)
	}
	return job
}

// receipt is how a call closed, zero if it has not.
func (n *node) receipt(call string) crank.Receipt {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.receipts[call]
}

// calls lists those that were opened; closed counts those that were closed too.
func (n *node) calls() (opened []crank.Opened, closed int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, o := range n.opened {
		opened = append(opened, o)
	}
	return opened, len(n.receipts)
}

// set changes what the node does while it runs.
func (n *node) set(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
}

// began counts how often the work of a job's call began.
func (n *node) began(call string) (times int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.order {
		if c == call {
			times++
		}
	}
	return times
}

// until waits for the virtual moment when nothing moves and f holds.
func (n *node) until(what string, f func() bool) {
	n.t.Helper()
	for range 1000 {
		synctest.Wait()
		if f() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	n.t.Fatal("it never happens that " + what)
}

// blocking is work that ends when its context does or gate closes.
func blocking(gate <-chan struct{}) func(context.Context, crank.Call, func(crank.Chunk) error) (json.RawMessage, error) {
	return func(ctx context.Context, call crank.Call, _ func(crank.Chunk) error) (json.RawMessage, error) {
		select {
		case <-gate:
			return call.Input, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func wants(t *testing.T, what string, err error, code crank.Code) {
	t.Helper()
	if !errors.Is(err, &crank.Error{Code: code}) {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

var errDied = fmt.Errorf("the node died")
