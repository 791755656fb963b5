package market

import (
	"fmt"
	"math"

	"github.com/crank-platform/crank"
)

// Validate checks a plan against the bounds that its operation declares for its
// meters (crank.Operation.Meters). Every price but those of calls and of the
// input's bytes needs a bound, else no quote would be a ceiling. CodePlanInvalid
// names all faults at once, each with its place in the plan.
func Validate(plan crank.Plan, meters map[string]int64) error {
	v := validation{meters: meters, seen: map[string]bool{}}
	if !plan.Asset.Valid() {
		v.fault("/asset", "%q is no asset such as USD", plan.Asset)
	}
	if plan.Minimum < 0 {
		v.fault("/minimum_micros", "is %d; it must be 0 or more", plan.Minimum)
	}
	for i, p := range plan.Prices {
		v.price(fmt.Sprintf("/prices/%d", i), p)
	}
	v.split(plan.Split)
	if len(v.faults) == 0 {
		v.ceiling(plan)
	}
	if len(v.faults) > 0 {
		return crank.E(crank.CodePlanInvalid, "the price plan is not valid").With(v.faults...)
	}
	return nil
}

type validation struct {
	meters map[string]int64
	seen   map[string]bool
	faults []crank.Fault
}

func (v *validation) fault(path, format string, args ...any) {
	v.faults = append(v.faults, crank.Fault{Path: path, Reason: fmt.Sprintf(format, args...)})
}

func (v *validation) price(at string, p crank.Price) {
	switch bound, bounded := v.meters[p.Meter]; {
	case !meterName(p.Meter):
		v.fault(at+"/meter", "%q is no meter: small letters, digits and _, a letter first", p.Meter)
	case v.seen[p.Meter]:
		v.fault(at+"/meter", "%s is priced twice", p.Meter)
	case bounded && bound <= 0:
		v.fault(at+"/meter", "the operation bounds %s by %d; a bound is 1 or more", p.Meter, bound)
	case !bounded && p.Meter != crank.MeterCalls && p.Meter != crank.MeterInputBytes:
		v.fault(at+"/meter", "the operation declares no bound for %s, so no quote could be a ceiling; add it to `meters`", p.Meter)
	}
	v.seen[p.Meter] = true
	if p.Micros < 0 {
		v.fault(at+"/micros", "is %d; a price is 0 or more", p.Micros)
	}
	if p.Per < 0 {
		v.fault(at+"/per", "is %d; it must be 1 or more", p.Per)
	}
	if p.Included < 0 {
		v.fault(at+"/included", "is %d; it must be 0 or more", p.Included)
	}
	v.tiers(at+"/tiers", p.Tiers)
}

func (v *validation) tiers(at string, tiers []crank.Tier) {
	before := int64(0)
	for i, t := range tiers {
		here, last := fmt.Sprintf("%s/%d", at, i), i == len(tiers)-1
		switch {
		case last && t.UpTo != 0:
			v.fault(here+"/up_to", "is %d; the last tier has no end", t.UpTo)
		case !last && t.UpTo <= before:
			v.fault(here+"/up_to", "is %d; it must be more than %d, where the tier before ends", t.UpTo, before)
		}
		before = max(before, t.UpTo)
		if t.Micros < 0 {
			v.fault(here+"/micros", "is %d; a price is 0 or more", t.Micros)
		}
	}
}

func (v *validation) split(s crank.Split) {
	if s == (crank.Split{}) {
		return // means crank.DefaultSplit
	}
	sum := int64(0)
	for _, part := range []struct {
		name  string
		share int
	}{{"provider", s.Provider}, {"platform", s.Platform}, {"infrastructure", s.Infrastructure}, {"quality", s.Quality}} {
		if part.share < 0 || part.share > whole {
			v.fault("/split/"+part.name, "is %d; a share is 0 to 10000", part.share)
		}
		sum += int64(part.share)
	}
	if sum != whole {
		v.fault("/split", "sums to %d; the shares are hundredths of a percent and sum to 10000", sum)
	}
}

// ceiling tries the largest call, which must not cost more than 64 bits hold.
func (v *validation) ceiling(plan crank.Plan) {
	usage := make(crank.Usage, 0, len(plan.Prices))
	for _, p := range plan.Prices {
		most, bounded := v.meters[p.Meter]
		if p.Meter == crank.MeterCalls {
			most = 1
		}
		if bounded || most > 0 {
			usage = append(usage, crank.Reading{Meter: p.Meter, Quantity: most})
		}
	}
	if _, _, err := Rate(plan, usage); err != nil {
		v.fault("/prices", "the largest call costs more than %s %s", crank.Micros(math.MaxInt64), plan.Asset)
	}
}

func meterName(s string) bool {
	if s == "" || len(s) > 63 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}
