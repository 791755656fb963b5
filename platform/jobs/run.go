package jobs

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/crank-platform/crank"
)

// Why a running job is stopped. After draining it stays as it is, running, for
// the next start, provided that its runner leaves its call open.
var (
	draining  = crank.E(crank.CodeDraining, "the node stopped while the job was running")
	cancelled = crank.E(crank.CodeCancelled, "the job was cancelled")
)

// Keeps reports whether a job will take up an opened call, so that nobody else
// closes it. It is for the time between opening the store and Run.
func (j *Jobs) Keeps(opened crank.Opened) bool {
	if opened.Job == "" {
		return false
	}
	e, err := j.Store.Get(context.Background(), opened.Hold.Payer.Tenant, opened.Job)
	if err != nil {
		return !errors.Is(err, crank.E(crank.CodeJobUnknown, "")) // if in doubt, Run finds out
	}
	return e.Call.ID == opened.Call && !e.Job.State.Final()
}

// Run takes up the jobs that the last stop left, calls ready, and runs jobs until
// ctx ends. Then it gives those that run ShutdownGrace to end, stops the others
// and leaves them for the next start. An error means that what was left could not
// be read or settled.
func (j *Jobs) Run(ctx context.Context, ready func()) error {
	if err := j.resume(ctx); err != nil {
		return err
	}
	ready()
	// What runs outlives ctx, by the grace time at most.
	base, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	var workers sync.WaitGroup
	for range j.Workers {
		workers.Go(func() { j.work(ctx, base) })
	}
	workers.Go(func() { j.keepHouse(ctx) })
	<-ctx.Done()
	j.board.close()

	idle := make(chan struct{})
	go func() {
		workers.Wait()
		close(idle)
	}()
	grace := time.NewTimer(j.ShutdownGrace)
	defer grace.Stop()
	select {
	case <-idle:
	case <-grace.C:
		stop(draining)
		<-idle
	}
	return nil
}

// resume looks at every job that has not ended.
func (j *Jobs) resume(ctx context.Context) error {
	for e, err := range j.Store.Pending(ctx) {
		if err != nil {
			return err
		}
		if j.board.find(e.Job.ID) != nil { // submitted since this node started
			continue
		}
		if err := j.resumeOne(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// resumeOne queues a job again, or ends it where that is all that may be done.
func (j *Jobs) resumeOne(ctx context.Context, e Entry) error {
	h := j.hubs.resume(e.Job.ID, j.now())
	receipt, err := j.Receipts.ByCall(ctx, e.Job.Tenant, e.Job.Call)
	switch running := e.Job.State == crank.JobRunning; {
	case err == nil:
		return j.end(ctx, h, e, receipt, nil)
	case !errors.Is(err, crank.E(crank.CodeReceiptUnknown, "")):
		return err
	case running && !e.Opened.Idempotent:
		return j.abandon(ctx, h, e, crank.OutcomeUnknown,
			crank.E(crank.CodeUnknownOutcome, "the node stopped while %s was running; it may have done its work", e.Job.Capability))
	case e.Cancelled:
		return j.abandon(ctx, h, e, crank.OutcomeCancelled, nil)
	case running && e.Job.Attempt >= j.Attempts:
		return j.abandon(ctx, h, e, crank.OutcomeUnknown,
			crank.E(crank.CodeUnknownOutcome, "the node stopped during each of %d attempts", e.Job.Attempt))
	case running:
		attempt := e.Job.Attempt
		e.Job.State, e.Job.Output = crank.JobQueued, nil
		if ok, err := j.Store.Swap(ctx, e, crank.JobRunning, attempt); err != nil || !ok {
			return err
		}
	}
	h.publish(j.now(), Event{Type: EventState, Job: &e.Job})
	j.board.push(e.Job)
	return nil
}

// work runs jobs one after another until the board closes.
func (j *Jobs) work(ctx, base context.Context) {
	for {
		t := j.board.take()
		if t == nil {
			return
		}
		if err := j.perform(base, t); err != nil {
			j.Log.Error("a job cannot be taken up now", "job", t.id, "err", err)
			rest(ctx, pause)
			j.board.back(t)
			continue
		}
		j.board.done(t)
	}
}

// keepHouse fails the jobs that did not start in time and forgets old ones.
func (j *Jobs) keepHouse(ctx context.Context) {
	second, long := time.NewTicker(time.Second), time.NewTicker(sweep)
	defer second.Stop()
	defer long.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-second.C:
			for _, t := range j.board.late(j.now()) {
				if err := j.tooLate(context.WithoutCancel(ctx), t); err != nil {
					j.Log.Error("a job that did not start in time cannot be ended", "job", t.id, "err", err)
					j.board.back(t)
					continue
				}
				j.board.done(t)
			}
			j.hubs.prune(j.now().Add(-linger))
		case <-long.C:
			if _, err := j.Sweep(ctx); err != nil && ctx.Err() == nil {
				j.Log.Error("ended jobs cannot be removed", "err", err)
			}
		}
	}
}

// tooLate ends a job that did not start in time.
func (j *Jobs) tooLate(ctx context.Context, t *task) error {
	e, err := j.Store.Get(ctx, t.tenant, t.id)
	if err != nil {
		return err
	}
	return j.abandon(ctx, j.hubs.open(t.id), e, crank.OutcomeTimeout, late(e.Job))
}

func late(job crank.Job) error {
	return crank.E(crank.CodeDeadline, "the job did not start by %s", job.StartBy.Format(time.RFC3339))
}

// rest waits, or until ctx ends; true if it waited it out.
func rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
