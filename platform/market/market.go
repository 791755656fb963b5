// Package market turns prices as data into money: what a plan charges for a
// usage, the ceiling that a call is quoted, and who gets which share.
//
// It owns the rules of crank.Plan: rating is pure, in whole micro-units and
// rounds up, so that every node computes the same bill from the same receipt. It
// does not own who may spend (package ledger), which offer serves a call
// (package routing), or when a call is charged at all (dispatch).
package market

import (
	"math"
	"math/bits"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/cbor"
)

// The meters of lines that no reading stands behind. Their quantity is 1.
const (
	LineMinimum = "minimum" // the difference up to the plan's minimum
	LineCeiling = "ceiling" // what was used above the ceiling, taken off again
)

// Rate charges a usage by a valid plan: one line for each priced meter that was
// used, in the plan's order, and one for what lacks to the minimum. The money is
// the sum of the lines. A meter's first reading counts, as in crank.Usage.Of.
// Rounding adds at most one micro-unit a line. CodeMoneyRange when a quantity or
// a price is negative or the sum does not fit.
//
// Rate knows no outcomes: the minimum is charged for an empty usage too.
func Rate(plan crank.Plan, usage crank.Usage) ([]crank.Line, crank.Money, error) {
	lines := make([]crank.Line, 0, len(plan.Prices)+1)
	var total crank.Micros
	for _, p := range plan.Prices {
		quantity := usage.Of(p.Meter)
		if quantity == 0 {
			continue
		}
		micros, err := charge(p, quantity)
		if err == nil {
			total, err = total.Add(micros)
		}
		if err != nil {
			return nil, crank.Money{}, err
		}
		lines = append(lines, crank.Line{Meter: p.Meter, Quantity: quantity, Micros: micros})
	}
	if total < plan.Minimum {
		lines = append(lines, crank.Line{Meter: LineMinimum, Quantity: 1, Micros: plan.Minimum - total})
		total = plan.Minimum
	}
	return lines, crank.Money{Micros: total, Asset: plan.Asset}, nil
}

// charge prices the units after the included ones. A unit's tier is found by its
// place among all units, included ones too. The tiers are summed before the one
// division, so that rounding adds at most one micro-unit.
func charge(p crank.Price, quantity int64) (crank.Micros, error) {
	per := p.Per
	if per == 0 {
		per = 1
	}
	if len(p.Tiers) == 0 {
		return crank.MulDivCeil(billable(quantity, p.Included), p.Micros, per)
	}
	if quantity < 0 || per < 0 || p.Included < 0 {
		return 0, crank.E(crank.CodeMoneyRange, "cannot rate quantity %d of %s per %d after %d", quantity, p.Meter, per, p.Included)
	}
	var hi, lo uint64
	from := p.Included
	for _, t := range p.Tiers {
		if t.Micros < 0 {
			return 0, crank.E(crank.CodeMoneyRange, "a tier of %s has the price %d", p.Meter, t.Micros)
		}
		end := quantity
		if t.UpTo > 0 {
			end = min(t.UpTo, quantity)
		}
		if end <= from {
			continue
		}
		h, l := bits.Mul64(uint64(end-from), uint64(t.Micros))
		var carry uint64
		lo, carry = bits.Add64(lo, l, 0)
		hi += h + carry // at most 2^63 units in all at 2^63 each: 126 bits
		from = end
	}
	lo, carry := bits.Add64(lo, uint64(per)-1, 0)
	hi += carry
	if hi < uint64(per) {
		if q, _ := bits.Div64(hi, lo, uint64(per)); q <= math.MaxInt64 {
			return crank.Micros(q), nil
		}
	}
	return 0, crank.E(crank.CodeMoneyRange, "the price of %d %s does not fit 64 bits", quantity, p.Meter)
}

// billable is what is left after the included units. A negative quantity stays
// as it is, to be refused.
func billable(quantity, included int64) int64 {
	if quantity < 0 || included < 0 {
		return -1
	}
	return max(0, quantity-included)
}

// Cap holds a rated price to the ceiling that was quoted: use above it is the
// provider's loss. The lines still sum to the price; a line "ceiling" takes off
// what is too much.
func Cap(lines []crank.Line, price, ceiling crank.Money) ([]crank.Line, crank.Money) {
	if price.Micros <= ceiling.Micros {
		return lines, price
	}
	over := price.Micros - ceiling.Micros
	return append(lines, crank.Line{Meter: LineCeiling, Quantity: 1, Micros: -over}), crank.Money{Micros: ceiling.Micros, Asset: price.Asset}
}

// Trusted returns the readings that may be charged. An untrusted provider is
// paid only on what the platform itself has read.
func Trusted(usage crank.Usage, untrusted bool) crank.Usage {
	if !untrusted {
		return usage
	}
	kept := make(crank.Usage, 0, len(usage))
	for _, r := range usage {
		if r.Source == crank.SourcePlatform {
			kept = append(kept, r)
		}
	}
	return kept
}

// Digest names a plan as it is written: receipts and quotes carry it.
func Digest(plan crank.Plan) crank.Digest {
	b, err := cbor.Marshal(plan)
	if err != nil { // a plan is numbers and text; nothing in it can fail
		panic("market: " + err.Error())
	}
	return crank.DigestOf("crank/plan/v1", b)
}
