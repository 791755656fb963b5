package discovery

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/crank-platform/crank"
)

// Event takes a reader from one snapshot to a later one.
type Event struct {
	Version    uint64            `json:"version"` // of the snapshot that it leads to
	Full       bool              `json:"full,omitempty"`
	Operations []crank.Operation `json:"operations,omitempty"` // new, or with another contract
	Offers     []crank.Offer     `json:"offers,omitempty"`     // new or changed; each names its capability
	Gone       []Gone            `json:"gone,omitempty"`
}

// Gone names an offer that has ended.
type Gone struct {
	Capability crank.Capability `json:"capability"`
	Offer      string           `json:"offer"`
}

// Since returns the event that leads from before to s; Full where before is nil.
// It costs what has changed, not what is known.
func (s *Snapshot) Since(before *Snapshot) Event {
	e := Event{Version: s.version, Full: before == nil}
	if before == nil {
		before = empty
	}
	for c := range before.shelves {
		if s.shelves[c] == nil {
			return s.Since(nil) // the service began anew, since it forgets no capability
		}
	}
	for c, sh := range s.shelves {
		old := before.shelves[c]
		if sh == old {
			continue
		}
		if old == nil {
			old = &shelf{}
		}
		if sh.op != old.op {
			e.Operations = append(e.Operations, *sh.op)
		}
		for i, o := range sh.offers {
			if j, found := old.find(o.ID); !found || old.revs[j] != sh.revs[i] {
				e.Offers = append(e.Offers, o)
			}
		}
		for _, o := range old.offers {
			if _, stays := sh.find(o.ID); !stays {
				e.Gone = append(e.Gone, Gone{c, o.ID})
			}
		}
	}
	return e
}

// Apply returns the snapshot that e leads to from s. An offer of an operation
// that was never told is left out: nothing could call it.
func (s *Snapshot) Apply(e Event) *Snapshot {
	if e.Full {
		s = empty
	}
	changed := map[crank.Capability]*shelf{}
	of := func(c crank.Capability) *shelf {
		if sh := changed[c]; sh != nil {
			return sh
		}
		return s.shelves[c]
	}
	for _, op := range e.Operations {
		next := shelf{}
		if sh := of(op.Capability); sh != nil {
			next = *sh
		}
		next.op = &op
		changed[op.Capability] = &next
	}
	for _, g := range e.Gone {
		if sh := of(g.Capability); sh != nil {
			changed[g.Capability] = sh.drop(g.Offer)
		}
	}
	for _, o := range e.Offers {
		if sh := of(o.Capability); sh != nil {
			changed[o.Capability] = sh.put(o, e.Version)
		}
	}
	return s.with(e.Version, changed)
}

// Board shows the newest snapshot to readers and wakes those who watch. The
// zero value shows an empty snapshot.
type Board struct {
	current atomic.Pointer[Snapshot]
	mu      sync.Mutex
	changed chan struct{} // closed at the next Show
}

// Snapshot returns what was shown last.
func (b *Board) Snapshot() *Snapshot {
	if s := b.current.Load(); s != nil {
		return s
	}
	return empty
}

// Show replaces what readers see.
func (b *Board) Show(s *Snapshot) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.current.Store(s)
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

// Changed returns a channel that is closed at the next Show. Ask for it before
// the snapshot, so that no change falls between the two.
func (b *Board) Changed() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.changed == nil {
		b.changed = make(chan struct{})
	}
	return b.changed
}

// Watch is Service.Watch. It compares what the reader has with what is shown,
// so it keeps no queue and a slow reader costs nothing.
func (b *Board) Watch(ctx context.Context) <-chan Event {
	out := make(chan Event)
	go func() {
		defer close(out)
		var seen *Snapshot
		for {
			changed, now := b.Changed(), b.Snapshot()
			if now != seen {
				select {
				case out <- now.Since(seen):
				case <-ctx.Done():
					return
				}
				seen = now
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}
