// Package memory keeps claims in memory: for tests and for nodes that may forget.
package memory

import (
	"context"
	"sync"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/dispatch"
)

// Claims is a store of claims; its zero value is empty and ready.
type Claims struct {
	mu sync.RWMutex
	m  map[key]dispatch.Claim
}

type key struct {
	scope string
	hash  crank.Digest
}

var _ dispatch.Claims = (*Claims)(nil)

// Get implements dispatch.Claims.
func (c *Claims) Get(_ context.Context, scope string, hash crank.Digest, now time.Time) (dispatch.Claim, bool, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	claim, ok := c.m[key{scope, hash}]
	return claim, ok && now.Before(claim.Expires), nil
}

// Put implements dispatch.Claims.
func (c *Claims) Put(_ context.Context, claim dispatch.Claim) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil {
		c.m = map[key]dispatch.Claim{}
	}
	c.m[key{claim.Scope, claim.Hash}] = claim
	return nil
}

// Drop implements dispatch.Claims.
func (c *Claims) Drop(_ context.Context, scope string, hash crank.Digest) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.m, key{scope, hash})
	return nil
}

// Sweep implements dispatch.Claims.
func (c *Claims) Sweep(_ context.Context, now time.Time) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for k, claim := range c.m {
		if !now.Before(claim.Expires) {
			delete(c.m, k)
			n++
		}
	}
	return n, nil
}

// Pinned implements dispatch.Claims.
func (c *Claims) Pinned(_ context.Context, tenant string) ([]crank.Digest, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var pinned []crank.Digest
	for _, claim := range c.m {
		if claim.Tenant != tenant {
			continue
		}
		refs, err := crank.BlobRefs(claim.Output)
		if err != nil {
			return nil, err
		}
		for _, r := range refs {
			pinned = append(pinned, r.Digest)
		}
	}
	return pinned, nil
}
