// Package memory is a ledger.Store that keeps the last saved State in memory: for
// nodes without a data directory, and for tests, where it plays the disk that
// outlives a crash.
package memory

import (
	"context"
	"slices"
	"sync"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/ledger"
)

// Store is safe for concurrent use. The zero value is empty.
type Store struct {
	mu       sync.Mutex
	applied  uint64
	tallies  map[tallyKey]ledger.Tally
	balances map[balanceKey]ledger.Balance
	holds    map[string]crank.Hold
}

type tallyKey struct {
	tenant string
	level  crank.Level
	id     string
	asset  crank.Asset
}

type balanceKey struct {
	account crank.Account
	asset   crank.Asset
}

var _ ledger.Store = (*Store)(nil)

// Load implements ledger.Store.
func (s *Store) Load(context.Context) (ledger.State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return ledger.State{Applied: s.applied, Tallies: values(s.tallies), Balances: values(s.balances), Holds: values(s.holds)}, nil
}

func values[K comparable, V any](m map[K]V) []V {
	all := make([]V, 0, len(m))
	for _, v := range m {
		all = append(all, v)
	}
	return slices.Clip(all)
}

// Save implements ledger.Store.
func (s *Store) Save(ctx context.Context, d ledger.Delta) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tallies == nil {
		s.tallies, s.balances, s.holds = map[tallyKey]ledger.Tally{}, map[balanceKey]ledger.Balance{}, map[string]crank.Hold{}
	}
	s.applied = d.Applied
	for _, t := range d.Tallies {
		s.tallies[tallyKey{t.Tenant, t.Level, t.ID, t.Asset}] = t
	}
	for _, b := range d.Balances {
		s.balances[balanceKey{b.Account, b.Asset}] = b
	}
	for _, h := range d.Holds {
		s.holds[h.Ref] = h
	}
	for _, ref := range d.Ended {
		delete(s.holds, ref)
	}
	return nil
}
