package market_test

import (
	"errors"
	"math"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/market"
)

func read(meter string, quantity int64) crank.Reading {
	return crank.Reading{Meter: meter, Quantity: quantity, Method: crank.Measured, Source: crank.SourcePlatform}
}

func TestAPlanChargesWhatItSays(t *testing.T) {
	pages := func(p crank.Price) crank.Plan {
		p.Meter = "pages"
		return crank.Plan{Asset: "USD", Prices: []crank.Price{p}}
	}
	tiers := []crank.Tier{{UpTo: 10, Micros: 100}, {UpTo: 20, Micros: 50}, {Micros: 7}}
	for name, c := range map[string]struct {
		plan crank.Plan
		used int64
		want crank.Micros
	}{
		"a unit has its price":                     {pages(crank.Price{Micros: 30}), 4, 120},
		"a part of a lot rounds up":                {pages(crank.Price{Micros: 10, Per: 1000}), 1, 1},
		"a full lot is exact":                      {pages(crank.Price{Micros: 10, Per: 1000}), 2000, 20},
		"included units are free":                  {pages(crank.Price{Micros: 10, Included: 5}), 5, 0},
		"units after the included ones are not":    {pages(crank.Price{Micros: 10, Included: 5}), 8, 30},
		"the first tier ends with its last unit":   {pages(crank.Price{Tiers: tiers}), 10, 1000},
		"the next unit is of the next tier":        {pages(crank.Price{Tiers: tiers}), 11, 1050},
		"the last tier has no end":                 {pages(crank.Price{Tiers: tiers}), 120, 2200},
		"included units stand in the tiers' count": {pages(crank.Price{Included: 12, Tiers: tiers}), 21, 407},
		"tiers round once":                         {pages(crank.Price{Per: 1000, Tiers: tiers}), 21, 2},
		"nothing used costs nothing":               {pages(crank.Price{Micros: 30}), 0, 0},
	} {
		_, got, err := market.Rate(c.plan, crank.Usage{read("pages", c.used)})
		if err != nil || got != (crank.Money{Micros: c.want, Asset: "USD"}) {
			t.Errorf("%s: %d pages cost %v (%v), want %d", name, c.used, got, err, c.want)
		}
	}
}

func TestTheMinimumIsALineOfItsOwn(t *testing.T) {
	plan := crank.Plan{Asset: "USD", Minimum: 500, Prices: []crank.Price{{Meter: crank.MeterCalls, Micros: 120}}}
	lines, price, err := market.Rate(plan, crank.Usage{read(crank.MeterCalls, 1)})
	want := []crank.Line{{Meter: crank.MeterCalls, Quantity: 1, Micros: 120}, {Meter: market.LineMinimum, Quantity: 1, Micros: 380}}
	if err != nil || !slices.Equal(lines, want) || price.Micros != 500 {
		t.Errorf("a call under the minimum gives %v, %v, %v", lines, price, err)
	}
}

func TestMoneyThatDoesNotFitIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		prices []crank.Price
		used   int64
	}{
		"product":           {[]crank.Price{{Meter: "a", Micros: math.MaxInt64}}, 2},
		"sum of lines":      {[]crank.Price{{Meter: "a", Micros: math.MaxInt64}, {Meter: "b", Micros: 1}}, 1},
		"tiers":             {[]crank.Price{{Meter: "a", Tiers: []crank.Tier{{UpTo: 1, Micros: math.MaxInt64}, {Micros: math.MaxInt64}}}}, math.MaxInt64},
		"negative quantity": {[]crank.Price{{Meter: "a", Micros: 1}}, -1},
		"negative in tiers": {[]crank.Price{{Meter: "a", Tiers: []crank.Tier{{Micros: 1}}}}, -1},
		"negative price":    {[]crank.Price{{Meter: "a", Micros: -1}}, 1},
		"negative tier":     {[]crank.Price{{Meter: "a", Tiers: []crank.Tier{{Micros: -1}}}}, 1},
		"negative lot":      {[]crank.Price{{Meter: "a", Micros: 1, Per: -1}}, 1},
	} {
		_, got, err := market.Rate(crank.Plan{Asset: "USD", Prices: c.prices}, crank.Usage{read("a", c.used), read("b", c.used)})
		if !errors.Is(err, crank.E(crank.CodeMoneyRange, "")) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func anyPrice(meter string) *rapid.Generator[crank.Price] {
	return rapid.Custom(func(t *rapid.T) crank.Price {
		amount := rapid.Int64Range(0, 1e12)
		p := crank.Price{Meter: meter, Per: rapid.Int64Range(0, 1e6).Draw(t, "per"), Included: rapid.Int64Range(0, 1000).Draw(t, "included")}
		if rapid.Bool().Draw(t, "flat") {
			p.Micros = crank.Micros(amount.Draw(t, "micros"))
			return p
		}
		end := int64(0)
		for range rapid.IntRange(0, 4).Draw(t, "tiers") {
			end += rapid.Int64Range(1, 1e5).Draw(t, "width")
			p.Tiers = append(p.Tiers, crank.Tier{UpTo: end, Micros: crank.Micros(amount.Draw(t, "micros"))})
		}
		p.Tiers = append(p.Tiers, crank.Tier{Micros: crank.Micros(amount.Draw(t, "last"))})
		return p
	})
}

// exact charges unit by unit of each stretch, in numbers without end.
func exact(p crank.Price, quantity int64) *big.Int {
	sum, from := new(big.Int), p.Included
	tiers := p.Tiers
	if len(tiers) == 0 {
		tiers = []crank.Tier{{Micros: p.Micros}}
	}
	for _, t := range tiers {
		to := quantity
		if t.UpTo > 0 && t.UpTo < to {
			to = t.UpTo
		}
		if to > from {
			sum.Add(sum, new(big.Int).Mul(big.NewInt(to-from), big.NewInt(int64(t.Micros))))
			from = to
		}
	}
	per := big.NewInt(max(1, p.Per))
	quotient, rest := new(big.Int).QuoRem(sum, per, new(big.Int))
	if rest.Sign() > 0 {
		quotient.Add(quotient, big.NewInt(1))
	}
	return quotient
}

func TestRatingEqualsArithmeticWithoutEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyPrice("units").Draw(t, "price")
		quantity := rapid.Int64Range(0, math.MaxInt64).Draw(t, "quantity")
		want := exact(p, quantity)
		_, got, err := market.Rate(crank.Plan{Asset: "EUR", Prices: []crank.Price{p}}, crank.Usage{read("units", quantity)})
		if want.IsInt64() != (err == nil) || err == nil && int64(got.Micros) != want.Int64() {
			t.Fatalf("%d units cost %v (%v), want %s", quantity, got, err, want)
		}
	})
}

func TestUsingMoreNeverCostsLess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plan := crank.Plan{Asset: "EUR", Prices: []crank.Price{anyPrice("units").Draw(t, "price")}, Minimum: crank.Micros(rapid.Int64Range(0, 1e9).Draw(t, "minimum"))}
		less := rapid.Int64Range(0, 1e6).Draw(t, "less")
		more := less + rapid.Int64Range(0, 1e6).Draw(t, "more")
		_, low, err1 := market.Rate(plan, crank.Usage{read("units", less)})
		_, high, err2 := market.Rate(plan, crank.Usage{read("units", more)})
		if err1 != nil || err2 != nil || low.Micros > high.Micros {
			t.Fatalf("%d units cost %v (%v), %d cost %v (%v)", less, low, err1, more, high, err2)
		}
	})
}

