package verify

import (
	"fmt"
	"strings"

	"github.com/crank-platform/crank"
)

// arithmetic returns what is wrong with a record's money, in words.
func arithmetic(r crank.Record) (faults []string) {
	switch {
	case r.Receipt != nil:
		return receiptMoney(r.Receipt)
	case r.Transfer != nil:
		if sum, ok := total(r.Transfer.Postings); !ok || sum != 0 {
			faults = append(faults, fmt.Sprintf("the transfer's postings sum to %d and not to 0", sum))
		}
		if !r.Transfer.Asset.Valid() {
			faults = append(faults, fmt.Sprintf("%q is no asset", r.Transfer.Asset))
		}
		if r.Type == crank.TypeAdjustment && r.Transfer.Receipt == "" {
			faults = append(faults, "the adjustment names no receipt")
		}
	}
	return faults
}

func receiptMoney(r *crank.Receipt) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	lines, fits := crank.Micros(0), true
	for _, l := range r.Lines {
		if l.Quantity < 0 || l.Micros < 0 {
			fault("the line %q is of quantity %d and amount %d", l.Meter, l.Quantity, l.Micros)
		}
		var err error
		if lines, err = lines.Add(l.Micros); err != nil {
			fits = false
		}
	}
	price := r.Price.Micros
	if !fits || lines != price {
		fault("the lines sum to %d micro-units and the price is %d", lines, price)
	}
	if price < 0 || price > r.Ceiling.Micros {
		fault("the price of %d micro-units is not between 0 and the ceiling of %d", price, r.Ceiling.Micros)
	}
	if price > 0 && (r.Price.Asset != r.Ceiling.Asset || !r.Price.Asset.Valid()) {
		fault("the price is in %q and the ceiling in %q", r.Price.Asset, r.Ceiling.Asset)
	}
	if sum, ok := total(r.Postings); !ok || sum != 0 {
		fault("the postings sum to %d and not to 0", sum)
	}
	var payer []crank.Posting
	for _, p := range r.Postings {
		if p.Account == crank.TenantAccount(r.Payer.Tenant) {
			payer = append(payer, p)
		} else if strings.HasPrefix(string(p.Account), "tenant/") {
			fault("another tenant's account %q is in the postings", p.Account)
		}
	}
	if paid, ok := total(payer); !ok || paid != -price {
		fault("the tenant's account moves by %d micro-units and the price is %d", paid, price)
	}
	switch r.Outcome {
	case crank.OutcomeOK, crank.OutcomeCancelled:
	case crank.OutcomeFailed, crank.OutcomeTimeout, crank.OutcomeUnknown:
		if price != 0 {
			fault("a call that ended as %q was charged %d micro-units", r.Outcome, price)
		}
	default:
		fault("%q is no outcome", r.Outcome)
	}
	return faults
}

// total sums postings; false when they do not fit 64 bits.
func total(ps []crank.Posting) (sum crank.Micros, ok bool) {
	for _, p := range ps {
		var err error
		if sum, err = sum.Add(p.Micros); err != nil {
			return 0, false
		}
	}
	return sum, true
}
