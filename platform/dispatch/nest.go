package dispatch

import (
	"sync"
	"sync/atomic"

	"github.com/crank-platform/crank"
)

// nest puts a call under its parent: the parent must be under way for the same
// tenant, its deadline bounds the child's, and of a maximum price that it was
// given, what it and its other children hold is no longer there.
func (d *Dispatcher) nest(s *state) error {
	if s.call.Parent == "" {
		return nil
	}
	p := d.active.find(s.call.Parent)
	if p == nil || p.call.Principal.Tenant != s.call.Principal.Tenant {
		return crank.E(crank.CodeNotFound, "the parent call %.80q is not under way", s.call.Parent)
	}
	if s.call.Deadline.IsZero() || p.call.Deadline.Before(s.call.Deadline) {
		s.call.Deadline = p.call.Deadline
	}
	if s.call.Trace == "" {
		s.call.Trace = p.call.Trace
	}
	most := p.call.Constraints.MaxPrice
	if most.Asset == "" {
		return nil
	}
	left := crank.Money{Micros: most.Micros - p.hold.Amount.Micros - d.active.held(s.call.Parent), Asset: most.Asset}
	if left.Micros <= 0 {
		return crank.E(crank.CodePriceCap, "nothing is left of the parent's maximum price of %s", most)
	}
	if own := s.call.Constraints.MaxPrice; own.Asset == "" || own.Asset == left.Asset && own.Micros > left.Micros {
		s.call.Constraints.MaxPrice = left
	}
	return nil
}

// active are the calls that have been sent and not yet settled.
type active struct {
	mu sync.RWMutex
	m  map[string]*state
}

func (a *active) add(s *state) (remove func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.m == nil {
		a.m = map[string]*state{}
	}
	a.m[s.call.ID] = s
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.m, s.call.ID)
	}
}

func (a *active) find(call string) *state {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.m[call]
}

// held sums what the children of a call hold just now.
func (a *active) held(parent string) (sum crank.Micros) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	for _, s := range a.m {
		if s.call.Parent == parent {
			sum += s.hold.Amount.Micros
		}
	}
	return sum
}

// bulkhead bounds the calls of one tenant at once, so that none can take the
// whole node.
type bulkhead struct {
	most int64
	m    sync.Map // tenant -> *atomic.Int64
}

func (b *bulkhead) enter(tenant string) error {
	n, ok := b.m.Load(tenant)
	if !ok {
		n, _ = b.m.LoadOrStore(tenant, new(atomic.Int64))
	}
	if n.(*atomic.Int64).Add(1) > b.most {
		b.leave(tenant)
		return crank.E(crank.CodeOverloaded, "the tenant has %d calls under way", b.most).After(overloadPause)
	}
	return nil
}

func (b *bulkhead) leave(tenant string) {
	if n, ok := b.m.Load(tenant); ok {
		n.(*atomic.Int64).Add(-1)
	}
}
