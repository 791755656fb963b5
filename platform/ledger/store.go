package ledger

import (
	"context"
	"time"

	"github.com/crank-platform/crank"
)

// Store keeps what a Book has applied. It is a convenience, not an authority: an
// older State is made whole from the journal.
type Store interface {
	// Load returns what the last Save left; the zero State before the first.
	Load(ctx context.Context) (State, error)
	// Save makes the changes wholly or not at all. The same Delta may come again
	// when the first Save failed, or seemed to.
	Save(ctx context.Context, d Delta) error
}

// State is a Book's books at one moment, in no order.
type State struct {
	Applied  uint64 // Seq of the last record in it
	Tallies  []Tally
	Balances []Balance
	Holds    []crank.Hold // pending ones that a record stands for
}

// Delta is what has changed. Each part replaces the one of the same key (level
// and asset, account and asset, ref).
type Delta struct {
	State
	Ended []string // refs of holds to delete, if they are there
}

// Tally is what one level has spent in one asset, by day, month and in total,
// and its limits there.
type Tally struct {
	Tenant  string
	Level   crank.Level
	ID      string
	Asset   crank.Asset
	Periods [periods]PeriodTally
}

// changes is what has not been saved yet.
type changes struct {
	records  int
	purses   []*purse
	balances []*balance
	holds    map[string]*hold
}

func (b *Book) touchPurse(p *purse) {
	if !p.dirty {
		p.dirty = true
		b.changes.purses = append(b.changes.purses, p)
	}
}

func (b *Book) touchBalance(a *balance) {
	if !a.dirty {
		a.dirty = true
		b.changes.balances = append(b.changes.balances, a)
	}
}

// touchHold leaves out what the store need never know: a hold that no record
// stands for, and one that came and went between two saves.
func (b *Book) touchHold(h *hold) {
	switch {
	case !h.durable:
	case h.state != pending && !h.saved:
		delete(b.changes.holds, h.ref)
	default:
		if b.changes.holds == nil {
			b.changes.holds = map[string]*hold{}
		}
		b.changes.holds[h.ref] = h
	}
}

// Save writes what has changed since the last Save. What fails to be written
// stays to be saved.
func (b *Book) Save(ctx context.Context) error {
	b.saving.Lock()
	defer b.saving.Unlock()
	c, delta := b.collect()
	if c.records == 0 && len(c.holds) == 0 {
		return nil
	}
	if err := b.c.Store.Save(ctx, delta); err != nil {
		b.putBack(c)
		return crank.Wrap(crank.CodeStore, err, "the ledger cannot be saved")
	}
	return nil
}

// collect copies what has changed, as it stands at one moment.
func (b *Book) collect() (changes, Delta) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.changes
	b.changes = changes{}
	d := Delta{State: State{Applied: b.applied}}
	for _, p := range c.purses {
		p.dirty = false
		d.Tallies = append(d.Tallies, p.public())
	}
	for _, a := range c.balances {
		a.dirty = false
		d.Balances = append(d.Balances, a.Balance)
	}
	for ref, h := range c.holds {
		if h.state == pending {
			h.saved = true
			d.Holds = append(d.Holds, h.public())
		} else {
			d.Ended = append(d.Ended, ref)
		}
	}
	return c, d
}

func (b *Book) putBack(c changes) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changes.records += c.records
	for _, p := range c.purses {
		b.touchPurse(p)
	}
	for _, a := range c.balances {
		b.touchBalance(a)
	}
	for _, h := range c.holds {
		b.touchHold(h)
	}
}

func (p *purse) public() Tally {
	return Tally{p.of.tenant, p.of.level, p.of.id, p.asset, p.tally}
}

// restore fills an empty Book.
func (b *Book) restore(s State) {
	b.applied = s.Applied
	for _, t := range s.Tallies {
		p := b.purse(t.Tenant, t.Level, t.ID, t.Asset)
		for i, period := range t.Periods {
			p.limit(i, period.Limit)
		}
		p.tally = t.Periods
	}
	for _, a := range s.Balances {
		b.balance(a.Account, a.Asset).Micros = a.Micros
	}
	for _, h := range s.Holds {
		b.retake(h, true, b.c.Now().UnixMicro())
	}
	b.changes = changes{} // the store has it all
}

// Run saves in the background and lets holds expire, until ctx ends; then it
// saves once more. A store that fails is told once, tried again each time, and
// holds nothing up.
func (b *Book) Run(ctx context.Context) error {
	tick := time.NewTicker(b.c.Every)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			return b.Save(last)
		case <-tick.C:
		case <-b.full:
		}
		b.sweep()
		err := b.Save(ctx)
		if failed := err != nil && ctx.Err() == nil; failed != failing {
			failing = failed
			if failing {
				b.c.Log.Error("the ledger cannot be saved; it goes on in memory and tries again", "err", err)
			} else {
				b.c.Log.Info("the ledger is saved again")
			}
		}
	}
}

func (b *Book) sweep() {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.c.Now().UnixMicro()
	b.expire(now)
	b.forget(now)
}
