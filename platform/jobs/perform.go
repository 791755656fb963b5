package jobs

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/crank-platform/crank"
)

// perform makes one attempt at a job that the board gave out. An error means that
// it has not begun.
func (j *Jobs) perform(base context.Context, t *task) error {
	e, err := j.Store.Get(base, t.tenant, t.id)
	if err != nil || e.Job.State.Final() {
		return err
	}
	h := j.hubs.open(t.id)
	switch refused, why := j.refuse(base, t, e); {
	case why != nil && crank.KindOf(why) == crank.KindUnavailable:
		return why
	case refused != "":
		return j.abandon(base, h, e, refused, why)
	}
	ctx, stop := context.WithCancelCause(base)
	defer stop(nil)
	if begun, err := j.begin(ctx, t, h, e, stop); err != nil || !begun {
		return err
	}
	quiet := j.heartbeat(ctx, e)
	answer, failure := j.Runner.Perform(ctx, e.Call, e.Opened, j.sink(t, h), func(output json.RawMessage) error {
		return j.keep(context.WithoutCancel(ctx), t, output)
	})
	quiet()
	j.settle(base, t, h, answer, failure)
	return nil
}

// refuse says with which outcome a job ends instead of beginning; "" when it may
// begin. It makes sure of the hold: nobody works on one that is gone.
func (j *Jobs) refuse(ctx context.Context, t *task, e Entry) (crank.Outcome, error) {
	t.mu.Lock()
	cancelled := t.cancelled
	t.mu.Unlock()
	switch {
	case cancelled:
		return crank.OutcomeCancelled, nil
	case e.Job.Attempt == 0 && !j.now().Before(e.Job.StartBy):
		return crank.OutcomeTimeout, late(e.Job)
	}
	if err := j.beat(ctx, e); err != nil {
		return crank.OutcomeFailed, err
	}
	return "", nil
}

// begin marks the job as running; false when another has moved it on.
func (j *Jobs) begin(ctx context.Context, t *task, h *hub, e Entry, stop context.CancelCauseFunc) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	from, attempt := e.Job.State, e.Job.Attempt
	e.Job.State, e.Job.Attempt, e.Cancelled = crank.JobRunning, attempt+1, t.cancelled
	ok, err := j.Store.Swap(ctx, e, from, attempt)
	if err != nil || !ok {
		return false, err
	}
	t.entry, t.stop = e, stop
	if t.cancelled {
		stop(cancelled)
	}
	h.publish(j.now(), Event{Type: EventState, Job: &e.Job})
	return true, nil
}

// heartbeat keeps the job's hold until quiet is called, which waits for its end.
func (j *Jobs) heartbeat(ctx context.Context, e Entry) (quiet func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for rest(ctx, beatEvery) {
			if err := j.beat(ctx, e); err != nil && ctx.Err() == nil {
				j.Log.Warn("a running job's hold cannot be renewed", "job", e.Job.ID, "err", err)
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

func (j *Jobs) beat(ctx context.Context, e Entry) error {
	return j.Holds.Extend(ctx, e.Opened.Hold.Ref, e.Opened.Hold.Amount, j.now().Add(holdTime))
}

// progress is what a worker may stream as the event "progress".
type progress struct {
	Permille int    `json:"permille"` // 0 to 1000
	Note     string `json:"note"`     // for people, at most 200 bytes
}

// sink publishes what a worker streams.
func (j *Jobs) sink(t *task, h *hub) func(crank.Chunk) error {
	return func(c crank.Chunk) error {
		var p progress
		if c.Event != "progress" || json.Unmarshal(c.Data, &p) != nil {
			c.Data = bytes.Clone(c.Data)
			h.publish(j.now(), Event{Type: EventChunk, Chunk: &c})
			return nil
		}
		t.mu.Lock()
		t.entry.Job.Progress = min(max(p.Permille, 0), 1000)
		t.entry.Job.Note = clip(p.Note)
		job := t.entry.Job
		t.mu.Unlock()
		h.publish(j.now(), Event{Type: EventProgress, Job: &job})
		return nil
	}
}

// keep stores an output before its call is closed.
func (j *Jobs) keep(ctx context.Context, t *task, output json.RawMessage) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entry
	e.Job.Output = bytes.Clone(output)
	ok, err := j.Store.Swap(ctx, e, crank.JobRunning, e.Job.Attempt)
	switch {
	case err != nil:
		return err
	case !ok:
		return crank.E(crank.CodeHoldState, "another attempt at the job %s has begun", t.id)
	}
	t.entry = e
	return nil
}

const maxNote = 200

func clip(s string) string {
	if len(s) > maxNote {
		s = s[:maxNote]
	}
	return string(bytes.ToValidUTF8([]byte(s), nil))
}
