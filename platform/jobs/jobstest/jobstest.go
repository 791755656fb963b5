// Package jobstest is the suite that every store of jobs passes, under the
// service that is made of it.
package jobstest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/jobs"
)

// Open returns a fresh store, and then the same one again, as after a restart; a
// body that keeps nothing returns the one it has.
type Open func(t *testing.T) (again func() jobs.Store)

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for _, c := range []struct {
		claim string
		f     func(*node)
	}{
		{"a job runs and its output and receipt are kept", runs},
		{"a failed call fails its job", fails},
		{"two tenants see nothing of each other's jobs", tenants},
		{"lists come in pages, newest first", lists},
		{"a call whose job cannot be stored is let go", unstored},
		{"a key stands for one job for a day", keys},
		{"many submissions under one key open one call", sameKeyAtOnce},
		{"a cancelled job that waits never runs", cancelQueued},
		{"a cancelled job that runs is stopped", cancelRunning},
		{"a job that cannot start in time fails and costs nothing", startBy},
		{"a wish to cancel outlives the node", cancelThenCrash},
		{"a call that somebody else has closed ends its job as it ended", closedElsewhere},
		{"a job is changed only from where it stands", swaps},
		{"tenants take turns, each oldest first", fair},
		{"too many queued jobs are refused", overload},
		{"events tell the whole story and can be resumed", events},
		{"what a stream said too long ago is a gap", gap},
		{"waiting ends with its context", wait},
		{"after a restart what waits goes on", restartQueued},
		{"after a crash idempotent work is done again, three times at most", restartIdempotent},
		{"after a crash other work is of unknown outcome", restartUnsafe},
		{"the result of an older attempt is dropped", fenced},
		{"a stop lets jobs end, and leaves those that do not", stops},
		{"a long job's hold is renewed, and without a hold nothing runs", holds},
		{"a job ends once its call does, however late the journal is", journalDown},
		{"ended jobs are removed after their retention, with what they pin", retention},
		{"a crash at any step loses and doubles nothing", crashes},
	} {
		t.Run(c.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { c.f(newNode(t, open)) })
		})
	}
	t.Run("whatever is cancelled at whatever moment, each job ends once", func(t *testing.T) { hammer(newNode(t, open)) })
}

func runs(n *node) {
	j, stop := n.start()
	defer stop()
	digest := crank.Digest{1}
	c := call(fmt.Sprintf(`{"file":{"$blob":%q,"size":3}}`, digest))
	job := n.submit(j, c)
	if job.Tenant != a || job.Capability != "test/echo@1" || job.Attempt != 0 || job.StartBy.Before(time.Now()) {
		n.t.Errorf("submitted %+v", job)
	}
	job = n.ends(j, job.ID, crank.JobDone, "", crank.OutcomeOK)
	if string(job.Output) != string(c.Input) || job.Attempt != 1 {
		n.t.Errorf("ended %+v", job)
	}
	if !slices.Equal(n.renewed, []crank.Digest{digest}) {
		n.t.Errorf("renewed %v", n.renewed)
	}
	stop()
	again, err := n.again().Get(n.t.Context(), a, job.ID)
	if err != nil || string(again.Job.Output) != string(c.Input) || !again.Job.Ended.Equal(job.Ended) || again.Call.Capability != "test/echo@1" || again.Opened.Hold.Amount.Micros != 5 {
		n.t.Errorf("after a restart %+v, %v", again, err)
	}
}

func fails(n *node) {
	n.work = func(context.Context, crank.Call, func(crank.Chunk) error) (json.RawMessage, error) {
		return nil, crank.E(crank.CodeMalformedFile, "it is damaged").With(crank.Fault{Path: "/x", Reason: "y"})
	}
	j, stop := n.start()
	defer stop()
	job := n.ends(j, n.submit(j, call(`{}`)).ID, crank.JobFailed, crank.CodeMalformedFile, crank.OutcomeFailed)
	if len(job.Error.Faults) != 1 || job.Error.Message != "it is damaged" {
		n.t.Errorf("the error is %+v", job.Error)
	}
}

func tenants(n *node) {
	j, stop := n.start()
	defer stop()
	job := n.submit(j, call(`{}`))
	_, get := j.Get(n.t.Context(), b, job.ID)
	_, cancel := j.Cancel(n.t.Context(), b, job.ID)
	_, events := j.Events(n.t.Context(), b, job.ID, 0)
	_, wait := j.Wait(n.t.Context(), b, job.ID)
	_, never := j.Get(n.t.Context(), a, "job_never")
	for _, err := range []error{get, cancel, events, wait, never} {
		wants(n.t, "a job of another or nobody", err, crank.CodeJobUnknown)
	}
	if page, _, err := j.List(n.t.Context(), b, jobs.Filter{}, ""); len(page) != 0 || err != nil {
		n.t.Errorf("the other tenant lists %v, %v", page, err)
	}
	n.ends(j, job.ID, crank.JobDone, "", crank.OutcomeOK)
}

func lists(n *node) {
	j := n.idle()
	var want, got []string
	for i := range 7 {
		want = append(want, n.submit(j, call(fmt.Sprint(i))).ID)
		n.submit(j, call(`{}`, of(b)))
	}
	slices.Reverse(want)
	for cursor, first := "", true; first || cursor != ""; first = false {
		page, next, err := j.List(n.t.Context(), a, jobs.Filter{Limit: 3, State: crank.JobQueued}, cursor)
		if err != nil || len(page) > 3 || len(page) == 0 {
			n.t.Fatalf("%d jobs, %v", len(page), err)
		}
		for _, job := range page {
			got = append(got, job.ID)
		}
		cursor = next
	}
	if !slices.Equal(got, want) {
		n.t.Errorf("listed %v, want %v", got, want)
	}
	for _, f := range []jobs.Filter{{State: crank.JobDone}, {Capability: "other/one@1"}} {
		if page, _, err := j.List(n.t.Context(), a, f, ""); len(page) != 0 || err != nil {
			n.t.Errorf("%+v lists %d, %v", f, len(page), err)
		}
	}
	for _, bad := range []string{"x", "0", "-1", "1 OR 1"} {
		_, _, err := j.List(n.t.Context(), a, jobs.Filter{}, bad)
		wants(n.t, "cursor "+bad, err, crank.CodeConstraint)
	}
}

