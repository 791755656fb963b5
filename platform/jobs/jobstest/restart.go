package jobstest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/jobs"
)

func restartQueued(n *node) {
	j := n.idle()
	job, other := n.submit(j, call(`1`)), n.submit(j, call(`2`))
	j = n.idle() // restarted, not yet running
	if _, err := j.Cancel(n.t.Context(), a, other.ID); err != nil {
		n.t.Error(err)
	}
	defer n.run(j)()
	n.ends(j, job.ID, crank.JobDone, "", crank.OutcomeOK)
	n.ends(j, other.ID, crank.JobCancelled, "", crank.OutcomeCancelled)
	if n.began(other.Call) != 0 {
		n.t.Error("a job cancelled before the node ran has run")
	}
}

// interrupted runs a job until the node stops under it.
func (n *node) interrupted(c crank.Call) crank.Job {
	n.t.Helper()
	n.work = blocking(nil)
	j, stop := n.start()
	job := n.submit(j, c)
	n.until("it runs", func() bool { return n.began(job.Call) == 1 })
	stop()
	if got := n.get(j, job.ID); got.State != crank.JobRunning {
		n.t.Fatalf("the stop left it %s", got.State)
	}
	return job
}

func echo(_ context.Context, call crank.Call, _ func(crank.Chunk) error) (json.RawMessage, error) {
	return call.Input, nil
}

func restartIdempotent(n *node) {
	job := n.interrupted(call(`1`))
	n.work = echo
	j, stop := n.start()
	if got := n.ends(j, job.ID, crank.JobDone, "", crank.OutcomeOK); got.Attempt != 2 || n.began(job.Call) != 2 {
		n.t.Errorf("attempt %d after %d beginnings", got.Attempt, n.began(job.Call))
	}
	stop()

	job = n.interrupted(call(`2`))
	for attempt := 2; attempt <= 3; attempt++ {
		_, stop := n.start()
		n.until("it runs again", func() bool { return n.began(job.Call) == attempt })
		stop()
	}
	j, stop = n.start()
	defer stop()
	n.ends(j, job.ID, crank.JobFailed, crank.CodeUnknownOutcome, crank.OutcomeUnknown)
	if n.began(job.Call) != 3 {
		n.t.Errorf("it began %d times", n.began(job.Call))
	}
}

func restartUnsafe(n *node) {
	n.idempotent = false
	job := n.interrupted(call(`1`))
	n.work = echo
	j, stop := n.start()
	defer stop()
	n.ends(j, job.ID, crank.JobFailed, crank.CodeUnknownOutcome, crank.OutcomeUnknown)
	if n.began(job.Call) != 1 {
		n.t.Errorf("it began %d times", n.began(job.Call))
	}
}

func fenced(n *node) {
	gate := make(chan struct{})
	n.work = func(_ context.Context, call crank.Call, _ func(crank.Chunk) error) (json.RawMessage, error) {
		if n.began(call.ID) == 1 { // the first attempt hangs, whoever stops it
			<-gate
			return json.RawMessage(`"old"`), nil
		}
		return json.RawMessage(`"new"`), nil
	}
	old, stopOld := n.start()
	job := n.submit(old, call(`1`))
	n.until("it runs", func() bool { return n.began(job.Call) == 1 })
	j, stop := n.start() // another node on the same data
	defer stop()
	n.ends(j, job.ID, crank.JobDone, "", crank.OutcomeOK)
	close(gate)
	stopOld()
	if got := n.get(j, job.ID); string(got.Output) != `"new"` || got.Attempt != 2 {
		n.t.Errorf("the job has %s of attempt %d", got.Output, got.Attempt)
	}
}

