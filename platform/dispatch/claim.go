package dispatch

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/crank-platform/crank"
)

// ClaimTime is how long an idempotency key is remembered.
const ClaimTime = 24 * time.Hour

// Claim is what is remembered of an idempotency key: the first outcome of the
// call that was made under it.
type Claim struct {
	Scope       string       // tenant/app/key of the caller
	Hash        crank.Digest // of the idempotency key, under the tenant's salt
	Fingerprint crank.Digest // over capability, input and constraints
	Tenant      string
	Call        string
	Output      json.RawMessage // pins the blobs that it refers to
	Error       *crank.Error    // the outcome, when it was none of success
	Expires     time.Time
}

// Claims is the store of claims. Bodies pass the suite in dispatchtest.
type Claims interface {
	// Get returns the claim of a key, if there is one that has not expired at now.
	Get(ctx context.Context, scope string, hash crank.Digest, now time.Time) (Claim, bool, error)
	// Put remembers a claim, in place of an older one of the same key. It is
	// durable when Put returns.
	Put(ctx context.Context, c Claim) error
	// Drop forgets the claim of a key.
	Drop(ctx context.Context, scope string, hash crank.Digest) error
	// Sweep forgets the claims that have expired at now and counts them.
	Sweep(ctx context.Context, now time.Time) (int, error)
	// Pinned lists the blobs of a tenant that claims refer to.
	Pinned(ctx context.Context, tenant string) ([]crank.Digest, error)
}

// Receipts finds the receipt of a call.
type Receipts interface {
	// ByCall returns CodeReceiptUnknown when the call has not closed.
	ByCall(ctx context.Context, tenant, call string) (crank.Receipt, error)
}

// claim is a key that a running call holds.
type claim struct {
	Claim
	flight *flight
	kept   bool // by the calls that could not be closed yet
}

func (c *claim) finish(r crank.Receipt, output json.RawMessage, failure error) {
	c.Output = output
	if failure != nil {
		c.Error = crank.AsError(failure)
	}
	c.Call = r.Call
}

func (c *claim) done(r crank.Receipt) {
	answer := crank.Answer{Output: c.Output, Receipt: r, Replayed: true}
	c.flight.answer, c.flight.err = &answer, c.Error
}

// first is the outcome that a key already has.
type first struct {
	answer crank.Answer
	err    *crank.Error
}

func answerOf(f *first) crank.Answer {
	if f == nil {
		return crank.Answer{}
	}
	return f.answer
}

func errorOf(f *first, err error) error {
	if err != nil {
		return err
	}
	if f.err != nil {
		return f.err
	}
	return nil
}

// enterClaim takes the call's idempotency key, or returns the outcome that it
// has already. Where another call holds it, it waits for that one's end.
func (d *Dispatcher) enterClaim(ctx context.Context, s *state) (*first, error) {
	p := s.call.Principal
	c := Claim{
		Scope:  p.Tenant + "/" + p.App + "/" + p.Key,
		Hash:   crank.DigestOf("crank/claim/v1", s.salt[:], []byte(s.call.Key)),
		Tenant: p.Tenant, Call: s.call.ID, Expires: d.Now().Add(ClaimTime),
	}
	var err error
	if c.Fingerprint, err = fingerprint(s); err != nil {
		return nil, err
	}
	clash := crank.E(crank.CodeIdempotencyClash, "the idempotency key %.80q stands for another input", s.call.Key)
	for {
		f, mine := d.flights.enter(c)
		if mine {
			old, known, err := d.Claims.Get(ctx, c.Scope, c.Hash, d.Now())
			switch {
			case err != nil:
				d.flights.leave(c, f)
				return nil, crank.Wrap(crank.CodeStore, err, "the idempotency key cannot be looked up")
			case !known:
				s.claim = &claim{Claim: c, flight: f}
				return nil, nil
			}
			d.flights.leave(c, f)
			if old.Fingerprint != c.Fingerprint {
				return nil, clash
			}
			return d.replay(ctx, old)
		}
		if f.fingerprint != c.Fingerprint {
			return nil, clash
		}
		select {
		case <-f.over:
			if f.answer != nil {
				return &first{*f.answer, f.err}, nil
			}
		case <-ctx.Done():
			return nil, crank.Wrap(crank.CodeDeadline, ctx.Err(), "the first call under this idempotency key has not ended")
		}
	}
}

func (d *Dispatcher) replay(ctx context.Context, old Claim) (*first, error) {
	receipt, err := d.Receipts.ByCall(ctx, old.Tenant, old.Call)
	if err != nil {
		return nil, err
	}
	return &first{crank.Answer{Output: old.Output, Receipt: receipt, Replayed: true}, old.Error}, nil
}

// leaveClaim lets go of the key: it is free again unless an outcome was put.
func (d *Dispatcher) leaveClaim(s *state) {
	if !s.claim.kept {
		d.flights.leave(s.claim.Claim, s.claim.flight)
	}
}

func fingerprint(s *state) (crank.Digest, error) {
	constraints, err := json.Marshal(s.call.Constraints)
	if err != nil {
		return crank.Digest{}, crank.Wrap(crank.CodeInternal, err, "the constraints cannot be written")
	}
	return crank.DigestOf("crank/fingerprint/v1", s.salt[:], []byte(s.call.Capability), []byte{0}, s.call.Input, []byte{0}, constraints), nil
}

// flights are the keyed calls under way.
type flights struct {
	mu sync.Mutex
	m  map[flightKey]*flight
}

type flightKey struct {
	scope string
	hash  crank.Digest
}

// flight is one of them; answer and err are set, if at all, before over closes.
type flight struct {
	fingerprint crank.Digest
	over        chan struct{}
	answer      *crank.Answer
	err         *crank.Error
}

func (f *flights) enter(c Claim) (*flight, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	k := flightKey{c.Scope, c.Hash}
	if there, ok := f.m[k]; ok {
		return there, false
	}
	if f.m == nil {
		f.m = map[flightKey]*flight{}
	}
	mine := &flight{fingerprint: c.Fingerprint, over: make(chan struct{})}
	f.m[k] = mine
	return mine, true
}

func (f *flights) leave(c Claim, mine *flight) {
	f.mu.Lock()
	delete(f.m, flightKey{c.Scope, c.Hash})
	f.mu.Unlock()
	close(mine.over)
}
