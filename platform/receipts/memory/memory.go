// Package memory keeps a journal in memory: for tests, and for nodes that are
// thrown away. What it holds ends with the process.
package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/receipts"
)

// Store is a receipts.Store in memory. The zero value is an empty one.
type Store struct {
	mu      sync.RWMutex
	log     []receipts.Stored // [i] is of seq i+1
	epochs  []receipts.Epoch
	closed  map[receipts.CallID]uint64
	carried receipts.Carried

	progress receipts.Progress
	items    []receipts.Item
	sums     map[sumKey]receipts.Sum

	salts map[string][32]byte
	keys  map[subject]receipts.SubjectKey
}

type sumKey struct {
	day   int64
	group receipts.Group
	label receipts.Label
}

type subject struct {
	tenant string
	who    crank.Digest
}

var _ receipts.Store = (*Store)(nil)

// New returns an empty store.
func New() *Store { return &Store{} }

// State returns where the log stands.
func (s *Store) State(context.Context) (receipts.State, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return receipts.State{Seq: uint64(len(s.log)), Epochs: slices.Clone(s.epochs), Pruned: s.carried.Mark}, nil
}

// Commit appends entries, all or none.
func (s *Store) Commit(_ context.Context, entries []receipts.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var twice []int
	fresh := map[receipts.CallID]uint64{}
	for i, e := range entries {
		if e.Seq != uint64(len(s.log)+i+1) {
			return crank.E(crank.CodeJournal, "record %d does not follow record %d", e.Seq, len(s.log)+i)
		}
		if e.Closes == (receipts.CallID{}) {
			continue
		}
		if s.closed[e.Closes] != 0 || fresh[e.Closes] != 0 {
			twice = append(twice, i)
		}
		fresh[e.Closes] = e.Seq
	}
	if twice != nil {
		return &receipts.Duplicate{At: twice}
	}
	if s.closed == nil {
		s.closed = map[receipts.CallID]uint64{}
	}
	maps.Copy(s.closed, fresh)
	for _, e := range entries {
		e.Bytes = slices.Clone(e.Bytes)
		s.log = append(s.log, e.Stored)
		if e.Begins {
			s.epochs = append(s.epochs, receipts.Epoch{Epoch: e.Epoch, FirstSeq: e.Seq})
		}
	}
	return nil
}

// Read returns records in order.
func (s *Store) Read(_ context.Context, after uint64, limit int) ([]receipts.Stored, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if after >= uint64(len(s.log)) {
		return nil, nil
	}
	run := s.log[after:]
	out := slices.Clone(run[:min(limit, len(run))])
	for i := range out {
		out[i].Bytes = slices.Clone(out[i].Bytes)
	}
	return out, nil
}

// Closed returns the seq of a call's receipt, 0 for none.
func (s *Store) Closed(_ context.Context, call receipts.CallID) (uint64, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.closed[call], nil
}

// Prune replaces records by their leaves.
func (s *Store) Prune(_ context.Context, p receipts.Pruning) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.carried.Seq
	if p.Seq != at+uint64(len(p.Leaves)) || p.Seq > uint64(len(s.log)) {
		return crank.E(crank.CodeJournal, "the records up to %d cannot be pruned after %d", p.Seq, at)
	}
	for i, leaf := range p.Leaves {
		e := &s.log[at+uint64(i)]
		*e = receipts.Stored{Epoch: e.Epoch, Seq: e.Seq, Pruned: leaf}
	}
	for _, call := range p.Calls {
		delete(s.closed, call)
	}
	s.carried.Mark = p.Mark
	heads := maps.Clone(s.carried.Heads)
	if heads == nil {
		heads = map[string]receipts.Link{}
	}
	maps.Copy(heads, p.Heads)
	s.carried.Heads = heads
	all := map[sumKey]receipts.Sum{}
	addTo(all, s.carried.Sums)
	addTo(all, p.Sums)
	s.carried.Sums = slices.Collect(maps.Values(all))
	return nil
}

// Carried returns what is kept of pruned records.
func (s *Store) Carried(context.Context) (receipts.Carried, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.carried, nil
}

