package routing

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/crank-platform/crank"
)

// The circuit of an offer opens after this many calls in a row could not reach
// it, first for firstBreak, twice as long each time that a trial fails as well.
const (
	strikes    = 5
	firstBreak = time.Second
	longBreak  = 30 * time.Second
)

// Of what has not been called for so long, nothing is remembered.
const forget = 10 * time.Minute

// health is what this node has seen of each offer, by id.
type health struct {
	states sync.Map // string -> *state
	count  atomic.Int64
	swept  atomic.Int64 // unix nanoseconds
}

type state struct {
	underway atomic.Int64
	latency  atomic.Int64 // nanoseconds, moving average with weight 1/8; 0 = not seen
	failures atomic.Int64 // parts per million, moving average with weight 1/16
	used     atomic.Int64 // unix nanoseconds

	openUntil atomic.Int64 // unix nanoseconds; 0 while the circuit is closed
	trial     atomic.Bool  // a call is trying an offer whose break is over

	mu     sync.Mutex // guards what follows
	missed int        // calls in a row that could not reach it
	pause  time.Duration
}

var unseen state // never written to

// of returns what is known of an offer, for reading.
func (h *health) of(offer string) *state {
	if s, ok := h.states.Load(offer); ok {
		return s.(*state)
	}
	return &unseen
}

// admits reports whether a call may go there: the circuit is closed, or its
// break is over and no other call is trying.
func (s *state) admits(now time.Time) bool {
	until := s.openUntil.Load()
	return until == 0 || now.UnixNano() >= until && !s.trial.Load()
}

// Seen is what this node has seen of an offer.
type Seen struct {
	UnderWay int64         // calls sent and not yet ended
	Latency  time.Duration // moving average of good calls; 0 = none yet
	Failures int64         // moving average, parts per million of the calls that it answered or missed
	Open     bool          // the circuit: no call is sent there now
}

// Seen returns what this node has seen of an offer by its id.
func (r *Router) Seen(offer string) Seen {
	s := r.health.of(offer)
	return Seen{s.underway.Load(), time.Duration(s.latency.Load()), s.failures.Load(), !s.admits(r.config.Now())}
}

// Begin notes that a call is being sent to an offer. The function it returns
// must be called once, with what the sending gave (further calls do nothing):
// nil and every error by which the worker answered count as reached, kinds
// Unavailable and UnknownOutcome as missed, and a cancellation or a deadline as
// neither, since they may be the caller's. Failures of a worker that was reached
// make the offer score worse; only missed calls open its circuit, so that no
// caller's bad input can close an offer to all others.
func (r *Router) Begin(offer string) (end func(error)) {
	began := r.config.Now()
	s := r.health.enter(offer, began)
	s.underway.Add(1)
	trying := s.openUntil.Load() != 0 && s.trial.CompareAndSwap(false, true)
	var over atomic.Bool
	return func(err error) {
		if over.Swap(true) {
			return
		}
		s.underway.Add(-1)
		now := r.config.Now()
		s.used.Store(now.UnixNano())
		s.learn(err, now, now.Sub(began))
		if trying {
			s.trial.Store(false)
		}
	}
}

func (s *state) learn(err error, now time.Time, took time.Duration) {
	kind := crank.KindInternal
	if err != nil {
		kind = crank.KindOf(err)
	}
	switch {
	case err == nil:
		s.took(took)
		s.failures.Add(-s.failures.Load() / 16)
		s.reached()
	case kind == crank.KindDeadlineExceeded || kind == crank.KindCancelled:
		if int64(took) > s.latency.Load() {
			s.took(took) // it takes at least that long
		}
	case kind == crank.KindUnavailable || kind == crank.KindUnknownOutcome:
		move(&s.failures, 1_000_000, 16)
		s.miss(now)
	case kind == crank.KindInternal:
		move(&s.failures, 1_000_000, 16)
		s.reached()
	default:
		s.reached()
	}
}

// move takes a moving average towards x. Racing updates may lose one another,
// which an average can bear.
func move(avg *atomic.Int64, x, weight int64) {
	old := avg.Load()
	avg.Store(old + (x-old)/weight)
}

func (s *state) took(d time.Duration) {
	if s.latency.Load() == 0 {
		s.latency.Store(int64(max(d, 1)))
		return
	}
	move(&s.latency, int64(d), 8)
}

func (s *state) reached() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.missed, s.pause = 0, 0
	s.openUntil.Store(0)
}

func (s *state) miss(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.missed++
	if s.missed < strikes || now.UnixNano() < s.openUntil.Load() {
		return // not yet, or sent before the circuit opened
	}
	s.pause = min(max(firstBreak, 2*s.pause), longBreak)
	s.openUntil.Store(now.Add(s.pause).UnixNano())
}

// enter returns the state of an offer for writing. Now and then it forgets
// offers that are no longer called, so that ended ones do not pile up.
func (h *health) enter(offer string, now time.Time) *state {
	if s, ok := h.states.Load(offer); ok {
		return s.(*state)
	}
	fresh := &state{}
	fresh.used.Store(now.UnixNano())
	s, known := h.states.LoadOrStore(offer, fresh)
	if !known && h.count.Add(1) > 64 {
		h.sweep(now)
	}
	return s.(*state)
}

func (h *health) sweep(now time.Time) {
	last := h.swept.Load()
	if now.UnixNano()-last < int64(forget) || !h.swept.CompareAndSwap(last, now.UnixNano()) {
		return
	}
	h.states.Range(func(id, v any) bool {
		s := v.(*state)
		if s.underway.Load() == 0 && now.UnixNano()-s.used.Load() > int64(forget) {
			h.states.Delete(id)
			h.count.Add(-1)
		}
		return true
	})
}
