package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/canon"
	"github.com/crank-platform/crank/kit/ids"
)

// Submit implements Service.
func (j *Jobs) Submit(ctx context.Context, call crank.Call, startBy time.Time) (crank.Job, error) {
	if !startBy.IsZero() && !j.now().Before(startBy) {
		return crank.Job{}, crank.E(crank.CodeConstraint, "the job was to start by %s, which has passed", startBy.UTC().Format(time.RFC3339))
	}
	if len(call.Input) == 0 {
		call.Input = []byte("{}")
	}
	call.ID, call.Job = ids.New("call"), ids.New("job")
	e := Entry{Call: call}
	if call.Key != "" {
		if err := e.bind(); err != nil {
			return crank.Job{}, err
		}
		leave, err := j.flight.enter(ctx, e.Key)
		if err != nil {
			return crank.Job{}, err
		}
		defer leave()
		standing, known, err := j.Store.ByKey(ctx, e.Key, j.now())
		if err != nil || known {
			return j.standing(standing, e, err)
		}
	}
	if err := j.admit(ctx, e); err != nil {
		return crank.Job{}, err
	}
	var err error
	if e.Opened, err = j.Runner.Submit(ctx, call); err != nil {
		return crank.Job{}, err
	}
	return j.add(context.WithoutCancel(ctx), e, startBy)
}

// admit refuses what need not even be opened.
func (j *Jobs) admit(ctx context.Context, e Entry) error {
	tenant := e.Call.Principal.Tenant
	if !j.board.room(tenant, j.PerTenant) {
		return crank.E(crank.CodeOverloaded, "the tenant has %d jobs queued", j.PerTenant).After(time.Minute)
	}
	files, err := e.Blobs()
	if err != nil || j.Blobs == nil || len(files) == 0 {
		return err
	}
	return j.Blobs.Renew(ctx, tenant, files...)
}

// add stores the job of an opened call, or lets go of the call.
func (j *Jobs) add(ctx context.Context, e Entry, startBy time.Time) (crank.Job, error) {
	now := j.now()
	e.KeyExpires = now.Add(KeyTime)
	e.Call.Capability = e.Opened.Capability // the major that was chosen now
	latest := e.Opened.Hold.Expires.Add(-time.Minute)
	if startBy.IsZero() || startBy.After(latest) {
		startBy = latest
	}
	e.Job = crank.Job{
		ID: e.Call.Job, Tenant: e.Call.Principal.Tenant, Call: e.Call.ID, Capability: e.Opened.Capability,
		State: crank.JobQueued, Submitted: now, StartBy: startBy.UTC().Truncate(time.Microsecond),
	}
	standing, added, err := j.Store.Add(ctx, e, now)
	if err != nil || !added {
		_, abandoned := j.Runner.Abandon(ctx, e.Call, e.Opened, crank.OutcomeCancelled)
		if err != nil {
			err = crank.Wrap(crank.CodeStore, err, "the job cannot be stored")
		}
		if abandoned != nil { // the next start finds it open and without a job
			j.Log.Error("a call without a job cannot be closed", "call", e.Call.ID, "err", abandoned)
		}
		return j.standing(standing, e, err)
	}
	j.hubs.open(e.Job.ID).publish(j.now(), Event{Type: EventState, Job: &e.Job})
	j.board.push(e.Job)
	return e.Job, nil
}

// standing answers with the job that a key stands for already.
func (j *Jobs) standing(standing, e Entry, err error) (crank.Job, error) {
	switch {
	case err != nil:
		return crank.Job{}, err
	case standing.Fingerprint != e.Fingerprint:
		return crank.Job{}, crank.E(crank.CodeIdempotencyClash, "the idempotency key %.80q stands for another call", e.Call.Key)
	}
	return j.shown(standing.Job), nil
}

// bind works out what the call's idempotency key stands for. The capability
// counts as it was written.
func (e *Entry) bind() error {
	input, err := canon.JSON(append([]byte(nil), e.Call.Input...))
	if errors.Is(err, canon.ErrTooDeep) {
		return crank.Wrap(crank.CodeTooDeep, err, "the input nests deeper than %d levels", canon.MaxDepth)
	}
	if err != nil {
		return crank.Wrap(crank.CodeMalformedJSON, err, "the input is not well-formed JSON")
	}
	constraints, err := json.Marshal(e.Call.Constraints)
	if err != nil {
		return crank.Wrap(crank.CodeInternal, err, "the constraints cannot be written")
	}
	p, sep := e.Call.Principal, []byte{0}
	e.Key = crank.DigestOf("crank/jobkey/v1", []byte(p.Tenant), sep, []byte(p.App), sep, []byte(p.Key), sep, []byte(e.Call.Key))
	e.Fingerprint = crank.DigestOf("crank/jobcall/v1", []byte(e.Call.Capability), sep, input, sep, constraints)
	return nil
}

// flight lets the submissions under one key in one by one, so that only the
// first opens a call.
type flight struct {
	mu sync.Mutex
	m  map[crank.Digest]chan struct{}
}

func (f *flight) enter(ctx context.Context, key crank.Digest) (leave func(), err error) {
	for {
		f.mu.Lock()
		other, taken := f.m[key]
		if !taken {
			if f.m == nil {
				f.m = map[crank.Digest]chan struct{}{}
			}
			mine := make(chan struct{})
			f.m[key] = mine
			f.mu.Unlock()
			return func() {
				f.mu.Lock()
				defer f.mu.Unlock()
				delete(f.m, key)
				close(mine)
			}, nil
		}
		f.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, crank.Wrap(crank.CodeDeadline, ctx.Err(), "the first job under this idempotency key is not stored yet")
		}
	}
}
