package jobs

import (
	"context"

	"github.com/crank-platform/crank"
)

// Get implements Service.
func (j *Jobs) Get(ctx context.Context, tenant, id string) (crank.Job, error) {
	e, err := j.Store.Get(ctx, tenant, id)
	if err != nil {
		return crank.Job{}, err
	}
	return j.shown(e.Job), nil
}

// List implements Service.
func (j *Jobs) List(ctx context.Context, tenant string, f Filter, cursor string) ([]crank.Job, string, error) {
	page, next, err := j.Store.List(ctx, tenant, f, cursor)
	for i := range page {
		page[i] = j.shown(page[i])
	}
	return page, next, err
}

// shown is a job as its owner sees it: with the progress that is not stored yet,
// without an output that is not settled.
func (j *Jobs) shown(job crank.Job) crank.Job {
	if job.State != crank.JobDone {
		job.Output = nil
	}
	if job.State != crank.JobRunning {
		return job
	}
	if t := j.board.find(job.ID); t != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.entry.Job.Attempt == job.Attempt {
			job.Progress, job.Note = t.entry.Job.Progress, t.entry.Job.Note
		}
	}
	return job
}

// Cancel implements Service.
func (j *Jobs) Cancel(ctx context.Context, tenant, id string) (crank.Job, error) {
	e, err := j.Store.Get(ctx, tenant, id)
	if err != nil || e.Job.State.Final() {
		return j.shown(e.Job), err
	}
	switch t, queued := j.board.pull(id); {
	case t == nil: // Run has not taken it up yet, or it has just ended
		e.Cancelled = true
		_, err = j.Store.Swap(ctx, e, e.Job.State, e.Job.Attempt)
	case queued:
		if err = j.cancelQueued(context.WithoutCancel(ctx), t); err != nil {
			j.board.back(t)
		} else {
			j.board.done(t)
		}
	default:
		err = j.cancelRunning(context.WithoutCancel(ctx), t)
	}
	if err != nil {
		return crank.Job{}, err
	}
	return j.Get(ctx, tenant, id)
}

func (j *Jobs) cancelQueued(ctx context.Context, t *task) error {
	e, err := j.Store.Get(ctx, t.tenant, t.id)
	if err != nil {
		return err
	}
	return j.abandon(ctx, j.hubs.open(t.id), e, crank.OutcomeCancelled, nil)
}

// cancelRunning stops a job, also where the wish to cannot be stored.
func (j *Jobs) cancelRunning(ctx context.Context, t *task) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cancelled = true
	if t.stop == nil { // it begins or ends at this moment
		return nil
	}
	t.entry.Cancelled = true
	_, err := j.Store.Swap(ctx, t.entry, crank.JobRunning, t.entry.Job.Attempt)
	t.stop(cancelled)
	return err
}

// Sweep forgets jobs whose retention has ended, and counts them. What they pinned
// is free then. Run does it now and then.
func (j *Jobs) Sweep(ctx context.Context) (int, error) {
	return j.Store.Sweep(ctx, j.now().Add(-j.Retention), j.now())
}

// Pinned lists the blobs that the jobs of a tenant need.
func (j *Jobs) Pinned(ctx context.Context, tenant string) ([]crank.Digest, error) {
	return j.Store.Pinned(ctx, tenant)
}
