package blobs

import (
	"context"
	"errors"
	"time"

	"github.com/crank-platform/crank"
)

// Pins lists the blobs of a tenant that somebody needs. It need not know of
// those that were put or renewed less than the grace time ago.
type Pins func(ctx context.Context, tenant string) ([]crank.Digest, error)

// Collected says what a collection did.
type Collected struct {
	Removed int
	Bytes   int64 // freed
	Pinned  int   // old, and needed
}

// Collect removes the blobs that were put and renewed longer ago than the grace
// time and that no pins list. A blob that is put or renewed while it looks
// stays. Where the pins of a tenant cannot be had, its blobs stay, and the error
// comes back after the other tenants have been served.
func (b *Blobs) Collect(ctx context.Context, pins ...Pins) (c Collected, err error) {
	than := b.Now().Add(-b.Grace)
	tenants, err := b.Store.Tenants(ctx)
	if err != nil {
		return c, err
	}
	var failed []error
	for _, tenant := range tenants {
		if err := b.collect(ctx, tenant, than, pins, &c); err != nil {
			failed = append(failed, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return c, errors.Join(failed...)
}

func (b *Blobs) collect(ctx context.Context, tenant string, than time.Time, pins []Pins, c *Collected) error {
	needed := map[crank.Digest]bool{}
	for _, p := range pins {
		ds, err := p(ctx, tenant)
		if err != nil {
			return err
		}
		for _, d := range ds {
			needed[d] = true
		}
	}
	for d, err := range b.Store.Older(ctx, tenant, than) {
		if err != nil {
			return err
		}
		if needed[d] {
			c.Pinned++
			continue
		}
		size, removed, err := b.Store.Remove(ctx, tenant, d, than)
		if err != nil {
			return err
		}
		if removed {
			c.Removed++
			c.Bytes += size
		}
	}
	return nil
}

// Run collects now and then until ctx ends.
func (b *Blobs) Run(ctx context.Context, ready func(), pins ...Pins) error {
	ready()
	tick := time.NewTicker(b.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			c, err := b.Collect(ctx, pins...)
			if err != nil && ctx.Err() == nil {
				b.Log.Error("blobs cannot be collected", "err", err)
			}
			if c.Removed > 0 {
				b.Log.Info("blobs collected", "removed", c.Removed, "bytes", c.Bytes, "pinned", c.Pinned)
			}
		}
	}
}
