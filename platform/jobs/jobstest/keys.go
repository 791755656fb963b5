package jobstest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/jobs"
)

// full is a store that takes nothing new.
type full struct{ jobs.Store }

func (full) Add(context.Context, jobs.Entry, time.Time) (e jobs.Entry, ok bool, err error) {
	return e, false, crank.E(crank.CodeStore, "the disk is full")
}

func unstored(n *node) {
	j := n.idle(func(c *jobs.Config) { c.Store = full{c.Store} })
	_, err := j.Submit(n.t.Context(), call(`{}`), time.Time{})
	wants(n.t, "a job that cannot be stored", err, crank.CodeStore)
	opened, closed := n.calls()
	if len(opened) != 1 || closed != 1 {
		n.t.Fatalf("%d calls were opened, %d closed", len(opened), closed)
	}
	if r := n.receipt(opened[0].Call); r.Outcome != crank.OutcomeCancelled {
		n.t.Errorf("the call ended %s", r.Outcome)
	}
}

func keys(n *node) {
	j, stop := n.start()
	defer stop()
	first := n.submit(j, call(`{"x":1,"y":2}`, keyed("k")))
	again, err := j.Submit(n.t.Context(), call(`{"y":2, "x":1.0}`, keyed("k")), time.Time{})
	if opened, _ := n.calls(); err != nil || again.ID != first.ID || len(opened) != 1 {
		n.t.Errorf("the same call gives %+v, %v; %d are open", again, err, len(opened))
	}
	for name, other := range map[string]crank.Call{
		"another input":      call(`{"x":2}`, keyed("k")),
		"another capability": call(`{"x":1,"y":2}`, keyed("k"), func(c *crank.Call) { c.Capability = "test/other" }),
		"another constraint": call(`{"x":1,"y":2}`, keyed("k"), func(c *crank.Call) { c.Constraints.Residency = "eu" }),
	} {
		_, err := j.Submit(n.t.Context(), other, time.Time{})
		wants(n.t, name, err, crank.CodeIdempotencyClash)
	}
	for name, other := range map[string]crank.Call{
		"another key":    call(`{"x":1,"y":2}`, keyed("l")),
		"another app":    call(`{"x":1,"y":2}`, keyed("k"), func(c *crank.Call) { c.Principal.App = "app_2" }),
		"another tenant": call(`{"x":1,"y":2}`, keyed("k"), of(b)),
	} {
		if job := n.submit(j, other); job.ID == first.ID {
			n.t.Errorf("%s gives the same job", name)
		}
	}
	n.ends(j, first.ID, crank.JobDone, "", crank.OutcomeOK)
	stop()
	j, stop = n.start()
	defer stop()
	again, err = j.Submit(n.t.Context(), call(`{"x":1,"y":2}`, keyed("k")), time.Time{})
	if err != nil || again.ID != first.ID || again.State != crank.JobDone || string(again.Output) != `{"x":1,"y":2}` {
		n.t.Errorf("after the end and a restart: %+v, %v", again, err)
	}
	time.Sleep(jobs.KeyTime)
	if job := n.submit(j, call(`{"x":2}`, keyed("k"))); job.ID == first.ID {
		n.t.Error("the key stands for ever")
	}
}

func sameKeyAtOnce(n *node) {
	j := n.idle()
	var all sync.WaitGroup
	ids := make([]string, 8)
	for i := range ids {
		all.Go(func() {
			job, err := j.Submit(n.t.Context(), call(`{}`, keyed("k")), time.Time{})
			if err != nil {
				n.t.Error(err)
			}
			ids[i] = job.ID
		})
	}
	all.Wait()
	ids = slices.Compact(ids)
	if opened, _ := n.calls(); len(ids) != 1 || len(opened) != 1 {
		n.t.Errorf("%d calls are open for the jobs %v", len(opened), ids)
	}
}
