// Package memory is a tenancy.Store that forgets: for tests and throw-away nodes.
package memory

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/crank-platform/crank/platform/tenancy"
)

// Store keeps units in a map. The zero value is ready.
type Store struct {
	mu    sync.Mutex
	units map[string]tenancy.Unit
}

var _ tenancy.Store = (*Store)(nil)

// All implements tenancy.Store.
func (s *Store) All(context.Context) ([]tenancy.Unit, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.units)), nil
}

// Put implements tenancy.Store.
func (s *Store) Put(_ context.Context, u tenancy.Unit) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.units {
		if v.ID != u.ID && v.Archived.IsZero() && u.Archived.IsZero() && v.Name == u.Name && v.Parent() == u.Parent() {
			return tenancy.ErrNameTaken
		}
	}
	if s.units == nil {
		s.units = map[string]tenancy.Unit{}
	}
	s.units[u.ID] = u
	return nil
}
