// Package routing chooses which offer a call goes to, and says why.
//
// It owns the filter (what a call's constraints and its policy's obligations
// forbid), the score (price, latency and load, carbon, reputation, reliability,
// locality), the choice among near-equals, and what this node has seen of each
// offer while calling it: calls under way, latency, failures, the circuit. It
// does not own which offers exist (package discovery), what they cost (package
// market), or the sending and its retries (package dispatch).
package routing

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/crank-platform/crank"
)

// Offers is where offers come from: discovery's snapshot.
type Offers interface {
	// Offers returns the offers of a capability. They are not written to.
	Offers(crank.Capability) []crank.Offer
}

// Quoter is who says what a call costs at most: package market.
type Quoter interface {
	// Quote returns the price ceiling of the call at the offer. An error rules
	// the offer out.
	Quote(crank.Call, crank.Operation, crank.Offer) (crank.Quote, error)
}

// Config is what a Router needs. Offers and Quoter are required.
type Config struct {
	Offers Offers
	Quoter Quoter
	Zone   string           // where this node is; "" leaves locality out of the score
	Now    func() time.Time // nil means time.Now
	Rand   func(n int) int  // uniform in [0,n), safe for concurrent use; nil means math/rand/v2
}

// Router chooses. It may be used by many goroutines at once.
type Router struct {
	config Config
	health health
}

// New returns a router that has seen nothing yet.
func New(c Config) *Router {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.IntN
	}
	return &Router{config: c}
}

// Match returns the offers that may serve the call, the chosen one first and the
// others as its fallbacks in order of score. Errors: CodeDenied (the decision
// does not allow the call), CodeConstraint (a constraint makes no sense),
// CodeDeadline (it has passed, or every offer that fits is too slow for it),
// CodePriceCap (only the price is in the way), CodeNoOffer. The last three name
// each offer and why it lost as faults.
func (r *Router) Match(ctx context.Context, call crank.Call, op crank.Operation, d crank.Decision) ([]crank.Candidate, error) {
	if !d.Allow {
		return nil, crank.E(crank.CodeDenied, "policy does not allow the call of %s, so it is not routed", op.Capability)
	}
	w, err := r.want(ctx, &call, &op, &d)
	if err != nil {
		return nil, err
	}
	offers := r.config.Offers.Offers(op.Capability)
	fit := make([]crank.Candidate, 0, len(offers))
	for i := range offers {
		if quote, l := r.try(&w, &offers[i]); l.why == fits {
			fit = append(fit, crank.Candidate{Offer: offers[i], Quote: quote, Score: 1})
		}
	}
	switch len(fit) {
	case 0:
		_, err := r.explain(&w, offers)
		return nil, err
	case 1:
		return fit, nil
	}
	r.rank(&w, fit)
	r.choose(fit)
	return fit, nil
}

// Explain returns every offer of the capability: the one that would win first,
// then those that fit by score, then those that do not. Each but the first says
// why it lost. The error is the one that Match would return; a denied call is
// explained as if it were allowed.
func (r *Router) Explain(ctx context.Context, call crank.Call, op crank.Operation, d crank.Decision) ([]crank.Candidate, error) {
	w, err := r.want(ctx, &call, &op, &d)
	if err != nil {
		return nil, err
	}
	return r.explain(&w, r.config.Offers.Offers(op.Capability))
}

// choose moves one of the near-equals to the front: two are drawn, and the one
// that has less to do wins. So no offer is flooded because it scores a hair
// better, and the busier of two never gets more.
func (r *Router) choose(fit []crank.Candidate) {
	near := 1
	for near < len(fit) && fit[near].Score <= fit[0].Score+fit[0].Score/10 {
		near++
	}
	if near == 1 {
		return
	}
	a, b := r.config.Rand(near), r.config.Rand(near-1)
	if b >= a {
		b++
	}
	if r.load(&fit[b].Offer) < r.load(&fit[a].Offer) {
		a = b
	}
	chosen := fit[a]
	copy(fit[1:a+1], fit[:a])
	fit[0] = chosen
}

// load is how busy an offer is with this node's calls, in thousandths of what it
// can do at once.
func (r *Router) load(o *crank.Offer) int64 {
	return r.health.of(o.ID).underway.Load() * 1000 / capacity(o)
}

// assumedCapacity is what an offer is taken to do at once that does not say.
const assumedCapacity = 16

func capacity(o *crank.Offer) int64 {
	if o.Capacity > 0 {
		return int64(o.Capacity)
	}
	return assumedCapacity
}
