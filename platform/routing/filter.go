package routing

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/crank-platform/crank"
)

// want is what a call asks, read once for all its offers.
type want struct {
	call   *crank.Call
	op     *crank.Operation
	bound  *crank.Obligations
	weight *weights
	now    time.Time
	left   time.Duration // until the deadline; forever where there is none
}

const forever = time.Duration(1<<63 - 1)

func (r *Router) want(ctx context.Context, call *crank.Call, op *crank.Operation, d *crank.Decision) (want, error) {
	w := want{call: call, op: op, bound: &d.Obligations, now: r.config.Now(), left: forever}
	c := &call.Constraints
	if w.weight = weigh(c.Prefer); w.weight == nil {
		return w, crank.E(crank.CodeConstraint, "prefer is %q, not one of cost, latency, carbon and balanced", c.Prefer)
	}
	if c.MaxPrice.Micros < 0 || c.MaxCarbon < 0 || c.MinReputation < 0 || c.MinReputation > 1000 {
		return w, crank.E(crank.CodeConstraint, "max_price and max_carbon_ug are 0 or more, min_reputation is 0 to 1000")
	}
	deadline, bounded := ctx.Deadline()
	if !call.Deadline.IsZero() && (!bounded || call.Deadline.Before(deadline)) {
		deadline, bounded = call.Deadline, true
	}
	if bounded {
		if w.left = deadline.Sub(w.now); w.left <= 0 {
			return w, crank.E(crank.CodeDeadline, "the deadline passed %v before the call was routed", -w.left)
		}
	}
	return w, nil
}

// reason is why an offer cannot serve a call.
type reason uint8

const (
	fits reason = iota
	unhealthy
	lapsed
	broken
	notProvider
	notAllowedProvider
	notAllowedRegion
	notResident
	lowReputation
	noReputation
	dirty
	notClean
	slow
	unpriced
	otherAsset
	dear
	dearForPolicy
)

// loss is a reason and what its words need; no words are made on the way of a
// call that finds an offer.
type loss struct {
	why   reason
	quote crank.Quote
	err   error
}

// try asks everything of an offer, the price last: an offer that loses by price
// would have served but for it.
func (r *Router) try(w *want, o *crank.Offer) (crank.Quote, loss) {
	if why := r.filter(w, o); why != fits {
		return crank.Quote{}, loss{why: why}
	}
	quote, err := r.config.Quoter.Quote(*w.call, *w.op, *o)
	if err != nil {
		return quote, loss{why: unpriced, err: err}
	}
	ceiling, most := quote.Ceiling, w.call.Constraints.MaxPrice
	switch {
	case most.Asset != "" && most.Asset != ceiling.Asset:
		return quote, loss{why: otherAsset, quote: quote}
	case most != (crank.Money{}) && ceiling.Micros > most.Micros:
		return quote, loss{why: dear, quote: quote}
	case w.bound.MaxPrice > 0 && ceiling.Micros > w.bound.MaxPrice:
		return quote, loss{why: dearForPolicy, quote: quote}
	}
	return quote, loss{}
}

func (r *Router) filter(w *want, o *crank.Offer) reason {
	c := &w.call.Constraints
	switch {
	case !o.Healthy:
		return unhealthy
	case !o.Expires.After(w.now):
		return lapsed
	case !r.health.of(o.ID).admits(w.now):
		return broken
	case c.Provider != "" && o.Provider != c.Provider:
		return notProvider
	case len(w.bound.Providers) > 0 && !slices.Contains(w.bound.Providers, o.Provider):
		return notAllowedProvider
	case len(w.bound.Regions) > 0 && !slices.ContainsFunc(w.bound.Regions, func(region string) bool { return within(o.Zone, region) }):
		return notAllowedRegion
	case c.Residency != "" && !within(o.Zone, c.Residency):
		return notResident
	case c.MinReputation > 0 && o.Reputation == 0:
		return noReputation
	case o.Reputation < c.MinReputation:
		return lowReputation
	case c.MaxCarbon > 0 && o.Carbon == 0:
		return notClean
	case c.MaxCarbon > 0 && o.Carbon > c.MaxCarbon:
		return dirty
	case o.SLO.P50 > w.left:
		return slow
	}
	return fits
}

// within reports whether a zone lies in a region: "eu-west-1" lies in "eu" and
// "eu-west", not in "e" and not in "eu-west-10". No zone lies in none.
func within(zone, region string) bool {
	rest, ok := strings.CutPrefix(zone, region)
	return ok && (rest == "" || rest[0] == '-' || rest[0] == '/' || rest[0] == '.')
}

// words says why o lost.
func (r *Router) words(w *want, o *crank.Offer, l loss) string {
	c := &w.call.Constraints
	switch l.why {
	case unhealthy:
		return "its worker says that it is not healthy"
	case lapsed:
		return fmt.Sprintf("its lease ended %v ago", w.now.Sub(o.Expires).Round(time.Millisecond))
	case broken:
		return "it could not be reached several times in a row and is left alone for a moment"
	case notProvider:
		return fmt.Sprintf("its provider is %s, the call asks for %s", o.Provider, c.Provider)
	case notAllowedProvider:
		return fmt.Sprintf("policy does not allow provider %s, only %s", o.Provider, strings.Join(w.bound.Providers, ", "))
	case notAllowedRegion:
		return fmt.Sprintf("%s; policy allows only %s", zone(o), strings.Join(w.bound.Regions, ", "))
	case notResident:
		return fmt.Sprintf("%s; the call must stay in %s", zone(o), c.Residency)
	case lowReputation:
		return fmt.Sprintf("its reputation is %d, the call asks for %d", o.Reputation, c.MinReputation)
	case noReputation:
		return fmt.Sprintf("its reputation is not known, the call asks for %d", c.MinReputation)
	case dirty:
		return fmt.Sprintf("a call emits %d ug CO2e, the call allows %d", o.Carbon, c.MaxCarbon)
	case notClean:
		return fmt.Sprintf("it does not say what a call emits, the call allows %d ug CO2e", c.MaxCarbon)
	case slow:
		return fmt.Sprintf("half of its calls take longer than %v, only %v is left", o.SLO.P50, w.left.Round(time.Millisecond))
	case unpriced:
		return "it has no price for this call: " + sentence(l.err)
	case otherAsset:
		return fmt.Sprintf("it is priced in %s, the call pays in %s", l.quote.Ceiling.Asset, c.MaxPrice.Asset)
	case dear:
		return fmt.Sprintf("it costs up to %s, the call allows %s", l.quote.Ceiling, c.MaxPrice)
	case dearForPolicy:
		return fmt.Sprintf("it costs up to %s, policy allows %s", l.quote.Ceiling, w.bound.MaxPrice)
	}
	return ""
}

func zone(o *crank.Offer) string {
	if o.Zone == "" {
		return "it does not say where it runs"
	}
	return "it runs in " + o.Zone
}

// sentence is an error's text for people, without its cause.
func sentence(err error) string { return crank.AsError(err).Message }
