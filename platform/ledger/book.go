package ledger

import (
	"container/heap"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/crank-platform/crank"
)

// Config of a Book. Only Store is needed.
type Config struct {
	Store    Store
	Now      func() time.Time // default time.Now
	Log      *slog.Logger     // default slog.Default()
	Every    time.Duration    // how often Run saves; default 200 ms
	Batch    int              // records that make Run save at once; default 4096
	Remember int              // ended refs kept, for at most a day; default 65,536
}

// Book is the body of Service: a state machine in memory over a Store that
// follows it in the background. One lock guards it, held for well under a
// microsecond at a time, so that a hold sees all its levels at one moment.
//
// What a crash takes from it is what Run had not saved: records, which Apply
// gets again, and holds that no record stands for, which are thereby voided.
type Book struct {
	c Config

	mu       sync.Mutex
	applied  uint64
	calendar calendar
	levels   map[levelKey]*level
	paths    map[pathKey]*path
	balances map[balanceKey]*balance
	holds    map[string]*hold // pending and ended
	pending  queue
	past     past
	changes  changes

	saving sync.Mutex // one save at a time
	full   chan struct{}
}

var _ Service = (*Book)(nil)

// Open builds a Book from what its Store has. Nothing is started: see Run.
func Open(ctx context.Context, c Config) (*Book, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Every <= 0 {
		c.Every = 200 * time.Millisecond
	}
	if c.Batch <= 0 {
		c.Batch = 4096
	}
	if c.Remember <= 0 {
		c.Remember = 1 << 16
	}
	state, err := c.Store.Load(ctx)
	if err != nil {
		return nil, crank.Wrap(crank.CodeStore, err, "the ledger cannot be read")
	}
	b := &Book{
		c:        c,
		levels:   map[levelKey]*level{},
		paths:    map[pathKey]*path{},
		balances: map[balanceKey]*balance{},
		holds:    map[string]*hold{},
		full:     make(chan struct{}, 1),
	}
	b.restore(state)
	return b, nil
}

// Reserve implements Service.
func (b *Book) Reserve(_ context.Context, ask crank.Hold) error {
	if err := vetHold(ask); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.c.Now()
	micros := now.UnixMicro()
	b.expire(micros)
	if h := b.holds[ask.Ref]; h != nil {
		return h.repeat(ask)
	}
	until := ask.Expires.UnixMicro()
	if until <= micros {
		return crank.E(crank.CodeDeadline, "the hold %s had expired when it was asked for", ask.Ref)
	}
	p := b.path(ask.Payer, ask.Amount.Asset)
	if err := b.room(p, ask.Amount.Micros, now, micros); err != nil {
		return err
	}
	b.take(&hold{ref: ask.Ref, path: p, amount: ask.Amount.Micros, until: until})
	return nil
}

// room returns nil when every budget on the path has room for more.
func (b *Book) room(p *path, more crank.Micros, now time.Time, micros int64) error {
	if more <= 0 {
		return nil
	}
	at := b.calendar.at(micros)
	if p.fits(more, at) {
		return nil
	}
	return p.refusal(more, at, now)
}

// Extend implements Service.
func (b *Book) Extend(_ context.Context, ref string, amount crank.Money, until time.Time) error {
	if amount.Micros < 0 || !amount.Asset.Valid() {
		return crank.E(crank.CodeMoneyRange, "the hold %s cannot be made %s", ref, amount)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.c.Now()
	micros := now.UnixMicro()
	b.expire(micros)
	h := b.holds[ref]
	switch {
	case h == nil:
		return crank.E(crank.CodeHoldState, "no hold %s is pending", ref)
	case h.state != pending:
		return h.ended()
	case h.path.asset != amount.Asset:
		return crank.E(crank.CodeMoneyRange, "the hold %s is in %s, not in %s", ref, h.path.asset, amount.Asset)
	}
	more := max(amount.Micros-h.amount, 0)
	if err := b.room(h.path, more, now, micros); err != nil {
		return err
	}
	for _, p := range h.path.purses {
		p.held += more
	}
	h.amount += more
	if later := until.UnixMicro(); !until.IsZero() && later > h.until {
		h.until = later
		heap.Fix(&b.pending, h.place)
	}
	b.touchHold(h)
	return nil
}

// Void implements Service.
func (b *Book) Void(_ context.Context, ref string) error {
	if ref == "" {
		return crank.E(crank.CodeInvalidInput, "a hold without a reference cannot be voided")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.c.Now().UnixMicro()
	b.expire(now)
	switch h := b.holds[ref]; {
	case h == nil:
		b.close(ref, voided, now)
	case h.state == pending:
		b.end(h, voided, now)
	}
	return nil
}

func vetHold(h crank.Hold) error {
	switch {
	case h.Ref == "" || h.Payer.Tenant == "":
		return crank.E(crank.CodeInvalidInput, "a hold needs a reference and a tenant")
	case h.Amount.Micros < 0 || !h.Amount.Asset.Valid():
		return crank.E(crank.CodeMoneyRange, "%s cannot be held", h.Amount)
	case h.Expires.IsZero():
		return crank.E(crank.CodeInvalidInput, "the hold %s needs a time at which it expires", h.Ref)
	}
	return nil
}
