package chaos

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/crank-platform/crank"
)

func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s is no number: %v", name, err)
	}
	return n
}

func TestANodeKilledUnderLoadKeepsEveryPromise(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("the workers of this test are shell scripts, and there is no shell")
	}
	rounds := number(t, "CHAOS_ROUNDS", 4)
	seed := number(t, "CHAOS_SEED", int(time.Now().UnixNano()%1_000_000))
	t.Logf("%d rounds, CHAOS_SEED=%d", rounds, seed)
	r := newRig(t, uint64(seed))
	n := r.start()
	r.furnish(n)
	began, checked := time.Now(), 0
	for round := range rounds {
		first := len(r.calls)
		stop, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			r.load(n, stop)
		}()
		time.Sleep(time.Duration(100+r.rand.IntN(1200)) * time.Millisecond)
		for patience := time.Now().Add(20 * time.Second); r.acked(first) < 10 && time.Now().Before(patience); {
			time.Sleep(10 * time.Millisecond) // a slow machine: let there be something to lose
		}
		n.kill()
		close(stop)
		<-done
		r.gone()
		r.verified(false)

		// Sometimes the node dies again while it comes up and recovers.
		for r.rand.IntN(2) == 0 {
			again, _ := r.spawn()
			time.Sleep(time.Duration(r.rand.IntN(150)) * time.Millisecond)
			again.kill()
		}

		n = r.start()
		all := r.receipts(n)
		r.kept(all)
		r.retry(n, r.calls[first:])
		r.retry(n, r.some(r.calls[:first], 100))
		r.finished(n)
		all = r.receipts(n)
		r.once(all)
		r.balance(n, all)
		acked := r.acked(first)
		t.Logf("round %d: %d calls, %d promised, %d receipts in all, %d starts", round+1, len(r.calls)-first, acked, len(all), r.starts)
		checked += acked
		if t.Failed() {
			t.Fatalf("the end of the node's log:\n%s", tail(n.log))
		}
	}
	all := r.receipts(n)
	r.kept(all)
	if err := n.stop(); err != nil {
		t.Errorf("the node does not stop well: %v\n%s", err, tail(n.log))
	}
	r.gone()
	r.verified(true)
	t.Logf("%d kills, %d promises kept in %s; refusals: %v", r.starts-1, checked, time.Since(began).Round(time.Second), r.noted)
	if checked < 10*rounds {
		t.Errorf("only %d calls were acknowledged: that proves little", checked)
	}
}

// acked counts the calls from one on that were acknowledged.
func (r *rig) acked(first int) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.calls[first:] {
		if c.acked {
			n++
		}
	}
	return n
}

// gone waits until nothing runs that the dead node has started.
func (r *rig) gone() {
	r.t.Helper()
	var left []string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if left = r.leftovers(); len(left) == 0 {
			return
		}
	}
	r.t.Errorf("the dead node has left running: %q", left)
}

// some picks at most n of calls.
func (r *rig) some(calls []*call, n int) (picked []*call) {
	for _, i := range r.rand.Perm(len(calls))[:min(n, len(calls))] {
		picked = append(picked, calls[i])
	}
	return picked
}

func TestASecondNodeOnADirectoryIsTurnedAway(t *testing.T) {
	r := newRig(t, 1)
	first := r.start()
	second, up := r.spawn()
	select {
	case <-second.ended:
	case <-up:
		second.kill()
		t.Fatal("two nodes are up on one directory")
	case <-time.After(time.Minute):
		second.kill()
		t.Fatal("the second node neither starts nor ends")
	}
	if text := tail(second.log); !strings.Contains(text, string(crank.CodeDataDirLocked)) {
		t.Errorf("the second node says %s", text)
	}
	first.kill()
	if err := r.start().stop(); err != nil { // a dead node locks nobody out
		t.Errorf("the node after it: %v", err)
	}
}