// Tidy has nothing to do.
func (s *Store) Tidy(context.Context) error { return nil }

func addTo(all map[sumKey]receipts.Sum, sums []receipts.Sum) {
	for _, sum := range sums {
		k := sumKey{sum.Day, sum.Group, sum.Label}
		if have, ok := all[k]; ok {
			have.Add(sum.Count, sum.Price)
			sum = have
		}
		all[k] = sum
	}
}

// Progress returns what the views stand for.
func (s *Store) Progress(context.Context) (receipts.Progress, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	p := receipts.Progress{Mark: s.progress.Mark, Heads: map[string]receipts.Link{}, Open: map[receipts.CallID]uint64{}}
	maps.Copy(p.Heads, s.progress.Heads)
	maps.Copy(p.Open, s.progress.Open)
	return p, nil
}

// Apply takes a change in.
func (s *Store) Apply(_ context.Context, d receipts.Delta) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sums == nil {
		s.sums = map[sumKey]receipts.Sum{}
		s.progress.Heads = map[string]receipts.Link{}
		s.progress.Open = map[receipts.CallID]uint64{}
	}
	s.progress.Mark = d.Mark
	s.items = append(s.items, d.Items...)
	addTo(s.sums, d.Sums)
	maps.Copy(s.progress.Heads, d.Heads)
	for _, call := range d.Closed {
		delete(s.progress.Open, call)
	}
	maps.Copy(s.progress.Open, d.Open)
	return nil
}

// Reset empties the views.
func (s *Store) Reset(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.progress, s.items, s.sums = receipts.Progress{}, nil, nil
	return nil
}

// Seqs looks at every receipt: right, and as slow as that.
func (s *Store) Seqs(_ context.Context, q receipts.Query, label receipts.Label, after, before uint64, limit int) ([]uint64, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	end, _ := slices.BinarySearchFunc(s.items, before, func(i receipts.Item, seq uint64) int { return cmp.Compare(i.Seq, seq) })
	var seqs []uint64
	for _, item := range slices.Backward(s.items[:end]) {
		if item.Seq <= after || len(seqs) == limit {
			break
		}
		if item.Group.Selected(q) && (label == (receipts.Label{}) || slices.Contains(item.Labels, label)) {
			seqs = append(seqs, item.Seq)
		}
	}
	return seqs, nil
}

// Sums calls f with each sum.
func (s *Store) Sums(_ context.Context, tenant string, first, last int64, f func(receipts.Sum) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, sum := range s.sums {
		if sum.Day < first || sum.Day > last || tenant != "" && sum.Group.Tenant != tenant {
			continue
		}
		if err := f(sum); err != nil {
			return err
		}
	}
	return nil
}

// TenantSalt returns the tenant's salt.
func (s *Store) TenantSalt(_ context.Context, tenant string, fresh [32]byte) ([32]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if salt, ok := s.salts[tenant]; ok {
		return salt, nil
	}
	if s.salts == nil {
		s.salts = map[string][32]byte{}
	}
	s.salts[tenant] = fresh
	return fresh, nil
}

// SubjectKey returns the key kept for who.
func (s *Store) SubjectKey(_ context.Context, tenant string, who crank.Digest, fresh receipts.SubjectKey) (receipts.SubjectKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key, ok := s.keys[subject{tenant, who}]; ok {
		return key, nil
	}
	if s.keys == nil {
		s.keys = map[subject]receipts.SubjectKey{}
	}
	s.keys[subject{tenant, who}] = fresh
	return fresh, nil
}

// KeyByID returns a tenant's key by its id.
func (s *Store) KeyByID(_ context.Context, tenant string, id [16]byte) (receipts.SubjectKey, bool, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for of, key := range s.keys {
		if of.tenant == tenant && key.ID == id {
			return key, true, nil
		}
	}
	return receipts.SubjectKey{}, false, nil
}

// EraseKey destroys the key kept for who.
func (s *Store) EraseKey(_ context.Context, tenant string, who crank.Digest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.keys, subject{tenant, who})
	return nil
}
