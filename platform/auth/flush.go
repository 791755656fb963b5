package auth

import (
	"context"
	"time"

	"github.com/crank-platform/crank"
)

const flushEvery = time.Minute

// Run writes down once a minute, and once more at the end, when keys were last
// used. It returns when ctx ends: nil, or why the last writing failed.
func (k *Keyring) Run(ctx context.Context) error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := k.Flush(ctx); err != nil {
				k.log.WarnContext(ctx, "when keys were last used is not written; it will be tried again", "error", err)
			}
		case <-ctx.Done():
			return k.Flush(context.WithoutCancel(ctx))
		}
	}
}

// Flush writes down when the keys used since the last flush were used.
func (k *Keyring) Flush(ctx context.Context) error {
	k.flush.Lock()
	defer k.flush.Unlock()
	used, at := map[string]time.Time{}, map[*usage]int64{}
	k.read.RLock()
	for id, e := range k.keys {
		if us := e.used.at.Load(); us > e.used.flushed {
			used[id], at[e.used] = time.UnixMicro(us).UTC(), us
		}
	}
	k.read.RUnlock()
	if len(used) == 0 {
		return nil
	}
	if err := k.store.Touch(ctx, used); err != nil {
		return crank.Wrap(crank.CodeStore, err, "when %d API keys were last used could not be written", len(used))
	}
	for u, us := range at {
		u.flushed = us
	}
	return nil
}
