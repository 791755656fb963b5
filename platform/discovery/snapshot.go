package discovery

import (
	"cmp"
	"maps"
	"slices"

	"github.com/crank-platform/crank"
)

// Snapshot is everything that is offered at one moment. It never changes, so it
// is read without a lock; what it returns is shared and must not be written to.
type Snapshot struct {
	version uint64
	shelves map[crank.Capability]*shelf
	newest  map[string]crank.Capability // name without major -> the major that it means
}

// shelf holds one capability. It is never changed after it is in a snapshot.
type shelf struct {
	op       *crank.Operation // another pointer means that it has changed
	contract crank.Digest
	offers   []crank.Offer // by id
	revs     []uint64      // revs[i] is the version that last changed offers[i]
}

var empty = &Snapshot{}

// Version grows with each change. It begins again when the service restarts.
func (s *Snapshot) Version() uint64 { return s.version }

// Operation returns the contract of a capability. One without @major means its
// newest major that is offered or, where none is, the newest that is known. A
// capability stays known after its last offer has gone.
func (s *Snapshot) Operation(c crank.Capability) (crank.Operation, bool) {
	if sh := s.shelf(c); sh != nil {
		return *sh.op, true
	}
	return crank.Operation{}, false
}

// Offers returns the offers of a capability in order of their ids, the
// unhealthy ones included; a lease may have ended since.
func (s *Snapshot) Offers(c crank.Capability) []crank.Offer {
	if sh := s.shelf(c); sh != nil {
		return sh.offers
	}
	return nil
}

// Capabilities returns every operation that is known, in order of capability.
func (s *Snapshot) Capabilities() []crank.Operation {
	all := make([]crank.Operation, 0, len(s.shelves))
	for _, sh := range s.shelves {
		all = append(all, *sh.op)
	}
	slices.SortFunc(all, func(a, b crank.Operation) int {
		return cmp.Or(cmp.Compare(a.Capability.Name(), b.Capability.Name()), cmp.Compare(a.Capability.Major(), b.Capability.Major()))
	})
	return all
}

func (s *Snapshot) shelf(c crank.Capability) *shelf {
	if sh, ok := s.shelves[c]; ok {
		return sh
	}
	return s.shelves[s.newest[string(c)]] // nil for a name with another @major, or unknown
}

// with returns a snapshot in which changed shelves replace those of s.
func (s *Snapshot) with(version uint64, changed map[crank.Capability]*shelf) *Snapshot {
	next := &Snapshot{version: version, shelves: make(map[crank.Capability]*shelf, len(s.shelves)+1), newest: s.newest}
	maps.Copy(next.shelves, s.shelves)
	maps.Copy(next.shelves, changed)
	for c, sh := range changed {
		if old := s.shelves[c]; old != nil && (len(old.offers) > 0) == (len(sh.offers) > 0) {
			continue // what its name means stays the same
		}
		newest := make(map[string]crank.Capability, len(next.newest)+1)
		maps.Copy(newest, next.newest)
		newest[c.Name()] = next.findNewest(c.Name())
		next.newest = newest
	}
	return next
}

func (s *Snapshot) findNewest(name string) (best crank.Capability) {
	offered := false
	for c, sh := range s.shelves {
		if c.Name() != name {
			continue
		}
		has := len(sh.offers) > 0
		if has && !offered || has == offered && c.Major() > best.Major() {
			best, offered = c, has
		}
	}
	return best
}

// put returns sh with the offer added or changed.
func (sh *shelf) put(o crank.Offer, rev uint64) *shelf {
	next := *sh
	i, found := sh.find(o.ID)
	next.offers, next.revs = slices.Clone(sh.offers), slices.Clone(sh.revs)
	if !found {
		next.offers, next.revs = slices.Insert(next.offers, i, o), slices.Insert(next.revs, i, rev)
	}
	next.offers[i], next.revs[i] = o, rev
	return &next
}

// drop returns sh without the offer.
func (sh *shelf) drop(id string) *shelf {
	i, found := sh.find(id)
	if !found {
		return sh
	}
	next := *sh
	next.offers = slices.Delete(slices.Clone(sh.offers), i, i+1)
	next.revs = slices.Delete(slices.Clone(sh.revs), i, i+1)
	return &next
}

func (sh *shelf) find(id string) (int, bool) {
	return slices.BinarySearchFunc(sh.offers, id, func(o crank.Offer, id string) int { return cmp.Compare(o.ID, id) })
}
