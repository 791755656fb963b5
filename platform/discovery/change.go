package discovery

import (
	"time"

	"github.com/crank-platform/crank"
)

// change collects what one request does to the directory and shows it as one
// snapshot. The directory's mutex is held throughout.
type change struct {
	d       *Directory
	version uint64
	shelves map[crank.Capability]*shelf
}

func (d *Directory) begin() *change {
	return &change{d: d, version: d.version + 1, shelves: map[crank.Capability]*shelf{}}
}

func (ch *change) shelf(c crank.Capability) *shelf {
	if sh := ch.shelves[c]; sh != nil {
		return sh
	}
	return ch.d.board.Snapshot().shelves[c]
}

// put shows o as the offer of l.
func (ch *change) put(l *lease, o crank.Offer) {
	l.offer = o
	ch.shelves[o.Capability] = ch.shelf(o.Capability).put(o, ch.version)
}

// end takes a lease and its offer away.
func (ch *change) end(l *lease) {
	c := l.offer.Capability
	delete(ch.d.leases, l.id)
	delete(ch.d.instances[l.who].leases, c)
	ch.shelves[c] = ch.shelf(c).drop(l.offer.ID)
}

func (ch *change) endAll(in *instance) {
	for _, l := range in.leases {
		ch.end(l)
	}
}

// expire ends every lease whose time is over.
func (ch *change) expire(now time.Time) {
	for _, l := range ch.d.leases {
		if !l.offer.Expires.After(now) {
			ch.end(l)
		}
	}
}

// contract makes op the contract of its capability, or refuses: while another
// instance is offered under a contract, only the same one may join it.
func (ch *change) contract(op crank.Operation, digest crank.Digest, publisher *instance) error {
	sh := ch.shelf(op.Capability)
	if sh == nil {
		sh = &shelf{}
	}
	own := publisher.leases[op.Capability]
	for i := range sh.offers {
		o := &sh.offers[i]
		if o.Contract != digest && (own == nil || o.ID != own.offer.ID) {
			return crank.E(crank.CodeManifest, "%s is offered by worker %s under another contract (%s, this one is %s)", op.Capability, o.Worker, o.Contract, digest).
				Mending("Declare the same contract, raise the major version, or withdraw the other worker first.")
		}
	}
	if sh.op == nil || sh.contract != digest {
		op.Plan = crank.Plan{} // prices belong to offers
		next := *sh
		next.op, next.contract = &op, digest
		ch.shelves[op.Capability] = &next
	}
	return nil
}

// commit shows what has changed, if anything has.
func (ch *change) commit() {
	if len(ch.shelves) == 0 {
		return
	}
	ch.d.version = ch.version
	ch.d.board.Show(ch.d.board.Snapshot().with(ch.version, ch.shelves))
}
