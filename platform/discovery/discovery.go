// Package discovery knows which worker offers which capability just now.
//
// It owns leases (an offer lives until its lease ends, unless it is renewed),
// incarnations (an older start of an instance never publishes, renews or comes
// back), health flips, the contract of each capability, and the snapshot that
// every call reads without a lock. It does not own which offer a call goes to,
// nor what it has seen of a worker while calling it (package routing), nor what
// an offer costs (package market), nor who may publish (the door).
//
// Nothing here is durable: after a restart the workers publish again, and the
// incarnations that are remembered are those of the workers that did.
package discovery

import (
	"context"
	"encoding/json"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/canon"
)

// Service is the module as its neighbours see it, near or far. All of it may be
// used by many goroutines at once.
type Service interface {
	// Publish announces offer for op and starts its lease. The service fills the
	// offer's ID, Contract and Expires; a Contract that is given must match.
	// Publishing the same capability again from the same incarnation changes the
	// standing offer and keeps its ids. A higher incarnation ends every offer of
	// the instance's lower ones at once. Errors: CodeManifest (the offer is
	// incomplete, or another contract stands under this capability),
	// CodeExists (a newer incarnation is here).
	Publish(ctx context.Context, op crank.Operation, offer crank.Offer) (Lease, error)
	// Renew keeps a lease for another term and says how the worker is. An offer
	// that is not healthy stays in the snapshot, so that routing can say why it
	// lost. Errors: CodeNotFound (the lease has ended: publish again),
	// CodeExists (a newer incarnation is here).
	Renew(ctx context.Context, lease string, incarnation uint64, slo crank.SLO, healthy bool) (Lease, error)
	// Withdraw ends a lease. One that has ended already is no error.
	Withdraw(ctx context.Context, lease string) error
	// Snapshot returns what is known now. It never blocks and never returns nil.
	Snapshot() *Snapshot
	// Watch sends what changes, until ctx ends and the channel is closed. The
	// first event is Full. A slow reader gets fewer, larger events, and none twice.
	Watch(ctx context.Context) <-chan Event
}

// Lease is a worker's right to be called, until it ends.
type Lease struct {
	ID      string    `json:"id"`    // told to the worker alone: who has it can renew and withdraw
	Offer   string    `json:"offer"` // id of the offer, public
	Expires time.Time `json:"expires"`
	Version uint64    `json:"version"` // of the first snapshot that holds the change
}

// contractDomain separates contract digests from all others.
const contractDomain = "crank/contract/v1"

// ContractDigest is the digest of what an operation promises: everything that
// it declares except its price plan, in RFC 8785 canonical JSON. Two workers
// serve the same capability only if their digests are equal. Words count too: a
// description that changes is another contract, since models act on it.
// CodeManifest when a schema is not well-formed JSON.
func ContractDigest(op crank.Operation) (crank.Digest, error) {
	op.Plan = crank.Plan{}
	raw, err := json.Marshal(op)
	if err == nil {
		raw, err = canon.JSON(raw)
	}
	if err != nil {
		return crank.Digest{}, crank.Wrap(crank.CodeManifest, err, "the operation %s cannot be written as JSON", op.Capability)
	}
	return crank.DigestOf(contractDomain, raw), nil
}
