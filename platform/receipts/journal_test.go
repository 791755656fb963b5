package receipts_test

import (
	"context"
	"errors"
	"testing"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/receipts"
	"github.com/crank-platform/crank/platform/receipts/memory"
	"github.com/crank-platform/crank/platform/receipts/receiptstest"
)

var errDisk = errors.New("the disk is in trouble")

// troubled is a store whose disk fails on demand.
type troubled struct {
	*memory.Store
	before, after, state int // how many commits to fail, before or after they land, and how many reads of the state
}

func (s *troubled) Commit(ctx context.Context, e []receipts.Entry) error {
	if s.before > 0 {
		s.before--
		return errDisk
	}
	if err := s.Store.Commit(ctx, e); err != nil || s.after == 0 {
		return err
	}
	s.after--
	return errDisk
}

func (s *troubled) State(ctx context.Context) (receipts.State, error) {
	if s.state > 0 {
		s.state--
		return receipts.State{}, errDisk
	}
	return s.Store.State(ctx)
}

func TestAnErrorOfTheStoreIsToldByWhatItHolds(t *testing.T) {
	for _, c := range []struct {
		what    string
		trouble troubled
		want    crank.Code // "" for success
		nextSeq uint64
	}{
		{"a commit that fails", troubled{before: 1}, crank.CodeJournal, 3},
		{"a commit that lands and fails", troubled{after: 1}, "", 4},
		{"one that lands, fails and cannot be read back", troubled{after: 1, state: 1}, crank.CodeUnknownOutcome, 4},
		{"one that fails and cannot be read back", troubled{before: 1, state: 1}, crank.CodeUnknownOutcome, 3},
	} {
		store := &troubled{Store: memory.New()}
		j, stop := receiptstest.Start(t, store, receiptstest.NewClock())
		seen := uint64(0)
		if err := j.Follow(t.Context(), "seen", 0, func(_ context.Context, rs []crank.Record) error {
			for _, r := range rs {
				if r.Seq != seen+1 {
					t.Errorf("%s: a follower sees record %d after %d", c.what, r.Seq, seen)
				}
				seen = r.Seq
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		first, err := j.Append(t.Context(), receiptstest.Receipt(0))
		if err != nil {
			t.Fatal(err)
		}
		store.before, store.after, store.state = c.trouble.before, c.trouble.after, c.trouble.state
		_, err = j.Append(t.Context(), receiptstest.Receipt(3)) // of the same tenant
		if c.want == "" && err != nil || c.want != "" && (err == nil || crank.AsError(err).Code != c.want) {
			t.Errorf("%s gives %v", c.what, err)
		}
		next, err := j.Append(t.Context(), receiptstest.Receipt(6))
		if err != nil || next.Seq != c.nextSeq {
			t.Errorf("after %s the next record is %d (%v), want %d", c.what, next.Seq, err, c.nextSeq)
		}
		prev, err := j.Read(t.Context(), next.Seq-2, 1)
		if err != nil || next.Receipt.TenantPrev != prev[0].Digest() || next.Receipt.TenantSeq != first.Receipt.TenantSeq+next.Seq-2 {
			t.Errorf("after %s the tenant's chain breaks (%v)", c.what, err)
		}
		if same, err := j.Rebuild(t.Context()); err != nil || !same {
			t.Errorf("after %s the views are wrong (%v)", c.what, err)
		}
		stop()
		if seen != next.Seq && !behind(j) {
			t.Errorf("after %s a follower has seen %d of %d and is not behind", c.what, seen, next.Seq)
		}
	}
}

func behind(j *receipts.Journal) bool {
	for _, f := range j.Followers() {
		if f.Behind {
			return true
		}
	}
	return false
}

func TestAppendStaysWithinItsAllocations(t *testing.T) {
	j, _ := receiptstest.Start(t, memory.New(), receiptstest.NewClock())
	i := 0
	got := testing.AllocsPerRun(500, func() {
		i++
		if _, err := j.Append(context.Background(), receiptstest.Receipt(i)); err != nil {
			t.Fatal(err)
		}
	})
	own := testing.AllocsPerRun(500, func() { i++; receiptstest.Receipt(i) })
	const most = 16 // a batch of one and its share of the views included
	if got-own > most {
		t.Errorf("an append of one takes %.0f allocations, want at most %d", got-own, most)
	} else {
		t.Logf("an append of one takes %.0f allocations", got-own)
	}
}
