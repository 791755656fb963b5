package harness

import (
	"slices"
	"sync"
	"time"

	"github.com/crank-platform/crank"
)

// window is what an operation has lately done: its last calls, no more than
// windowCalls, by wall time and outcome.
type window struct {
	mu     sync.Mutex
	took   [windowCalls]time.Duration
	failed [windowCalls]bool
	ended  [windowCalls]time.Time
	n      int // calls ever
}

const windowCalls = 256

func (w *window) add(took time.Duration, failed bool, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := w.n % windowCalls
	w.took[i], w.failed[i], w.ended[i] = took, failed, now
	w.n++
}

// enough is how many calls must be known before anything is said of them.
const enough = 20

// SLO returns what the operation's last calls say of it; zero while too few are
// known. A call that was refused or cancelled counts neither way.
func (h *Host) SLO(c crank.Capability) (s crank.SLO) {
	op, ok := h.ops[c]
	if !ok {
		return s
	}
	w := &op.window
	w.mu.Lock()
	n := min(w.n, windowCalls)
	took := slices.Clone(w.took[:n])
	bad := 0
	oldest, newest := time.Time{}, time.Time{}
	for i := range n {
		if w.failed[i] {
			bad++
		}
		if at := w.ended[i]; oldest.IsZero() || at.Before(oldest) {
			oldest = at
		}
		if at := w.ended[i]; at.After(newest) {
			newest = at
		}
	}
	w.mu.Unlock()
	if n < enough {
		return s
	}
	slices.Sort(took)
	s.P50, s.P95, s.P99 = took[n/2], took[n*95/100], took[n*99/100]
	s.Availability = 1_000_000 - bad*1_000_000/n
	if span := newest.Sub(oldest); span > 0 {
		s.Throughput = int64(n) * int64(time.Second) * 1000 / int64(span)
	}
	return s
}

// observe counts a call for the operation's SLO.
func (o *operation) observe(began time.Time, err error) {
	now := time.Now()
	failed := false
	if err != nil {
		switch crank.KindOf(err) {
		case crank.KindInternal, crank.KindUnavailable, crank.KindDeadlineExceeded:
			failed = true
		default:
			return
		}
	}
	o.window.add(now.Sub(began), failed, now)
}
