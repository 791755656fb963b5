// Package memory is a secrets.Store that forgets: for tests and throw-away nodes.
package memory

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/crank-platform/crank/platform/secrets"
)

// Store keeps sealed secrets in a map. The zero value is ready.
type Store struct {
	mu     sync.Mutex
	check  []byte
	sealed map[place]secrets.Sealed
}

type place struct{ tenant, name string }

var _ secrets.Store = (*Store)(nil)

// Check implements secrets.Store.
func (s *Store) Check(_ context.Context, fresh []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.check == nil {
		s.check = slices.Clone(fresh)
	}
	return slices.Clone(s.check), nil
}

// Put implements secrets.Store.
func (s *Store) Put(_ context.Context, x secrets.Sealed) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := place{x.Tenant, x.Name}
	if s.sealed[at].Version != x.Version-1 {
		return secrets.ErrChanged
	}
	if s.sealed == nil {
		s.sealed = map[place]secrets.Sealed{}
	}
	s.sealed[at] = x
	return nil
}

// Get implements secrets.Store.
func (s *Store) Get(_ context.Context, tenant, name string) (secrets.Sealed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, ok := s.sealed[place{tenant, name}]
	if !ok {
		return secrets.Sealed{}, secrets.ErrNone
	}
	return x, nil
}

// List implements secrets.Store.
func (s *Store) List(_ context.Context, tenant string) ([]secrets.Sealed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []secrets.Sealed
	for at, x := range s.sealed {
		if at.tenant == tenant {
			all = append(all, x)
		}
	}
	slices.SortFunc(all, func(a, b secrets.Sealed) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// Delete implements secrets.Store.
func (s *Store) Delete(_ context.Context, tenant, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.sealed[place{tenant, name}]; !ok {
		return secrets.ErrNone
	}
	delete(s.sealed, place{tenant, name})
	return nil
}

// Reseal implements secrets.Store.
func (s *Store) Reseal(_ context.Context, check []byte, reseal func(secrets.Sealed) ([]byte, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := maps.Clone(s.sealed)
	for at, x := range all {
		var err error
		if x.Box, err = reseal(x); err != nil {
			return err
		}
		all[at] = x
	}
	s.sealed, s.check = all, slices.Clone(check)
	return nil
}
