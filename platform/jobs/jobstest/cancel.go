package jobstest

import (
	"context"
	"encoding/json"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/jobs"
)

func cancelQueued(n *node) {
	j := n.idle()
	job := n.submit(j, call(`{}`))
	n.set(func() { n.broken = crank.E(crank.CodeJournalFull, "full") })
	if _, err := j.Cancel(n.t.Context(), a, job.ID); err == nil || n.get(j, job.ID).State != crank.JobQueued {
		n.t.Errorf("a call that cannot be closed: %v", err)
	}
	n.set(func() { n.broken = nil })
	for range 2 { // the second changes nothing
		if got, err := j.Cancel(n.t.Context(), a, job.ID); err != nil || got.State != crank.JobCancelled {
			n.t.Errorf("cancelled: %+v, %v", got, err)
		}
	}
	stop := n.run(j)
	defer stop()
	n.ends(j, job.ID, crank.JobCancelled, "", crank.OutcomeCancelled)
	if n.began(job.Call) != 0 {
		n.t.Error("it ran")
	}
}

func cancelRunning(n *node) {
	gate := make(chan struct{})
	n.work = blocking(gate)
	j, stop := n.start()
	defer stop()
	job, other := n.submit(j, call(`1`)), n.submit(j, call(`2`))
	n.until("both run", func() bool { return n.began(job.Call)+n.began(other.Call) == 2 })
	if got, err := j.Cancel(n.t.Context(), a, job.ID); err != nil || got.State == crank.JobQueued {
		n.t.Errorf("%+v, %v", got, err)
	}
	n.ends(j, job.ID, crank.JobCancelled, "", crank.OutcomeCancelled)
	close(gate)
	n.ends(j, other.ID, crank.JobDone, "", crank.OutcomeOK)
}

func cancelThenCrash(n *node) {
	gate := make(chan struct{})
	n.work = func(_ context.Context, call crank.Call, _ func(crank.Chunk) error) (json.RawMessage, error) {
		<-gate // deaf to its context
		return nil, crank.E(crank.CodeWorkerFailed, "it broke")
	}
	old, stopOld := n.start()
	job := n.submit(old, call(`1`))
	n.until("it runs", func() bool { return n.began(job.Call) == 1 })
	if _, err := old.Cancel(n.t.Context(), a, job.ID); err != nil {
		n.t.Fatal(err)
	}
	j, stop := n.start() // the old one might as well be dead
	defer stop()
	n.ends(j, job.ID, crank.JobCancelled, "", crank.OutcomeCancelled)
	if n.began(job.Call) != 1 {
		n.t.Error("it was taken up again")
	}
	close(gate)
	stopOld()
	n.ends(j, job.ID, crank.JobCancelled, "", crank.OutcomeCancelled)
}

func closedElsewhere(n *node) {
	j := n.idle()
	job := n.submit(j, call(`1`))
	if _, err := n.close(job.Call, crank.OutcomeFailed); err != nil {
		n.t.Fatal(err)
	}
	if _, err := j.Cancel(n.t.Context(), a, job.ID); err != nil {
		n.t.Fatal(err)
	}
	n.ends(j, job.ID, crank.JobFailed, crank.CodeWorkerFailed, crank.OutcomeFailed)
}

func swaps(n *node) {
	j, store := n.idle(), n.again()
	job := n.submit(j, call(`1`))
	e, err := store.Get(n.t.Context(), a, job.ID)
	if err != nil {
		n.t.Fatal(err)
	}
	e.Job.State, e.Job.Attempt = crank.JobRunning, 1
	other := e
	other.Job.Tenant = b
	for _, c := range []struct {
		e       jobs.Entry
		from    crank.JobState
		attempt int
		ok      bool
	}{
		{e, crank.JobRunning, 0, false}, {e, crank.JobQueued, 1, false}, {other, crank.JobQueued, 0, false},
		{e, crank.JobQueued, 0, true}, {e, crank.JobQueued, 0, false}, {e, crank.JobRunning, 1, true},
	} {
		if ok, err := store.Swap(n.t.Context(), c.e, c.from, c.attempt); ok != c.ok || err != nil {
			n.t.Errorf("from %s, attempt %d, of %s: %v, %v", c.from, c.attempt, c.e.Job.Tenant, ok, err)
		}
	}
	if got := n.get(j, job.ID); got.State != crank.JobRunning || got.Attempt != 1 {
		n.t.Errorf("it stands at %+v", got)
	}
}
