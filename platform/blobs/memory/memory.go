// Package memory keeps blobs in memory: for tests and for nodes that may forget.
package memory

import (
	"bytes"
	"context"
	"io"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/blobs"
)

// Store is a store of blobs; its zero value is empty and ready.
type Store struct {
	mu sync.RWMutex
	m  map[string]map[crank.Digest]blob
}

type blob struct {
	bytes []byte // never changed
	kept  time.Time
}

var _ blobs.Store = (*Store)(nil)

// Draft implements blobs.Store.
func (s *Store) Draft(_ context.Context, tenant string) (blobs.Draft, error) {
	if err := blobs.CheckTenant(tenant); err != nil {
		return nil, err
	}
	return &draft{s: s, tenant: tenant}, nil
}

type draft struct {
	bytes.Buffer
	s      *Store
	tenant string
}

func (d *draft) Keep(digest crank.Digest, now time.Time) error {
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	if d.s.m == nil {
		d.s.m = map[string]map[crank.Digest]blob{}
	}
	if d.s.m[d.tenant] == nil {
		d.s.m[d.tenant] = map[crank.Digest]blob{}
	}
	d.s.m[d.tenant][digest] = blob{bytes.Clone(d.Bytes()), now}
	return nil
}

func (d *draft) Drop() error { return nil }

func (s *Store) find(tenant string, d crank.Digest) (blob, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, ok := s.m[tenant][d]
	if !ok {
		return b, blobs.Unknown(d)
	}
	return b, nil
}

// Open implements blobs.Store.
func (s *Store) Open(_ context.Context, tenant string, d crank.Digest) (io.ReadCloser, int64, error) {
	b, err := s.find(tenant, d)
	if err != nil {
		return nil, 0, err
	}
	return io.NopCloser(bytes.NewReader(b.bytes)), int64(len(b.bytes)), nil
}

// Stat implements blobs.Store.
func (s *Store) Stat(_ context.Context, tenant string, d crank.Digest) (int64, error) {
	b, err := s.find(tenant, d)
	return int64(len(b.bytes)), err
}

// Renew implements blobs.Store.
func (s *Store) Renew(_ context.Context, tenant string, d crank.Digest, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.m[tenant][d]
	if !ok {
		return blobs.Unknown(d)
	}
	b.kept = now
	s.m[tenant][d] = b
	return nil
}

// Tenants implements blobs.Store.
func (s *Store) Tenants(context.Context) ([]string, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.m)), nil
}

// Older implements blobs.Store.
func (s *Store) Older(_ context.Context, tenant string, than time.Time) iter.Seq2[crank.Digest, error] {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var old []crank.Digest
	for d, b := range s.m[tenant] {
		if b.kept.Before(than) {
			old = append(old, d)
		}
	}
	return func(yield func(crank.Digest, error) bool) {
		for _, d := range old {
			if !yield(d, nil) {
				return
			}
		}
	}
}

// Remove implements blobs.Store.
func (s *Store) Remove(_ context.Context, tenant string, d crank.Digest, than time.Time) (int64, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.m[tenant][d]
	if !ok || !b.kept.Before(than) {
		return 0, false, nil
	}
	delete(s.m[tenant], d)
	return int64(len(b.bytes)), true, nil
}