func startBy(n *node) {
	gate := make(chan struct{})
	n.work = blocking(gate)
	j, stop := n.start(func(c *jobs.Config) { c.Workers = 1 })
	defer stop()
	_, err := j.Submit(n.t.Context(), call(`{}`), soon(-time.Second))
	wants(n.t, "a time that has passed", err, crank.CodeConstraint)
	first := n.submit(j, call(`1`))
	n.until("the first runs", func() bool { return n.began(first.Call) == 1 })
	late, err := j.Submit(n.t.Context(), call(`2`), soon(time.Hour))
	if err != nil {
		n.t.Fatal(err)
	}
	n.ends(j, late.ID, crank.JobFailed, crank.CodeDeadline, crank.OutcomeTimeout)
	if n.began(late.Call) != 0 {
		n.t.Error("it ran")
	}
	far, err := j.Submit(n.t.Context(), call(`3`), soon(100*24*time.Hour))
	var hold time.Time
	n.set(func() { hold = n.opened[far.Call].Hold.Expires })
	if err != nil || far.StartBy.After(hold) {
		n.t.Errorf("a job may start by %s, its hold ends %s, %v", far.StartBy, hold, err)
	}
	close(gate)
	n.ends(j, first.ID, crank.JobDone, "", crank.OutcomeOK)
	n.ends(j, far.ID, crank.JobDone, "", crank.OutcomeOK)
}

func fair(n *node) {
	j := n.idle(func(c *jobs.Config) { c.Workers = 1 })
	names := map[string]string{}
	for _, s := range []struct{ tenant, jobs string }{{a, "1234"}, {b, "56"}, {"tenant_c", "7"}} {
		for _, i := range s.jobs {
			names[n.submit(j, call(string(i), of(s.tenant))).Call] = string(i)
		}
	}
	defer n.run(j)()
	n.until("all have run", func() bool { _, closed := n.calls(); return closed == 7 })
	turns := map[string]int{}
	n.set(func() {
		for i, c := range n.order {
			turns[names[c]] = i
		}
	})
	for _, later := range []string{"12", "23", "34", "56", "53", "73", "64"} { // of each pair the first comes first
		if turns[later[:1]] > turns[later[1:]] {
			n.t.Errorf("%c ran after %c: %v", later[0], later[1], turns)
		}
	}
}

func overload(n *node) {
	j := n.idle(func(c *jobs.Config) { c.PerTenant = 2 })
	n.submit(j, call(`1`))
	n.submit(j, call(`2`))
	_, err := j.Submit(n.t.Context(), call(`3`), time.Time{})
	wants(n.t, "a third of two", err, crank.CodeOverloaded)
	if opened, _ := n.calls(); len(opened) != 2 {
		n.t.Errorf("%d calls are open", len(opened))
	}
	n.submit(j, call(`4`, of(b)))
}

func wait(n *node) {
	j := n.idle()
	job := n.submit(j, call(`{}`))
	ctx, cancel := context.WithTimeout(n.t.Context(), time.Minute)
	defer cancel()
	got, err := j.Wait(ctx, a, job.ID)
	if !errors.Is(err, context.DeadlineExceeded) || got.State != crank.JobQueued {
		n.t.Errorf("%+v, %v", got, err)
	}
}

func retention(n *node) {
	in, out := crank.Digest{1}, crank.Digest{2}
	n.work = func(context.Context, crank.Call, func(crank.Chunk) error) (json.RawMessage, error) {
		return json.RawMessage(fmt.Sprintf(`[{"$blob":%q}]`, out)), nil
	}
	j, stop := n.start(func(c *jobs.Config) { c.Retention = time.Hour })
	defer stop()
	job := n.submit(j, call(fmt.Sprintf(`{"file":{"$blob":%q}}`, in)))
	keyed := n.submit(j, call(`{}`, keyed("k")))
	n.ends(j, job.ID, crank.JobDone, "", crank.OutcomeOK)
	n.ends(j, keyed.ID, crank.JobDone, "", crank.OutcomeOK)
	pinned := func(tenant string, want ...crank.Digest) {
		n.t.Helper()
		got, err := j.Pinned(n.t.Context(), tenant)
		slices.SortFunc(got, func(x, y crank.Digest) int { return int(x[0]) - int(y[0]) })
		if !slices.Equal(got, want) || err != nil {
			n.t.Errorf("%s pins %v, %v; want %v", tenant, got, err, want)
		}
	}
	pinned(a, in, out)
	pinned(b)
	time.Sleep(30 * time.Minute)
	n.get(j, job.ID)
	time.Sleep(time.Hour)
	synctest.Wait()
	_, err := j.Get(n.t.Context(), a, job.ID)
	wants(n.t, "after its retention", err, crank.CodeJobUnknown)
	n.get(j, keyed.ID)
	pinned(a, out)
	time.Sleep(jobs.KeyTime)
	synctest.Wait()
	_, err = j.Get(n.t.Context(), a, keyed.ID)
	wants(n.t, "after its key's time", err, crank.CodeJobUnknown)
	pinned(a)
}
