package opa

import (
	"hash/maphash"
	"unsafe"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/crank-platform/crank"
)

// shards keep callers on many cores from waiting for one another. A power of two.
const shards = 16

// cache remembers decisions by what the policy read to make them, the least
// recently used giving way. Whole keys are compared, never hashes alone.
type cache struct {
	seed   maphash.Seed
	shards [shards]*lru.Cache[string, *crank.Decision]
}

func newCache(size int) (*cache, error) {
	c := &cache{seed: maphash.MakeSeed()}
	for i := range c.shards {
		shard, err := lru.New[string, *crank.Decision](max(1, size/shards))
		if err != nil {
			return nil, err
		}
		c.shards[i] = shard
	}
	return c, nil
}

func (c *cache) of(key []byte) *lru.Cache[string, *crank.Decision] {
	return c.shards[maphash.Bytes(c.seed, key)%shards]
}

func (c *cache) get(key []byte) (crank.Decision, bool) {
	// Get compares the key and keeps nothing of it, so it may see the bytes as
	// they are: a copy would be the only allocation of a hit.
	d, ok := c.of(key).Get(unsafe.String(unsafe.SliceData(key), len(key)))
	if !ok {
		return crank.Decision{}, false
	}
	return *d, true
}

func (c *cache) put(key []byte, d crank.Decision) { c.of(key).Add(string(key), &d) }
