// Package memory is an auth.Store that forgets: for tests and throw-away nodes.
package memory

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/crank-platform/crank/platform/auth"
)

// Store keeps records in a map. The zero value is ready.
type Store struct {
	mu      sync.Mutex
	records map[string]auth.Record
	pepper  *auth.Digest
}

var _ auth.Store = (*Store)(nil)

// Load implements auth.Store.
func (s *Store) Load(context.Context) ([]auth.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.records)), nil
}

// Put implements auth.Store.
func (s *Store) Put(_ context.Context, r auth.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.records == nil {
		s.records = map[string]auth.Record{}
	}
	if was := s.records[r.Key.ID].Key.LastUsed; was.After(r.Key.LastUsed) {
		r.Key.LastUsed = was
	}
	s.records[r.Key.ID] = r
	return nil
}

// Touch implements auth.Store.
func (s *Store) Touch(_ context.Context, used map[string]time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, at := range used {
		if r, ok := s.records[id]; ok && at.After(r.Key.LastUsed) {
			r.Key.LastUsed = at
			s.records[id] = r
		}
	}
	return nil
}

// Pepper implements auth.Store.
func (s *Store) Pepper(_ context.Context, check auth.Digest) (auth.Digest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pepper == nil {
		s.pepper = &check
	}
	return *s.pepper, nil
}
