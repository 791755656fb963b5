package jobs

import (
	"context"
	"errors"

	"github.com/crank-platform/crank"
)

// settle ends a job as its call has ended. While it cannot tell how, or cannot
// store it, it tries again, until base ends: then the next start goes on.
func (j *Jobs) settle(base context.Context, t *task, h *hub, answer crank.Answer, failure error) {
	ctx := context.WithoutCancel(base)
	began, receipt := j.now(), answer.Receipt
	if receipt.ID == "" {
		j.Log.Info("a job's call has not closed yet", "job", t.id, "err", failure)
		failure = nil // it tells of the closing; how the call ends, its receipt will say
	}
	for {
		t.mu.Lock()
		e := t.entry
		t.mu.Unlock()
		var err error
		if receipt.ID == "" {
			if base.Err() != nil {
				return // left open, for the next start
			}
			if receipt, err = j.Receipts.ByCall(ctx, e.Job.Tenant, e.Job.Call); err != nil && j.now().Sub(began) >= patience {
				receipt, err = j.Runner.Abandon(ctx, e.Call, e.Opened, crank.OutcomeUnknown)
			}
		}
		if err == nil {
			if receipt.Outcome == crank.OutcomeOK && failure == nil && answer.Output != nil {
				e.Job.Output = answer.Output
			}
			if base.Err() != nil && receipt.Outcome == crank.OutcomeCancelled && !e.Cancelled {
				failure = draining
			}
			if err = j.end(ctx, h, e, receipt, failure); err == nil {
				return
			}
		}
		j.Log.Warn("a job cannot be ended yet", "job", t.id, "err", err)
		if !rest(base, pause) && receipt.ID != "" {
			return // the next start finds the receipt
		}
	}
}

// abandon closes the call of a job whose work nobody does, and ends the job.
func (j *Jobs) abandon(ctx context.Context, h *hub, e Entry, outcome crank.Outcome, why error) error {
	receipt, err := j.Runner.Abandon(ctx, e.Call, e.Opened, outcome)
	if errors.Is(err, crank.E(crank.CodeExists, "")) {
		receipt, err = j.Receipts.ByCall(ctx, e.Job.Tenant, e.Job.Call)
	}
	if err != nil {
		return err
	}
	return j.end(ctx, h, e, receipt, why)
}

// end stores how a job ended: as its receipt says, for the reason given or else
// the receipt's. Where another attempt has begun, this one's result is dropped.
func (j *Jobs) end(ctx context.Context, h *hub, e Entry, receipt crank.Receipt, why error) error {
	from, attempt := e.Job.State, e.Job.Attempt
	e.Job.Ended, e.Job.Receipt = j.now(), receipt.ID
	e.Job.State, e.Job.Error = verdict(e.Job, receipt, why)
	if e.Job.State != crank.JobDone {
		e.Job.Output = nil
	}
	ok, err := j.Store.Swap(ctx, e, from, attempt)
	if err != nil {
		return err
	}
	if !ok {
		j.Log.Warn("the result of an older attempt is dropped", "job", e.Job.ID, "attempt", attempt)
		if e, err = j.Store.Get(ctx, e.Job.Tenant, e.Job.ID); err != nil {
			return err
		}
	}
	h.publish(j.now(), Event{Type: EventState, Job: &e.Job})
	return nil
}

func verdict(job crank.Job, receipt crank.Receipt, why error) (crank.JobState, *crank.Error) {
	switch {
	case receipt.Outcome == crank.OutcomeOK && job.Output != nil:
		return crank.JobDone, nil
	case receipt.Outcome == crank.OutcomeOK:
		return crank.JobFailed, crank.E(crank.CodeUnknownOutcome, "%s was done and is charged, but the node stopped before its output was stored", job.Capability)
	case receipt.Outcome == crank.OutcomeCancelled && !errors.Is(why, draining):
		return crank.JobCancelled, nil
	case why != nil:
		return crank.JobFailed, crank.AsError(why)
	}
	return crank.JobFailed, crank.E(receipt.Error, "the call ended as %s", receipt.Outcome)
}
