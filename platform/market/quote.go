package market

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/canon"
	"github.com/crank-platform/crank/kit/ids"
)

// Config of a Quoter. The zero value is ready.
type Config struct {
	Valid time.Duration // how long a quote stands; 0 means 5 minutes
	Most  int           // quotes kept at once, the least used go first; 0 means 10,000
}

// Quoter quotes offers and remembers the quotes that it issued until they
// expire, in memory: a restart forgets them. It is safe for concurrent use.
type Quoter struct {
	valid  time.Duration
	issued *lru.Cache[string, issued]
}

// issued is a quote with what it takes to honour it after the offer has changed.
type issued struct {
	quote  crank.Quote
	plan   crank.Plan
	tenant string
}

// NewQuoter makes a Quoter.
func NewQuoter(c Config) *Quoter {
	if c.Valid <= 0 {
		c.Valid = 5 * time.Minute
	}
	if c.Most <= 0 {
		c.Most = 10_000
	}
	cache, err := lru.New[string, issued](c.Most)
	if err != nil { // only for a size below 1
		panic("market: " + err.Error())
	}
	return &Quoter{c.Valid, cache}
}

// Quote returns the most that the call can cost under the offer's plan: every
// priced meter at its bound, the input at its own size where the call has one.
// It has no id, for nothing remembers it. The sizes that the input's blob
// references state are believed: check them against the blob store before.
func (q *Quoter) Quote(call crank.Call, op crank.Operation, offer crank.Offer, now time.Time) (crank.Quote, error) {
	lines, ceiling, err := ceiling(offer.Plan, call, op)
	if err != nil {
		return crank.Quote{}, err
	}
	digest := offer.PlanDigest
	if digest.IsZero() {
		digest = Digest(offer.Plan)
	}
	return crank.Quote{
		Capability: offer.Capability,
		Offer:      offer.ID,
		Ceiling:    ceiling,
		Lines:      lines,
		PlanDigest: digest,
		Expires:    now.Add(q.valid),
	}, nil
}

// Issue quotes under an id that the same tenant's call may name until the quote
// expires.
func (q *Quoter) Issue(call crank.Call, op crank.Operation, offer crank.Offer, now time.Time) (crank.Quote, error) {
	quote, err := q.Quote(call, op, offer, now)
	if err != nil {
		return crank.Quote{}, err
	}
	quote.ID = ids.New("quote")
	q.issued.Add(quote.ID, issued{quote, offer.Plan, call.Principal.Tenant})
	return quote, nil
}

// Honour returns the quote that the call names and the plan that it was made
// from, which prices the call even when the offer has another by now.
// CodeQuoteExpired when the quote has expired or is not known, which another
// tenant's is not; and when it was made for another capability or for less than
// this call can cost.
func (q *Quoter) Honour(call crank.Call, op crank.Operation, now time.Time) (crank.Quote, crank.Plan, error) {
	fail := func(why string) (crank.Quote, crank.Plan, error) {
		return crank.Quote{}, crank.Plan{}, crank.E(crank.CodeQuoteExpired, "the quote %.64q %s", call.Quote, why)
	}
	i, ok := q.issued.Get(call.Quote)
	if !ok || i.tenant != call.Principal.Tenant {
		return fail("is not known: it may have expired long ago")
	}
	if !now.Before(i.quote.Expires) {
		q.issued.Remove(call.Quote)
		return fail("has expired")
	}
	if i.quote.Capability != op.Capability {
		return fail("is for " + string(i.quote.Capability))
	}
	_, most, err := ceiling(i.plan, call, op)
	if err != nil {
		return crank.Quote{}, crank.Plan{}, err
	}
	if most.Micros > i.quote.Ceiling.Micros {
		return fail("was made for a smaller input: this call may cost " + most.String() + ", the quote says " + i.quote.Ceiling.String())
	}
	return i.quote, i.plan, nil
}

// ceiling rates the largest usage that the operation allows this call.
func ceiling(plan crank.Plan, call crank.Call, op crank.Operation) ([]crank.Line, crank.Money, error) {
	var few [8]crank.Reading // most plans stay on the stack
	usage := crank.Usage(few[:0])
	for _, p := range plan.Prices {
		most := op.Meters[p.Meter]
		switch p.Meter {
		case crank.MeterCalls:
			most = 1
		case crank.MeterInputBytes:
			size, err := inputBytes(call, op)
			if err != nil {
				return nil, crank.Money{}, err
			}
			most = size
		default:
			if most <= 0 {
				return nil, crank.Money{}, crank.E(crank.CodePlanInvalid, "the plan charges %s, which %s does not bound", p.Meter, op.Capability)
			}
		}
		usage = append(usage, crank.Reading{Meter: p.Meter, Quantity: most})
	}
	return Rate(plan, usage)
}

// inputBytes is the size of the call's input as the meter counts it, canonical
// JSON and blobs together, or the bound where there is no input yet or a blob's
// size is not said.
func inputBytes(call crank.Call, op crank.Operation) (int64, error) {
	bound := op.Meters[crank.MeterInputBytes]
	if bound <= 0 {
		bound = op.Limits.InputBytes
	}
	if len(call.Input) == 0 {
		if bound <= 0 {
			return 0, crank.E(crank.CodeInvalidInput, "the price of %s depends on the size of the input", op.Capability).Mending("Ask for the quote with the input.")
		}
		return bound, nil
	}
	canonical, err := canon.JSON(append([]byte(nil), call.Input...))
	if err != nil {
		return 0, crank.Wrap(crank.CodeMalformedJSON, err, "the input is not well-formed JSON")
	}
	blobs, err := crank.BlobRefs(call.Input)
	if err != nil {
		return 0, err
	}
	size := crank.Micros(len(canonical))
	for _, b := range blobs {
		if b.Size <= 0 && bound > 0 {
			return bound, nil
		}
		if b.Size < 0 {
			return 0, crank.E(crank.CodeInvalidInput, "a blob of the input has the size %d", b.Size)
		}
		if size, err = size.Add(crank.Micros(b.Size)); err != nil {
			return 0, err
		}
	}
	return int64(size), nil
}
