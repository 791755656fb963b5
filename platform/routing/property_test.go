package routing_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/routing"
)

func anyOffer(t *rapid.T, id string) crank.Offer {
	return offer(id, func(o *crank.Offer) {
		o.Healthy = rapid.IntRange(0, 5).Draw(t, "healthy") > 0
		o.Plan.Minimum = crank.Micros(rapid.OneOf(rapid.Int64Range(0, 1000), rapid.Int64Range(0, 1<<62)).Draw(t, "price"))
		o.SLO.P50 = time.Duration(rapid.OneOf(rapid.Int64Range(0, int64(time.Second)), rapid.Int64Range(0, 1<<62)).Draw(t, "p50"))
		o.Carbon = rapid.Int64Range(0, 1<<62).Draw(t, "carbon")
		o.Reputation = rapid.IntRange(0, 1000).Draw(t, "reputation")
		o.Zone = rapid.SampledFrom([]string{"", "eu", "eu-west-1", "us-east-1"}).Draw(t, "zone")
		o.Provider = rapid.SampledFrom([]string{"p", "q"}).Draw(t, "provider")
	})
}

func anyCall(t *rapid.T) crank.Call {
	call := crank.Call{}
	c := &call.Constraints
	c.Prefer = rapid.SampledFrom([]string{"", "cost", "latency", "carbon", "balanced"}).Draw(t, "prefer")
	if rapid.Bool().Draw(t, "capped") {
		c.MaxPrice = crank.Money{Micros: crank.Micros(rapid.Int64Range(0, 1000).Draw(t, "most")), Asset: "USD"}
	}
	if rapid.Bool().Draw(t, "reputable") {
		c.MinReputation = rapid.IntRange(0, 1000).Draw(t, "least")
	}
	c.Residency = rapid.SampledFrom([]string{"", "", "eu", "us"}).Draw(t, "residency")
	return call
}

func TestEveryOfferIsEitherServedOrToldWhyNot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &shelf{}
		for i := range rapid.IntRange(0, 8).Draw(t, "offers") {
			s.offers = append(s.offers, anyOffer(t, fmt.Sprint(i)))
		}
		call := anyCall(t)
		r := routing.New(routing.Config{Offers: s, Quoter: s, Zone: "eu-west-1", Now: func() time.Time { return noon }})
		found, err := r.Match(context.Background(), call, turn, allowed)
		if (err == nil) != (len(found) > 0) {
			t.Fatalf("%d found and %v", len(found), err)
		}
		serves := map[string]bool{}
		for i, c := range found {
			o := c.Offer
			serves[o.ID] = true
			if !o.Healthy || o.Reputation < call.Constraints.MinReputation || c.Score < 1 || c.Score > 100_000 || c.Lost != "" || c.Quote.Offer != o.ID {
				t.Fatalf("%+v must not serve", c)
			}
			if most := call.Constraints.MaxPrice; most.Asset != "" && o.Plan.Minimum > most.Micros {
				t.Fatalf("%+v is dearer than %s", c, most)
			}
			if i > 1 && c.Score < found[i-1].Score {
				t.Fatalf("the fallbacks are out of order: %d after %d", c.Score, found[i-1].Score)
			}
			if found[0].Score > c.Score+c.Score/10 {
				t.Fatalf("the winner scores %d while %d was to be had", found[0].Score, c.Score)
			}
		}
		told, _ := r.Explain(context.Background(), call, turn, allowed)
		if len(told) != len(s.offers) {
			t.Fatalf("%d explained of %d", len(told), len(s.offers))
		}
		for i, c := range told {
			if winner := i == 0 && len(found) > 0; winner != (c.Lost == "") || serves[c.Offer.ID] != (c.Score > 0) {
				t.Fatalf("candidate %d, winner %v, serves %v: %+v", i, winner, serves[c.Offer.ID], c)
			}
		}
	})
}

func TestBeingBetterNeverMakesAnOfferRankWorse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &shelf{}
		for i := range rapid.IntRange(2, 6).Draw(t, "offers") {
			o := anyOffer(t, fmt.Sprint(i))
			o.Healthy = true
			s.offers = append(s.offers, o)
		}
		call := crank.Call{Constraints: crank.Constraints{Prefer: rapid.SampledFrom([]string{"cost", "latency", "carbon", "balanced"}).Draw(t, "prefer")}}
		r := routing.New(routing.Config{Offers: s, Quoter: s, Now: func() time.Time { return noon }})
		lead := func() map[string]int64 { // by how much each other scores worse than offer 0
			all, err := r.Explain(context.Background(), call, turn, allowed)
			if err != nil {
				t.Fatal(err)
			}
			ahead := map[string]int64{}
			for _, c := range all {
				ahead[c.Offer.ID] += c.Score
				for _, other := range s.offers {
					if c.Offer.ID == "0" {
						ahead[other.ID] -= c.Score
					}
				}
			}
			return ahead
		}
		before := lead()
		o := &s.offers[0]
		switch rapid.IntRange(0, 2).Draw(t, "how") {
		case 0:
			o.Plan.Minimum /= 2
		case 1:
			o.Reputation = 1000
		case 2:
			o.Carbon -= o.Carbon / 2
		}
		const rounding = 200 // each term of either may be rounded by one part
		for id, after := range lead() {
			if after < before[id]-rounding {
				t.Fatalf("offer 0 became better, and its lead over %s fell from %d to %d", id, before[id], after)
			}
		}
	})
}

func benchMatch(b *testing.B, n int) {
	s := &shelf{}
	for i := range n {
		s.offers = append(s.offers, offer(fmt.Sprint(i)))
	}
	r := routing.New(routing.Config{Offers: s, Quoter: s, Zone: "eu-west-1", Now: func() time.Time { return noon }})
	for i := range n {
		r.Begin(fmt.Sprint(i))(nil)
	}
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Match(ctx, crank.Call{}, turn, allowed); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMatchOne(b *testing.B)     { benchMatch(b, 1) }
func BenchmarkMatchFour(b *testing.B)    { benchMatch(b, 4) }
func BenchmarkMatchHundred(b *testing.B) { benchMatch(b, 100) }

func BenchmarkBeginEnd(b *testing.B) {
	r, _ := router(offer("a"))
	b.ReportAllocs()
	for b.Loop() {
		r.Begin("a")(nil)
	}
}

func TestMatchingASingleOfferAllocatesOnce(t *testing.T) {
	r, _ := router(offer("a"))
	r.Begin("a")(nil)
	n := testing.AllocsPerRun(100, func() {
		if _, err := r.Match(context.Background(), crank.Call{}, turn, allowed); err != nil {
			t.Fatal(err)
		}
	})
	if n > 3 {
		t.Errorf("%v allocations, want at most 3", n)
	}
}
