// Package memory keeps jobs in memory: for tests and for nodes that may forget.
package memory

import (
	"bytes"
	"context"
	"iter"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/jobs"
)

// Store is a store of jobs; its zero value is empty and ready.
type Store struct {
	mu   sync.RWMutex
	seq  int
	list []*row // by seq, which only grows
	ids  map[string]*row
	keys map[crank.Digest]*row
}

type row struct {
	jobs.Entry
	seq int
}

var _ jobs.Store = (*Store)(nil)

func (s *Store) byKey(key crank.Digest, now time.Time) *row {
	if r := s.keys[key]; r != nil && now.Before(r.KeyExpires) {
		return r
	}
	return nil
}

// Add implements jobs.Store.
func (s *Store) Add(_ context.Context, e jobs.Entry, now time.Time) (jobs.Entry, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids == nil {
		s.ids, s.keys = map[string]*row{}, map[crank.Digest]*row{}
	}
	if !e.Key.IsZero() {
		if r := s.byKey(e.Key, now); r != nil {
			return r.Entry, false, nil
		}
	}
	s.seq++
	r := &row{e, s.seq}
	s.list = append(s.list, r)
	s.ids[e.Job.ID] = r
	if !e.Key.IsZero() {
		s.keys[e.Key] = r
	}
	return e, true, nil
}

// Get implements jobs.Store.
func (s *Store) Get(_ context.Context, tenant, id string) (jobs.Entry, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := s.ids[id]
	if r == nil || r.Job.Tenant != tenant {
		return jobs.Entry{}, jobs.Unknown(id)
	}
	return r.Entry, nil
}

// ByKey implements jobs.Store.
func (s *Store) ByKey(_ context.Context, key crank.Digest, now time.Time) (jobs.Entry, bool, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if r := s.byKey(key, now); r != nil {
		return r.Entry, true, nil
	}
	return jobs.Entry{}, false, nil
}

// List implements jobs.Store.
func (s *Store) List(_ context.Context, tenant string, f jobs.Filter, cursor string) (page []crank.Job, next string, err error) {
	before, err := jobs.ParseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, r := range slices.Backward(s.list) {
		if int64(r.seq) >= before || r.Job.Tenant != tenant || !f.Takes(r.Job) {
			continue
		}
		if len(page) == f.Size() {
			return page, next, nil
		}
		job := r.Job
		job.Output = nil
		page, next = append(page, job), strconv.Itoa(r.seq)
	}
	return page, "", nil
}

// Pending implements jobs.Store.
func (s *Store) Pending(context.Context) iter.Seq2[jobs.Entry, error] {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var pending []jobs.Entry
	for _, r := range s.list {
		if !r.Job.State.Final() {
			pending = append(pending, r.Entry)
		}
	}
	return func(yield func(jobs.Entry, error) bool) {
		for _, e := range pending {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// Swap implements jobs.Store.
func (s *Store) Swap(_ context.Context, e jobs.Entry, from crank.JobState, attempt int) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.ids[e.Job.ID]
	if r == nil || r.Job.Tenant != e.Job.Tenant || r.Job.State != from || r.Job.Attempt != attempt {
		return false, nil
	}
	r.Job, r.Cancelled = e.Job, e.Cancelled
	r.Job.Output = bytes.Clone(e.Job.Output)
	return true, nil
}

// Sweep implements jobs.Store.
func (s *Store) Sweep(_ context.Context, before, now time.Time) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.list)
	s.list = slices.DeleteFunc(s.list, func(r *row) bool {
		current := s.keys[r.Key] == r
		if !r.Job.State.Final() || !r.Job.Ended.Before(before) || current && now.Before(r.KeyExpires) {
			return false
		}
		delete(s.ids, r.Job.ID)
		if current {
			delete(s.keys, r.Key)
		}
		return true
	})
	return n - len(s.list), nil
}

// Pinned implements jobs.Store.
func (s *Store) Pinned(_ context.Context, tenant string) (pinned []crank.Digest, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	seen := map[crank.Digest]bool{}
	for _, r := range s.list {
		if r.Job.Tenant != tenant {
			continue
		}
		ds, err := r.Blobs()
		if err != nil {
			return nil, err
		}
		for _, d := range ds {
			if !seen[d] {
				seen[d] = true
				pinned = append(pinned, d)
			}
		}
	}
	return pinned, nil
}