func stops(n *node) {
	n.work = func(ctx context.Context, call crank.Call, _ func(crank.Chunk) error) (json.RawMessage, error) {
		took := 5 * time.Second
		if string(call.Input) == `"long"` && n.began(call.ID) == 1 {
			took = time.Hour
		}
		select {
		case <-time.After(took):
			return call.Input, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	j, stop := n.start()
	short, long := n.submit(j, call(`"short"`)), n.submit(j, call(`"long"`))
	n.until("both run", func() bool { return n.began(short.Call)+n.began(long.Call) == 2 })
	queued := n.submit(j, call(`"queued"`))
	began := time.Now()
	stop()
	if took := time.Since(began); took > 11*time.Second {
		n.t.Errorf("the stop took %s", took)
	}
	n.ends(j, short.ID, crank.JobDone, "", crank.OutcomeOK)
	if got := n.get(j, long.ID); got.State != crank.JobRunning {
		n.t.Errorf("the long job is %s", got.State)
	}
	if got := n.get(j, queued.ID); got.State != crank.JobQueued {
		n.t.Errorf("a job begins while the node stops: %s", got.State)
	}
	j, stop = n.start()
	defer stop()
	n.ends(j, long.ID, crank.JobDone, "", crank.OutcomeOK)
	n.ends(j, queued.ID, crank.JobDone, "", crank.OutcomeOK)
}

func holds(n *node) {
	n.work = func(_ context.Context, call crank.Call, _ func(crank.Chunk) error) (json.RawMessage, error) {
		time.Sleep(3 * time.Hour)
		return call.Input, nil
	}
	j, stop := n.start()
	defer stop()
	n.ends(j, n.submit(j, call(`1`)).ID, crank.JobDone, "", crank.OutcomeOK)
	n.set(func() {
		if n.extended < 3 {
			n.t.Errorf("in three hours the hold was renewed %d times", n.extended)
		}
		n.gone = crank.E(crank.CodeHoldState, "the hold expired")
	})
	job := n.submit(j, call(`2`))
	n.ends(j, job.ID, crank.JobFailed, crank.CodeHoldState, crank.OutcomeFailed)
	if n.began(job.Call) != 0 {
		n.t.Error("it ran without a hold")
	}
}

func journalDown(n *node) {
	j, stop := n.start()
	defer stop()
	n.set(func() { n.broken = crank.E(crank.CodeJournalFull, "full") })
	late, never := n.submit(j, call(`1`)), n.submit(j, call(`2`))
	n.until("both have run", func() bool { return n.began(late.Call)+n.began(never.Call) == 2 })
	if got := n.get(j, late.ID); got.State != crank.JobRunning || got.Output != nil {
		n.t.Errorf("before its receipt the job is %s with %s", got.State, got.Output)
	}
	n.set(func() { n.broken = nil })
	if _, err := n.close(late.Call, crank.OutcomeOK); err != nil { // the runner gets to it by itself
		n.t.Fatal(err)
	}
	if got := n.ends(j, late.ID, crank.JobDone, "", crank.OutcomeOK); string(got.Output) != "1" {
		n.t.Errorf("its output is %s", got.Output)
	}
	n.ends(j, never.ID, crank.JobFailed, crank.CodeWorkerFailed, crank.OutcomeUnknown)
}

// mortal is a store whose process can die before or after any act.
type mortal struct {
	jobs.Store
	n *node
}

func (m mortal) Add(ctx context.Context, e jobs.Entry, now time.Time) (jobs.Entry, bool, error) {
	if err := m.n.at("before add"); err != nil {
		return e, false, err
	}
	standing, added, err := m.Store.Add(ctx, e, now)
	if died := m.n.at("after add"); died != nil {
		return e, false, died
	}
	return standing, added, err
}

func (m mortal) Swap(ctx context.Context, e jobs.Entry, from crank.JobState, attempt int) (bool, error) {
	if err := m.n.at("before swap"); err != nil {
		return false, err
	}
	ok, err := m.Store.Swap(ctx, e, from, attempt)
	if died := m.n.at("after swap"); died != nil {
		return false, died
	}
	return ok, err
}

// crashes lets a node die at each step of a job's life in turn. After the restart
// what was acknowledged ends, every call has one receipt, and they agree.
func crashes(n *node) {
	for _, idempotent := range []bool{true, false} {
		for _, cancel := range []bool{false, true} {
			for at := 0; ; at++ {
				if !n.dies(at, idempotent, cancel) {
					if at < 8 {
						n.t.Errorf("a whole life took %d steps", at)
					}
					break
				}
			}
		}
	}
}

func (n *node) dies(at int, idempotent, cancel bool) bool {
	var mu sync.Mutex
	steps, dead, where := 0, false, ""
	step := func(name string) error {
		mu.Lock()
		defer mu.Unlock()
		if steps == at && !dead {
			dead, where = true, name
		}
		steps++
		if dead {
			return errDied
		}
		return nil
	}
	n.set(func() {
		n.idempotent, n.work, n.step = idempotent, echo, step
		n.opened, n.receipts, n.order = map[string]crank.Opened{}, map[string]crank.Receipt{}, nil
	})
	j := n.idle(func(c *jobs.Config) { c.Store = mortal{c.Store, n}; c.ShutdownGrace = time.Second })
	acknowledged, err := j.Submit(n.t.Context(), call(fmt.Sprint(at)), time.Time{})
	stop := func() {}
	if err == nil {
		if cancel {
			j.Cancel(n.t.Context(), a, acknowledged.ID)
		}
		ctx, end := context.WithCancel(n.t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			j.Run(ctx, func() {})
		}()
		stop = func() { end(); <-done }
	}
	time.Sleep(5 * time.Second)
	stop()
	mu.Lock()
	died := dead
	mu.Unlock()
	n.set(func() { n.step = nil })

	j, stop = n.start()
	defer stop()
	about := fmt.Sprintf("idempotent %v, cancelled %v, died at step %d (%s)", idempotent, cancel, at, where)
	if acknowledged.ID != "" {
		job, err := j.Wait(n.t.Context(), a, acknowledged.ID)
		receipt := n.receipt(acknowledged.Call)
		done := job.State == crank.JobDone
		if err != nil || job.Receipt != receipt.ID || done != (receipt.Outcome == crank.OutcomeOK) || done && string(job.Output) != fmt.Sprint(at) {
			n.t.Errorf("%s: %+v with receipt %+v, %v", about, job, receipt, err)
		}
		if !cancel && idempotent && !done {
			n.t.Errorf("%s: idempotent work ended %s: %v", about, job.State, job.Error)
		}
	}
	time.Sleep(time.Minute)
	opened, _ := n.calls()
	for _, o := range opened {
		if n.receipt(o.Call).ID == "" {
			n.t.Errorf("%s: the call %s has no receipt", about, o.Call)
		}
		if times := n.began(o.Call); times > 1 && !idempotent || times > 2 {
			n.t.Errorf("%s: the work began %d times", about, times)
		}
	}
	return died
}

// hammer submits, cancels, looks and restarts from many sides at once.
func hammer(n *node) {
	n.work = func(ctx context.Context, call crank.Call, sink func(crank.Chunk) error) (json.RawMessage, error) {
		if err := sink(crank.Chunk{Data: []byte("x")}); err != nil {
			return nil, err
		}
		select {
		case <-time.After(time.Duration(rand.IntN(3)) * time.Millisecond):
			return call.Input, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	j, stop := n.start(func(c *jobs.Config) { c.Workers = 8; c.ShutdownGrace = time.Millisecond })
	var all sync.WaitGroup
	var mu sync.Mutex
	var ids []string
	for i := range 4 {
		all.Go(func() {
			for k := range 25 {
				job, err := j.Submit(n.t.Context(), call(fmt.Sprint(i*100+k)), time.Time{})
				if err != nil {
					n.t.Error(err)
					return
				}
				mu.Lock()
				ids = append(ids, job.ID)
				mu.Unlock()
				if k%2 == 0 {
					time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
					if _, err := j.Cancel(n.t.Context(), a, job.ID); err != nil {
						n.t.Error(err)
					}
				}
				if k%5 == 0 {
					n.follow(j, job.ID, 0)
				}
			}
		})
	}
	all.Wait()
	stop()
	j, stop = n.start(func(c *jobs.Config) { c.Workers = 8 })
	defer stop()
	count := map[crank.JobState]int{}
	for _, id := range ids {
		job, err := j.Wait(n.t.Context(), a, id)
		if err != nil {
			n.t.Fatal(err)
		}
		count[job.State]++
		outcome := n.receipt(job.Call).Outcome
		if want := map[crank.JobState]crank.Outcome{crank.JobDone: crank.OutcomeOK, crank.JobCancelled: crank.OutcomeCancelled}[job.State]; outcome != want {
			n.t.Errorf("a job is %s (%v), its receipt says %q", job.State, job.Error, outcome)
		}
	}
	if opened, closed := n.calls(); len(ids) != 100 || len(opened) != 100 || closed != 100 {
		n.t.Errorf("%d jobs, %d calls, %d receipts", len(ids), len(opened), closed)
	}
	n.t.Log(count)
}
