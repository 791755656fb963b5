package market

import (
	"math/bits"

	"github.com/crank-platform/crank"
)

// whole is what the parts of a crank.Split sum to: hundredths of a percent.
const whole = 10000

// Split posts a price from the tenant's account to those who share it, by a
// valid plan. Platform, infrastructure and quality fund get their share rounded
// down, the provider the rest, so that no micro-unit is lost or made: the
// postings sum to zero. Shares of nothing are left out; a price of nothing, or
// less, has no postings.
func Split(plan crank.Plan, price crank.Money, tenant, provider crank.Account) []crank.Posting {
	if price.Micros <= 0 {
		return nil
	}
	s := plan.Split
	if s == (crank.Split{}) {
		s = crank.DefaultSplit
	}
	platform := share(price.Micros, s.Platform)
	infrastructure := share(price.Micros, s.Infrastructure)
	quality := share(price.Micros, s.Quality)
	postings := make([]crank.Posting, 0, 5)
	for _, p := range [...]crank.Posting{
		{Account: tenant, Micros: -price.Micros},
		{Account: provider, Micros: price.Micros - platform - infrastructure - quality},
		{Account: crank.AccountPlatform, Micros: platform},
		{Account: crank.AccountInfrastructure, Micros: infrastructure},
		{Account: crank.AccountQuality, Micros: quality},
	} {
		if p.Micros != 0 {
			postings = append(postings, p)
		}
	}
	return postings
}

// share returns floor(price*part/10000) for price >= 0 and 0 <= part <= 10000.
func share(price crank.Micros, part int) crank.Micros {
	hi, lo := bits.Mul64(uint64(price), uint64(part))
	q, _ := bits.Div64(hi, lo, whole)
	return crank.Micros(q)
}
