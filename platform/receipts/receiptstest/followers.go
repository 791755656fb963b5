package receiptstest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/receipts"
)

// watcher is a follower that checks order.
type watcher struct {
	mu   sync.Mutex
	seqs []uint64
	fail int // how many times to fail yet
}

func (w *watcher) see(_ context.Context, rs []crank.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fail > 0 {
		w.fail--
		return errors.New("not now")
	}
	for _, r := range rs {
		w.seqs = append(w.seqs, r.Seq)
	}
	return nil
}

// complete reports whether w has seen exactly the records after first up to last.
func (w *watcher) complete(first, last uint64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if uint64(len(w.seqs)) != last-first {
		return fmt.Errorf("a follower has seen %d records, want %d", len(w.seqs), last-first)
	}
	for i, seq := range w.seqs {
		if seq != first+1+uint64(i) {
			return fmt.Errorf("a follower has seen record %d in the place of %d", seq, first+1+uint64(i))
		}
	}
	return nil
}

func (w *watcher) has(seq uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Contains(w.seqs, seq)
}

func followers(t *testing.T, p Place) {
	j, _ := Start(t, p.Open(t), NewClock())
	appendAll(t, j, receiptsFrom(0, 10)...)
	var early, late watcher
	if err := j.Follow(t.Context(), "early", 0, early.see); err != nil {
		t.Fatal(err)
	}
	if err := early.complete(0, 11); err != nil {
		t.Fatalf("when Follow returns, %v", err)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 20 {
				r, err := j.Append(t.Context(), Receipt(100+g*20+i))
				if err != nil || !early.has(r.Seq) {
					t.Errorf("Append returned record %d before a follower saw it (%v)", r.Seq, err)
				}
			}
		})
	}
	wg.Go(func() {
		if err := j.Follow(t.Context(), "late", 5, late.see); err != nil {
			t.Error(err)
		}
	})
	wg.Wait()
	if err := errors.Join(early.complete(0, 171), late.complete(5, 171)); err != nil {
		t.Error(err)
	}
	err := j.Follow(t.Context(), "of another journal", 1000, late.see)
	wantCode(t, err, crank.CodeStore)
}

func lateFollower(t *testing.T, p Place) {
	j, _ := Start(t, p.Open(t), NewClock())
	var w, other watcher
	for _, f := range []*watcher{&w, &other} {
		if err := j.Follow(t.Context(), "w", 0, f.see); err != nil {
			t.Fatal(err)
		}
	}
	w.mu.Lock()
	w.fail = 2
	w.mu.Unlock()
	for i := range 10 {
		r, err := j.Append(t.Context(), Receipt(i))
		if err != nil || !other.has(r.Seq) {
			t.Fatalf("a follower's failure stops others: %v", err)
		}
	}
	deadline := time.Now().Add(20 * time.Second)
	for w.complete(0, 11) != nil && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
	if err := errors.Join(w.complete(0, 11), other.complete(0, 11)); err != nil {
		t.Error(err)
	}
}

func hammer(t *testing.T, p Place) {
	c := NewClock()
	j, stop := Start(t, p.Open(t), c)
	var w watcher
	if err := j.Follow(t.Context(), "w", 0, w.see); err != nil {
		t.Fatal(err)
	}
	var writers, others sync.WaitGroup
	done := make(chan struct{})
	for g := range 6 {
		writers.Go(func() {
			for i := range 60 {
				if _, err := j.Append(t.Context(), Receipt(g*100+i)); err != nil {
					t.Error(err)
				}
				c.Move(time.Minute)
			}
		})
	}
	for what, f := range map[string]func() error{
		"list": func() error {
			_, _, err := j.List(t.Context(), receipts.Query{Tenant: "tenant_1", Limit: 20})
			return err
		},
		"usage":   func() error { _, err := j.Usage(t.Context(), receipts.UsageQuery{By: []string{"key"}}); return err },
		"rebuild": func() error { _, err := j.Rebuild(t.Context()); return err },
		"prune":   func() error { _, err := j.Prune(t.Context(), c.Now().Add(-time.Hour)); return err },
		"archive": func() error { _, err := j.Archive(t.Context(), c.Now().Add(-time.Hour), io.Discard); return err },
		"seal":    func() error { _, err := j.Seal(t.Context(), "tenant_1", c.Now().String()); return err },
		"erase":   func() error { return j.Erase(t.Context(), "tenant_1", c.Now().String()) },
	} {
		others.Go(func() {
			for {
				if err := f(); err != nil {
					t.Errorf("%s: %v", what, err)
					return
				}
				select {
				case <-done:
					return
				case <-time.After(time.Millisecond):
				}
			}
		})
	}
	writers.Wait()
	close(done)
	others.Wait()
	if err := w.complete(0, 361); err != nil {
		t.Error(err)
	}
	rows, err := j.Usage(t.Context(), receipts.UsageQuery{})
	calls := int64(0)
	for _, row := range rows {
		calls += row.Calls
	}
	if err != nil || calls != 360 {
		t.Errorf("the sums count %d calls (%v), want 360", calls, err)
	}
	if same, err := j.Rebuild(t.Context()); err != nil || !same {
		t.Errorf("the sums are wrong (%v)", err)
	}
	stop()
}
