package market_test

import (
	"errors"
	"math"
	"testing"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/market"
)

func TestASoundPlanIsAccepted(t *testing.T) {
	plan := crank.Plan{Asset: "USD", Minimum: 5, Split: crank.DefaultSplit, Prices: []crank.Price{
		{Meter: crank.MeterCalls, Micros: 100},
		{Meter: crank.MeterInputBytes, Micros: 1, Per: 1000, Included: 4096},
		{Meter: "pages", Tiers: []crank.Tier{{UpTo: 10, Micros: 3}, {Micros: 2}}},
	}}
	if err := market.Validate(plan, map[string]int64{"pages": 10_000}); err != nil {
		t.Error(err)
	}
	if err := market.Validate(crank.Plan{Asset: "CREDIT"}, nil); err != nil {
		t.Errorf("a free plan: %v", err)
	}
}

func TestEveryFaultOfAPlanIsNamedAtOnce(t *testing.T) {
	plan := crank.Plan{Asset: "usd", Minimum: -1, Split: crank.Split{Provider: 9000, Platform: 2000, Quality: -500}, Prices: []crank.Price{
		{Meter: "pages", Micros: -1, Per: -1, Included: -1},
		{Meter: "calls", Tiers: []crank.Tier{{UpTo: 10, Micros: -1}, {UpTo: 10}, {UpTo: 20}}},
		{Meter: "calls"},
		{Meter: "Bad Meter"},
		{Meter: "rows"},
	}}
	err := market.Validate(plan, map[string]int64{"rows": 0})
	e := crank.AsError(err)
	if !errors.Is(err, crank.E(crank.CodePlanInvalid, "")) {
		t.Fatalf("got %v", err)
	}
	got := map[string]bool{}
	for _, f := range e.Faults {
		got[f.Path] = true
	}
	for _, want := range []string{
		"/asset", "/minimum_micros", "/prices/0/meter", "/prices/0/micros", "/prices/0/per", "/prices/0/included",
		"/prices/1/tiers/0/micros", "/prices/1/tiers/1/up_to", "/prices/1/tiers/2/up_to", "/prices/2/meter", "/prices/3/meter", "/prices/4/meter",
		"/split/quality", "/split",
	} {
		if !got[want] {
			t.Errorf("%s is not named in %v", want, err)
		}
	}
}

func TestAPlanWhoseLargestCallDoesNotFitIsRefused(t *testing.T) {
	plan := crank.Plan{Asset: "USD", Prices: []crank.Price{{Meter: "pages", Micros: math.MaxInt64 / 10}}}
	if err := market.Validate(plan, map[string]int64{"pages": 11}); err == nil {
		t.Error("a call of 11 pages cannot be paid, yet the plan is accepted")
	}
	if err := market.Validate(plan, map[string]int64{"pages": 10}); err != nil {
		t.Error(err)
	}
}