func TestLinesAlwaysSumToThePrice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plan := crank.Plan{Asset: "EUR", Minimum: crank.Micros(rapid.Int64Range(0, 1e12).Draw(t, "minimum"))}
		var usage crank.Usage
		for _, meter := range []string{"calls", "pages", "input_bytes"} {
			if rapid.Bool().Draw(t, meter) {
				plan.Prices = append(plan.Prices, anyPrice(meter).Draw(t, "price"))
				usage = append(usage, read(meter, rapid.Int64Range(0, 1e5).Draw(t, "used")))
			}
		}
		lines, price, err := market.Rate(plan, usage)
		if err != nil {
			t.Fatal(err)
		}
		ceiling := crank.Money{Micros: crank.Micros(rapid.Int64Range(0, 1e12).Draw(t, "ceiling")), Asset: "EUR"}
		check := func(lines []crank.Line, price crank.Money) {
			sum := crank.Micros(0)
			for _, l := range lines {
				sum += l.Micros
			}
			if sum != price.Micros || price.Asset != "EUR" {
				t.Fatalf("lines %v do not sum to %v", lines, price)
			}
		}
		check(lines, price)
		capped, most := market.Cap(lines, price, ceiling)
		check(capped, most)
		if most.Micros != min(price.Micros, ceiling.Micros) {
			t.Fatalf("%v under the ceiling %v becomes %v", price, ceiling, most)
		}
	})
}

func TestAnUntrustedProviderIsPaidOnlyOnWhatThePlatformRead(t *testing.T) {
	usage := crank.Usage{
		{Meter: "calls", Quantity: 1, Source: crank.SourcePlatform},
		{Meter: "cpu_us", Quantity: 9, Source: crank.SourceHarness},
		{Meter: "pages", Quantity: 9, Source: crank.SourceWorker},
	}
	if got := market.Trusted(usage, true); !slices.Equal(got, usage[:1]) {
		t.Errorf("of an untrusted provider %v is charged", got)
	}
	if got := market.Trusted(usage, false); !slices.Equal(got, usage) {
		t.Errorf("of a trusted provider %v is charged", got)
	}
}

func TestADigestNamesOnePlan(t *testing.T) {
	plan := crank.Plan{Asset: "USD", Prices: []crank.Price{{Meter: "pages", Micros: 3}}}
	other := crank.Plan{Asset: "USD", Prices: []crank.Price{{Meter: "pages", Micros: 4}}}
	again := crank.Plan{Asset: "USD", Prices: []crank.Price{{Meter: "pages", Micros: 3}}}
	if market.Digest(plan) != market.Digest(again) || market.Digest(plan) == market.Digest(other) || market.Digest(plan).IsZero() {
		t.Error("equal plans must share a digest that others have not")
	}
}

func TestRatingAFlatPlanAllocatesAtMostTwice(t *testing.T) {
	plan := crank.Plan{Asset: "USD", Prices: []crank.Price{{Meter: crank.MeterCalls, Micros: 120}}}
	usage := crank.Usage{read(crank.MeterCalls, 1)}
	if n := testing.AllocsPerRun(100, func() { _, _, _ = market.Rate(plan, usage) }); n > 2 {
		t.Errorf("Rate allocates %v times", n)
	}
}

func BenchmarkRateFlat(b *testing.B) {
	plan := crank.Plan{Asset: "USD", Prices: []crank.Price{{Meter: crank.MeterCalls, Micros: 120}}}
	usage := crank.Usage{read(crank.MeterCalls, 1)}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := market.Rate(plan, usage); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRateTiers(b *testing.B) {
	plan := crank.Plan{Asset: "USD", Minimum: 10, Prices: []crank.Price{
		{Meter: crank.MeterCalls, Micros: 120},
		{Meter: "pages", Per: 10, Included: 3, Tiers: []crank.Tier{{UpTo: 100, Micros: 90}, {UpTo: 1000, Micros: 50}, {Micros: 20}}},
	}}
	usage := crank.Usage{read(crank.MeterCalls, 1), read("pages", 4321)}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := market.Rate(plan, usage); err != nil {
			b.Fatal(err)
		}
	}
}
