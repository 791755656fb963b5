package child

import (
	"context"
	"sync"
	"time"
)

// Pool keeps children alive between uses. Set its fields before the first call;
// its methods may then be called from many goroutines.
type Pool struct {
	// New says what to start; it is called for each child. Needed.
	New func() Spec
	// Size bounds the children, in use and idle together. 0 means 1.
	Size int
	// Idle is how long an unused child is kept. 0 means until Close.
	Idle time.Duration
	// MaxUses is how many messages a child may be sent before it is replaced. 0
	// means any number.
	MaxUses int
	// MaxRSS, in bytes, is the memory peak at which a child is replaced after
	// its use. 0 means none. A bound during use is Spec.Limits.Memory.
	MaxRSS int64

	mu     sync.Mutex
	slots  chan struct{}
	ended  chan struct{}
	idle   []*resting
	closed bool
}

// resting is an idle child with the timer that will end it.
type resting struct {
	proc  *Proc
	timer *time.Timer
}

func (p *Pool) setUp() {
	if p.slots == nil {
		p.slots = make(chan struct{}, max(1, p.Size))
		p.ended = make(chan struct{})
	}
}

// Get gives a living child, the one used last if one is idle, else a new one;
// with Size of them in use it waits. Every child got must be Put, or the pool
// runs dry. Errors: the context's cause, ErrClosed, and those of Start.
func (p *Pool) Get(ctx context.Context) (*Proc, error) {
	p.mu.Lock()
	p.setUp()
	p.mu.Unlock()
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-p.ended:
		return nil, ErrClosed
	}
	proc, err := p.take(ctx)
	if err != nil {
		<-p.slots
	}
	return proc, err
}

// take is Get with a slot held.
func (p *Pool) take(ctx context.Context) (*Proc, error) {
	for {
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			return nil, ErrClosed
		}
		n := len(p.idle)
		if n == 0 {
			p.mu.Unlock()
			return Start(ctx, p.New())
		}
		last := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		if last.timer != nil {
			last.timer.Stop()
		}
		if last.proc.Alive() && !last.proc.unasked() {
			return last.proc, nil
		}
		last.proc.Close()
	}
}

// Put gives a child back. One that has ended, is worn out, or talks unasked is
// closed; its place is free at once.
func (p *Pool) Put(proc *Proc) {
	worn := !proc.Alive() || proc.unasked() ||
		p.MaxUses > 0 && proc.Uses() >= p.MaxUses ||
		p.MaxRSS > 0 && proc.r.peak.Load() > p.MaxRSS // as its last exchange saw it
	p.mu.Lock()
	p.setUp()
	keep := !worn && !p.closed
	if keep {
		r := &resting{proc: proc}
		if p.Idle > 0 {
			r.timer = time.AfterFunc(p.Idle, func() { p.retire(r) })
		}
		p.idle = append(p.idle, r)
	}
	p.mu.Unlock()
	if !keep {
		proc.Close()
	}
	<-p.slots
}

// retire ends a child that has been idle for too long, unless it was just taken.
func (p *Pool) retire(r *resting) {
	p.mu.Lock()
	found := false
	for i, other := range p.idle {
		if other == r {
			p.idle = append(p.idle[:i], p.idle[i+1:]...)
			found = true
			break
		}
	}
	p.mu.Unlock()
	if found {
		r.proc.Close()
	}
}

// Len is how many children are idle.
func (p *Pool) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle)
}

// Close ends the idle children and refuses every Get from now on. Children in
// use end when they are Put.
func (p *Pool) Close() {
	p.mu.Lock()
	p.setUp()
	if !p.closed {
		p.closed = true
		close(p.ended)
	}
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, r := range idle {
		if r.timer != nil {
			r.timer.Stop()
		}
		r.proc.Close()
	}
}
