package discovery

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
)

// DefaultTerm is how long a lease lasts.
const DefaultTerm = 15 * time.Second

// Config is what a Directory needs. The zero value works.
type Config struct {
	Term time.Duration    // of a lease; 0 means DefaultTerm
	Now  func() time.Time // nil means time.Now
}

// Directory is the Service of this process. Run ends leases in time.
type Directory struct {
	config Config
	board  Board
	wake   chan struct{} // tells Run of a first lease

	mu        sync.Mutex // guards what follows, and is held while a snapshot is replaced
	version   uint64
	leases    map[string]*lease
	instances map[identity]*instance
}

// identity is who publishes. Providers are part of it, so that none can end
// another's offers by taking its worker's name.
type identity struct{ provider, worker, instance string }

// instance is what is remembered of one identity, as long as the process lives:
// forgetting it would let a ghost return.
type instance struct {
	incarnation uint64
	leases      map[crank.Capability]*lease
}

type lease struct {
	id    string
	who   identity
	offer crank.Offer // as the newest snapshot has it
}

// New returns an empty directory; nothing runs yet.
func New(c Config) *Directory {
	if c.Term <= 0 {
		c.Term = DefaultTerm
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Directory{
		config: c, wake: make(chan struct{}, 1),
		leases: map[string]*lease{}, instances: map[identity]*instance{},
	}
}

// Snapshot returns what is known now.
func (d *Directory) Snapshot() *Snapshot { return d.board.Snapshot() }

// Watch sends what changes.
func (d *Directory) Watch(ctx context.Context) <-chan Event { return d.board.Watch(ctx) }

// Changed returns a channel that is closed at the next change; see Board.Changed.
func (d *Directory) Changed() <-chan struct{} { return d.board.Changed() }

// Publish announces an offer.
func (d *Directory) Publish(_ context.Context, op crank.Operation, o crank.Offer) (Lease, error) {
	contract, err := check(op, o)
	if err != nil {
		return Lease{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.config.Now()
	who := identity{o.Provider, o.Worker, o.Instance}
	in := d.instances[who]
	if in != nil && o.Incarnation < in.incarnation {
		return Lease{}, stale(who, o.Incarnation, in.incarnation)
	}
	ch := d.begin()
	ch.expire(now)
	if in == nil {
		in = &instance{incarnation: o.Incarnation, leases: map[crank.Capability]*lease{}}
	}
	if o.Incarnation > in.incarnation {
		ch.endAll(in)
	}
	if err := ch.contract(op, contract, in); err != nil {
		ch.commit() // what expired stays expired, what a newer incarnation ended stays ended
		in.incarnation = max(in.incarnation, o.Incarnation)
		return Lease{}, err
	}
	in.incarnation = o.Incarnation
	d.instances[who] = in
	l := in.leases[op.Capability]
	if l == nil {
		l = &lease{id: ids.New("lease"), who: who, offer: crank.Offer{ID: ids.New("offer")}}
		d.leases[l.id], in.leases[op.Capability] = l, l
	}
	o.ID, o.Contract, o.Expires = l.offer.ID, contract, now.Add(d.config.Term)
	o.Labels, o.Plan.Prices = maps.Clone(o.Labels), slices.Clone(o.Plan.Prices)
	ch.put(l, o)
	ch.commit()
	select {
	case d.wake <- struct{}{}:
	default:
	}
	return d.lease(l), nil
}

// Renew keeps a lease.
func (d *Directory) Renew(_ context.Context, id string, incarnation uint64, slo crank.SLO, healthy bool) (Lease, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.config.Now()
	ch := d.begin()
	l := d.leases[id]
	if l != nil && !l.offer.Expires.After(now) {
		ch.end(l)
		ch.commit()
		l = nil
	}
	if l == nil {
		return Lease{}, crank.E(crank.CodeNotFound, "the lease has ended").Mending("Publish the offer again.")
	}
	if has := l.offer.Incarnation; incarnation != has {
		return Lease{}, stale(l.who, incarnation, has)
	}
	o := l.offer
	o.SLO, o.Healthy, o.Expires = slo, healthy, now.Add(d.config.Term)
	ch.put(l, o)
	ch.commit()
	return d.lease(l), nil
}

// Withdraw ends a lease.
func (d *Directory) Withdraw(_ context.Context, id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if l := d.leases[id]; l != nil {
		ch := d.begin()
		ch.end(l)
		ch.commit()
	}
	return nil
}

// Sweep ends the leases whose time is over and says when the next one ends;
// the zero time where there is none.
func (d *Directory) Sweep() (next time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	ch := d.begin()
	ch.expire(d.config.Now())
	ch.commit()
	for _, l := range d.leases {
		if next.IsZero() || l.offer.Expires.Before(next) {
			next = l.offer.Expires
		}
	}
	return next
}

// Run ends leases in time, until ctx ends.
func (d *Directory) Run(ctx context.Context) error {
	for {
		var due <-chan time.Time
		if next := d.Sweep(); !next.IsZero() {
			due = time.After(max(next.Sub(d.config.Now()), time.Millisecond))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-due:
		case <-d.wake:
		}
	}
}

func (d *Directory) lease(l *lease) Lease {
	return Lease{ID: l.id, Offer: l.offer.ID, Expires: l.offer.Expires, Version: d.version}
}
