package routing_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/routing"
)

const thing crank.Capability = "thing/turn@1"

var (
	noon    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	allowed = crank.Decision{Allow: true}
	turn    = crank.Operation{Capability: thing}
)

// shelf is a fixed set of offers, each of which costs what its plan's minimum says.
type shelf struct{ offers []crank.Offer }

func (s *shelf) Offers(crank.Capability) []crank.Offer { return s.offers }

func (s *shelf) Quote(_ crank.Call, _ crank.Operation, o crank.Offer) (crank.Quote, error) {
	if o.Plan.Minimum < 0 {
		return crank.Quote{}, crank.E(crank.CodePlanInvalid, "the plan is damaged")
	}
	return crank.Quote{Offer: o.ID, Ceiling: crank.Money{Micros: o.Plan.Minimum, Asset: o.Plan.Asset}}, nil
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time          { c.mu.Lock(); defer c.mu.Unlock(); return c.now }
func (c *clock) advance(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.now = c.now.Add(d) }

func offer(id string, change ...func(*crank.Offer)) crank.Offer {
	o := crank.Offer{
		ID: id, Capability: thing, Worker: "w-" + id, Provider: "p-" + id, Instance: "i", Zone: "eu-west-1", Healthy: true,
		Expires: noon.Add(time.Hour), Capacity: 10, Plan: crank.Plan{Asset: "USD", Minimum: 100},
	}
	for _, f := range change {
		f(&o)
	}
	return o
}

func router(offers ...crank.Offer) (*routing.Router, *clock) {
	c, s := &clock{now: noon}, &shelf{offers}
	return routing.New(routing.Config{Offers: s, Quoter: s, Now: c.Now, Rand: func(int) int { return 0 }}), c
}

func match(t *testing.T, r *routing.Router, call crank.Call) string {
	t.Helper()
	all, err := r.Match(t.Context(), call, turn, allowed)
	if err != nil {
		t.Fatal(err)
	}
	return ids(all)
}

func ids(all []crank.Candidate) string {
	var s []string
	for _, c := range all {
		s = append(s, c.Offer.ID)
	}
	return strings.Join(s, " ")
}

func code(err error) crank.Code {
	if err == nil {
		return ""
	}
	return crank.AsError(err).Code
}

func TestEachReasonToLoseIsTold(t *testing.T) {
	good := offer("good")
	asks := func(c crank.Constraints) crank.Call { return crank.Call{Constraints: c} }
	for _, c := range []struct {
		name  string
		bad   crank.Offer
		call  crank.Call
		bound crank.Obligations
		words string
		code  crank.Code // when it is the only offer
	}{
		{name: "unhealthy", bad: offer("bad", func(o *crank.Offer) { o.Healthy = false }), words: "not healthy"},
		{name: "lapsed", bad: offer("bad", func(o *crank.Offer) { o.Expires = noon }), words: "lease ended"},
		{name: "provider", bad: offer("bad"), call: asks(crank.Constraints{Provider: "p-good"}), words: "asks for p-good"},
		{name: "allowed provider", bad: offer("bad"), bound: crank.Obligations{Providers: []string{"p-good"}}, words: "only p-good"},
		{name: "region", bad: offer("bad", func(o *crank.Offer) { o.Zone = "us-east-1" }), bound: crank.Obligations{Regions: []string{"ch", "eu"}}, words: "only ch, eu"},
		{name: "region cut short", bad: offer("bad", func(o *crank.Offer) { o.Zone = "europa" }), bound: crank.Obligations{Regions: []string{"eu"}}, words: "runs in europa"},
		{name: "residency", bad: offer("bad", func(o *crank.Offer) { o.Zone = "" }), call: asks(crank.Constraints{Residency: "eu-west"}), words: "does not say where"},
		{name: "reputation", bad: offer("bad", func(o *crank.Offer) { o.Reputation = 10 }), call: asks(crank.Constraints{MinReputation: 500}), words: "reputation is 10"},
		{name: "no reputation", bad: offer("bad"), call: asks(crank.Constraints{MinReputation: 500}), words: "not known"},
		{name: "carbon", bad: offer("bad", func(o *crank.Offer) { o.Carbon = 901 }), call: asks(crank.Constraints{MaxCarbon: 900}), words: "emits 901"},
		{name: "no carbon", bad: offer("bad"), call: asks(crank.Constraints{MaxCarbon: 900}), words: "does not say what"},
		{name: "slow", bad: offer("bad", func(o *crank.Offer) { o.SLO.P50 = 2 * time.Second }), call: crank.Call{Deadline: noon.Add(time.Second)}, words: "longer than 2s", code: crank.CodeDeadline},
		{name: "no price", bad: offer("bad", func(o *crank.Offer) { o.Plan.Minimum = -1 }), words: "the plan is damaged"},
		{name: "asset", bad: offer("bad", func(o *crank.Offer) { o.Plan.Asset = "EUR" }), call: asks(crank.Constraints{MaxPrice: crank.Money{Micros: 500, Asset: "USD"}}), words: "priced in EUR"},
		{name: "dear", bad: offer("bad", func(o *crank.Offer) { o.Plan.Minimum = 501 }), call: asks(crank.Constraints{MaxPrice: crank.Money{Micros: 500, Asset: "USD"}}), words: "the call allows 0.0005 USD", code: crank.CodePriceCap},
		{name: "dear for policy", bad: offer("bad", func(o *crank.Offer) { o.Plan.Minimum = 501 }), bound: crank.Obligations{MaxPrice: 500}, words: "policy allows 0.0005", code: crank.CodePriceCap},
	} {
		t.Run(c.name, func(t *testing.T) {
			good := good
			good.Reputation, good.Carbon, good.SLO.P50 = 900, 900, time.Millisecond
			d := crank.Decision{Allow: true, Obligations: c.bound}
			r, _ := router(c.bad, good)
			all, err := r.Match(t.Context(), c.call, turn, d)
			if err != nil || ids(all) != "good" {
				t.Errorf("matched %q, %v; want the good one alone", ids(all), err)
			}
			all, err = r.Explain(t.Context(), c.call, turn, d)
			if err != nil || ids(all) != "good bad" || all[0].Lost != "" || !strings.Contains(all[1].Lost, c.words) || all[1].Score != 0 {
				t.Errorf("explained %+v, %v; want %q", all, err, c.words)
			}
			alone, _ := router(c.bad)
			_, err = alone.Match(t.Context(), c.call, turn, d)
			want := c.code
			if want == "" {
				want = crank.CodeNoOffer
			}
			e := crank.AsError(err)
			if code(err) != want || len(e.Faults) != 1 || !strings.Contains(e.Faults[0].Reason, c.words) {
				t.Errorf("alone: %v; want %s with %q", err, want, c.words)
			}
		})
	}
}

func TestCallsThatCannotBeRoutedSayWhy(t *testing.T) {
	r, _ := router(offer("a"))
	late, stop := context.WithDeadline(t.Context(), noon.Add(-time.Second))
	defer stop()
	for _, c := range []struct {
		name string
		ctx  context.Context
		call crank.Call
		d    crank.Decision
		want crank.Code
	}{
		{"denied", t.Context(), crank.Call{}, crank.Decision{}, crank.CodeDenied},
		{"preference", t.Context(), crank.Call{Constraints: crank.Constraints{Prefer: "luck"}}, allowed, crank.CodeConstraint},
		{"negative price", t.Context(), crank.Call{Constraints: crank.Constraints{MaxPrice: crank.Money{Micros: -1, Asset: "USD"}}}, allowed, crank.CodeConstraint},
		{"call's deadline", t.Context(), crank.Call{Deadline: noon}, allowed, crank.CodeDeadline},
		{"context's deadline", late, crank.Call{Deadline: noon.Add(time.Hour)}, allowed, crank.CodeDeadline},
	} {
		if _, err := r.Match(c.ctx, c.call, turn, c.d); code(err) != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	none, _ := router()
	if all, err := none.Explain(t.Context(), crank.Call{}, turn, allowed); code(err) != crank.CodeNoOffer || len(all) != 0 {
		t.Errorf("with no offers: %v %v", all, err)
	}
}

func TestPreferDecidesWhatCounts(t *testing.T) {
	r, _ := router(
		offer("cheap", func(o *crank.Offer) { o.Plan.Minimum, o.SLO.P50, o.Carbon = 10, 900*time.Millisecond, 900 }),
		offer("fast", func(o *crank.Offer) { o.Plan.Minimum, o.SLO.P50, o.Carbon = 900, 10*time.Millisecond, 900 }),
		offer("clean", func(o *crank.Offer) { o.Plan.Minimum, o.SLO.P50, o.Carbon = 900, 900*time.Millisecond, 10 }),
	)
	for prefer, want := range map[string]string{"cost": "cheap", "latency": "fast", "carbon": "clean"} {
		if got := match(t, r, crank.Call{Constraints: crank.Constraints{Prefer: prefer}}); !strings.HasPrefix(got, want) {
			t.Errorf("prefer %s: %s, want %s first", prefer, got, want)
		}
	}
}

func TestOfTwoNearEqualsTheOneWithLessToDoWins(t *testing.T) {
	r, _ := router(offer("busy", func(o *crank.Offer) { o.Plan.Minimum = 95 }), offer("idle"))
	call := crank.Call{Constraints: crank.Constraints{Prefer: "cost"}}
	if got := match(t, r, call); got != "busy idle" {
		t.Fatalf("%q: the cheaper one wins while both are idle and the draw falls on it", got)
	}
	r.Begin("busy")
	if got := match(t, r, call); got != "idle busy" {
		t.Errorf("%q", got)
	}
}

func TestHugePricesAreStillCompared(t *testing.T) {
	r, _ := router(offer("dear", func(o *crank.Offer) { o.Plan.Minimum = 1 << 61 }), offer("cheap", func(o *crank.Offer) { o.Plan.Minimum = 1 << 58 }))
	all, err := r.Match(t.Context(), crank.Call{Constraints: crank.Constraints{Prefer: "cost"}}, turn, allowed)
	if err != nil || ids(all) != "cheap dear" || all[1].Score < 3*all[0].Score {
		t.Errorf("%q, %v, %+v", ids(all), err, all)
	}
}

func TestANearOfferWinsOverADistantEqual(t *testing.T) {
	s := &shelf{[]crank.Offer{offer("far", func(o *crank.Offer) { o.Zone = "us-east-1" }), offer("near")}}
	r := routing.New(routing.Config{Offers: s, Quoter: s, Zone: "eu-west-1", Now: func() time.Time { return noon }})
	all, err := r.Explain(t.Context(), crank.Call{Constraints: crank.Constraints{Prefer: "latency"}}, turn, allowed)
	if err != nil || all[0].Score >= all[1].Score && all[0].Offer.ID != "near" {
		t.Errorf("%+v, %v", all, err)
	}
	if score := map[string]int64{all[0].Offer.ID: all[0].Score, all[1].Offer.ID: all[1].Score}; score["near"] >= score["far"] {
		t.Errorf("near scores %d, far %d", score["near"], score["far"])
	}
}

func TestTheBusierOfTwoEqualsDoesNotGetMore(t *testing.T) {
	s := &shelf{}
	for i := range 5 {
		s.offers = append(s.offers, offer(fmt.Sprint(i)))
	}
	r := routing.New(routing.Config{Offers: s, Quoter: s, Now: func() time.Time { return noon }})
	for range 500 { // none of which ends
		all, err := r.Match(t.Context(), crank.Call{}, turn, allowed)
		if err != nil {
			t.Fatal(err)
		}
		r.Begin(all[0].Offer.ID)
	}
	for i := range 5 {
		if n := r.Seen(fmt.Sprint(i)).UnderWay; n < 70 || n > 130 {
			t.Errorf("offer %d has %d of 500 calls, want about 100", i, n)
		}
	}
}

func TestAnOfferThatCannotBeReachedIsLeftAloneThenTriedOnce(t *testing.T) {
	r, c := router(offer("a"))
	gone := crank.E(crank.CodeWorkerGone, "gone")
	for i := range 5 {
		if got := match(t, r, crank.Call{}); got != "a" {
			t.Fatalf("after %d misses: %q", i, got)
		}
		r.Begin("a")(gone)
	}
	open := func() bool {
		_, err := r.Match(t.Context(), crank.Call{}, turn, allowed)
		return code(err) == crank.CodeNoOffer
	}
	if !open() {
		t.Fatal("after five misses the circuit is closed")
	}
	c.advance(time.Second)
	if open() {
		t.Fatal("its break is over and it is not tried")
	}
	trial := r.Begin("a")
	if !open() {
		t.Error("a second call goes along with the trial")
	}
	trial(gone)
	trial(nil) // a second end does nothing
	c.advance(time.Second)
	if !open() {
		t.Error("the second break is no longer than the first")
	}
	c.advance(time.Second)
	r.Begin("a")(nil)
	if s := r.Seen("a"); s.Open || s.UnderWay != 0 {
		t.Errorf("after a good trial: %+v", s)
	}
}

func TestNoCallersInputOpensACircuit(t *testing.T) {
	r, _ := router(offer("a"), offer("b"))
	for _, err := range []error{
		crank.E(crank.CodeWorkerFailed, "crashed on it"), crank.E(crank.CodeMalformedFile, "bad"), crank.E(crank.CodeCancelled, "gone"),
		crank.E(crank.CodeDeadline, "short"), crank.E(crank.CodeWorkerLimit, "big"), errors.New("unknown"),
	} {
		for range 50 {
			r.Begin("a")(err)
		}
		if r.Seen("a").Open {
			t.Fatalf("%v opened it", err)
		}
	}
	if got := match(t, r, crank.Call{}); got != "b a" {
		t.Errorf("%q: the one that fails should come last", got)
	}
}

func TestLatencySeenCountsMoreThanLatencyPromised(t *testing.T) {
	r, c := router(
		offer("boasts", func(o *crank.Offer) { o.SLO.P50 = time.Millisecond }),
		offer("honest", func(o *crank.Offer) { o.SLO.P50 = 20 * time.Millisecond }),
	)
	if got := match(t, r, crank.Call{}); got != "boasts honest" {
		t.Errorf("unseen: %q", got)
	}
	for range 10 {
		end := r.Begin("boasts")
		c.advance(200 * time.Millisecond)
		end(nil)
	}
	if got := match(t, r, crank.Call{}); got != "honest boasts" {
		t.Errorf("seen: %q", got)
	}
	if s := r.Seen("boasts"); s.Latency != 200*time.Millisecond {
		t.Errorf("ten calls of 200ms average %v", s.Latency)
	}
}

func TestMatchingAndEndingRaceSafely(t *testing.T) {
	r, _ := router(offer("a"), offer("b"), offer("c"))
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for i := range 300 {
				found, err := r.Match(t.Context(), crank.Call{}, turn, allowed)
				if code(err) == crank.CodeNoOffer {
					continue // all three circuits happen to be open
				}
				end := r.Begin(found[0].Offer.ID)
				if (w+i)%7 == 0 {
					end(crank.E(crank.CodeWorkerGone, "gone"))
				}
				end(nil)
				end(nil)
			}
		})
	}
	all.Wait()
	for _, id := range []string{"a", "b", "c"} {
		if s := r.Seen(id); s.UnderWay != 0 || s.Failures < 0 || s.Failures > 1_000_000 {
			t.Errorf("%s: %+v", id, s)
		}
	}
}
