package ledger

import (
	"container/heap"
	"time"

	"github.com/crank-platform/crank"
)

// ending is how a hold stands. Each hold leaves pending once.
type ending uint8

const (
	pending ending = iota
	posted         // its call has closed
	voided
	expired
)

func (e ending) String() string { return [...]string{"pending", "posted", "voided", "expired"}[e] }

// hold is a ref, pending or ended. An ended one is remembered for a while so that
// a late repeat of its Reserve is refused.
type hold struct {
	ref     string
	path    *path // nil for a ref that ended without ever being held here
	amount  crank.Micros
	until   int64 // microseconds: when it expires; once ended, when it ended
	state   ending
	durable bool // a record stands for it, so it is saved
	saved   bool // the store may have it
	place   int  // in the heap, while pending
}

func (h *hold) public() crank.Hold {
	return crank.Hold{Ref: h.ref, Payer: h.path.payer, Amount: crank.Money{Micros: h.amount, Asset: h.path.asset}, Expires: time.UnixMicro(h.until).UTC()}
}

// repeat answers a Reserve of a ref that is known. A standing hold that covers
// what is asked is the same hold. Times are compared by the second, for the
// journal's encoding of a hold keeps no more of them.
func (h *hold) repeat(ask crank.Hold) error {
	if h.state != pending {
		return h.ended()
	}
	if h.path.payer != ask.Payer || h.path.asset != ask.Amount.Asset || h.amount < ask.Amount.Micros || h.until/1e6 < ask.Expires.Unix() {
		return crank.E(crank.CodeHoldState, "the reference %s stands for another hold, of %s", h.ref, crank.Money{Micros: h.amount, Asset: h.path.asset}).
			Mending("Extend the hold, or use a new reference.")
	}
	return nil
}

func (h *hold) ended() error {
	return crank.E(crank.CodeHoldState, "the hold %s was %s", h.ref, h.state)
}

// queue orders the pending holds by when they expire; see container/heap.
type queue []*hold

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].until < q[j].until }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i]; q[i].place = i; q[j].place = j }
func (q *queue) Push(x any)        { h := x.(*hold); h.place = len(*q); *q = append(*q, h) }
func (q *queue) Pop() any {
	old := *q
	h := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return h
}

// take makes a hold pending. The room for it has been found before.
func (b *Book) take(h *hold) {
	b.holds[h.ref] = h
	heap.Push(&b.pending, h)
	for _, p := range h.path.purses {
		p.held += h.amount
	}
}

// retake makes a hold pending that the journal or the store says was taken. It
// asks no budget, but what cannot be counted in 64 bits is not held.
func (b *Book) retake(ask crank.Hold, saved bool, now int64) {
	h := &hold{ref: ask.Ref, path: b.path(ask.Payer, ask.Amount.Asset), amount: ask.Amount.Micros, until: ask.Expires.UnixMicro(), durable: true, saved: saved}
	for _, p := range h.path.purses {
		if _, err := p.held.Add(h.amount); err != nil {
			b.close(h.ref, expired, now)
			return
		}
	}
	b.take(h)
	b.touchHold(h)
}

// end is the one way out of pending.
func (b *Book) end(h *hold, how ending, now int64) {
	heap.Remove(&b.pending, h.place)
	for _, p := range h.path.purses {
		if p.held -= h.amount; p.held < 0 {
			panic("ledger: more was released than held on " + string(p.of.level) + " " + p.of.id)
		}
	}
	h.state, h.until = how, now
	b.touchHold(h)
	b.past.push(h)
	b.forget(now)
}

// close remembers a ref that ended without being held here.
func (b *Book) close(ref string, how ending, now int64) {
	h := &hold{ref: ref, state: how, until: now}
	b.holds[ref] = h
	b.past.push(h)
	b.forget(now)
}

// expire voids by time. It runs before whatever looks at holds.
func (b *Book) expire(now int64) {
	for len(b.pending) > 0 && b.pending[0].until <= now {
		b.end(b.pending[0], expired, now)
	}
}

// forget drops the oldest ended refs: those of more than a day ago, and those
// beyond the number that is kept.
func (b *Book) forget(now int64) {
	for b.past.len() > 0 && (b.past.len() > b.c.Remember || b.past.first().until < now-microsPerDay) {
		delete(b.holds, b.past.pop().ref)
	}
}

// past is a queue of ended holds, oldest first.
type past struct {
	holds []*hold
	head  int
}

func (p *past) len() int     { return len(p.holds) - p.head }
func (p *past) first() *hold { return p.holds[p.head] }
func (p *past) push(h *hold) { p.holds = append(p.holds, h) }
func (p *past) pop() *hold {
	h := p.holds[p.head]
	p.holds[p.head] = nil
	if p.head++; p.head > len(p.holds)/2 {
		n := copy(p.holds, p.holds[p.head:])
		clear(p.holds[n:])
		p.holds, p.head = p.holds[:n], 0
	}
	return h
}
