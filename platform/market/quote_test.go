package market_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
	"github.com/crank-platform/crank/platform/market"
)

var noon = time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)

func convert() (crank.Call, crank.Operation, crank.Offer) {
	op := crank.Operation{Capability: "document/convert@1", Meters: map[string]int64{"pages": 50}, Limits: crank.Limits{InputBytes: 1000}}
	offer := crank.Offer{ID: "offer_1", Capability: op.Capability, Plan: crank.Plan{Asset: "USD", Prices: []crank.Price{
		{Meter: crank.MeterCalls, Micros: 100}, {Meter: "pages", Micros: 10}, {Meter: crank.MeterInputBytes, Micros: 1},
	}}}
	call := crank.Call{Principal: crank.Principal{Payer: crank.Payer{Tenant: "tenant_1"}}, Capability: op.Capability}
	return call, op, offer
}

func TestAQuoteIsACeilingForWhateverTheCallUses(t *testing.T) {
	q := market.NewQuoter(market.Config{})
	rapid.Check(t, func(t *rapid.T) {
		call, op, offer := convert()
		offer.Plan.Prices[1] = anyPrice("pages").Draw(t, "pages price")
		call.Input = json.RawMessage(fmt.Sprintf(`{"text":%q}`, rapid.StringMatching(`[a-z]{0,50}`).Draw(t, "text")))
		quote, err := q.Quote(call, op, offer, noon)
		if err != nil {
			t.Fatal(err)
		}
		usage := crank.Usage{read("calls", 1), read("pages", rapid.Int64Range(0, 50).Draw(t, "pages")), read("input_bytes", int64(len(call.Input)))}
		_, price, err := market.Rate(offer.Plan, usage)
		if err != nil || price.Micros > quote.Ceiling.Micros {
			t.Fatalf("a call costs %v (%v), quoted at most %v", price, err, quote.Ceiling)
		}
	})
}

func TestAQuoteCountsTheInputThatTheCallHas(t *testing.T) {
	q := market.NewQuoter(market.Config{Valid: time.Minute})
	call, op, offer := convert()
	blob := crank.BlobRef{Digest: crank.DigestOf("test"), Size: 300}
	for input, want := range map[string]crank.Micros{
		"":                         100 + 500 + 1000,
		`{ "a" : 1.0 }`:            100 + 500 + 7,
		string(asJSON(t, blob)):    100 + 500 + 300 + crank.Micros(len(asJSON(t, blob))),
		`{"$blob":"","size":null}`: 100 + 500 + 1000,
	} {
		call.Input = json.RawMessage(input)
		quote, err := q.Quote(call, op, offer, noon)
		if err != nil || quote.Ceiling.Micros != want {
			t.Errorf("%q is quoted %v (%v), want %d", input, quote.Ceiling, err, want)
		}
		if quote.ID != "" || quote.Offer != offer.ID || !quote.Expires.Equal(noon.Add(time.Minute)) || quote.PlanDigest != market.Digest(offer.Plan) {
			t.Errorf("the quote is %+v", quote)
		}
	}
}

func asJSON(t *testing.T, v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAPriceWithoutABoundIsNotQuoted(t *testing.T) {
	q := market.NewQuoter(market.Config{})
	call, op, offer := convert()
	op.Meters = nil
	if _, err := q.Quote(call, op, offer, noon); !errors.Is(err, crank.E(crank.CodePlanInvalid, "")) {
		t.Errorf("an unbounded meter gives %v", err)
	}
	call, op, offer = convert()
	op.Limits.InputBytes = 0
	if _, err := q.Quote(call, op, offer, noon); !errors.Is(err, crank.E(crank.CodeInvalidInput, "")) {
		t.Errorf("an input without size or bound gives %v", err)
	}
}

func TestAnIssuedQuoteIsHonouredWithItsOwnPlanUntilItExpires(t *testing.T) {
	q := market.NewQuoter(market.Config{Valid: time.Minute})
	call, op, offer := convert()
	call.Input = json.RawMessage(`{"text":"four"}`)
	quote, err := q.Issue(call, op, offer, noon)
	if err != nil || !ids.Valid("quote", quote.ID) {
		t.Fatalf("issued %+v, %v", quote, err)
	}
	call.Quote = quote.ID
	got, plan, err := q.Honour(call, op, noon.Add(59*time.Second))
	if err != nil || got.ID != quote.ID || market.Digest(plan) != quote.PlanDigest {
		t.Errorf("honoured as %+v, %v", got, err)
	}
	refused := func(why string, call crank.Call, op crank.Operation, at time.Time) {
		t.Helper()
		if _, _, err := q.Honour(call, op, at); !errors.Is(err, crank.E(crank.CodeQuoteExpired, "")) || !strings.Contains(err.Error(), why) {
			t.Errorf("want a refusal that says %q, got %v", why, err)
		}
	}
	other := call
	other.Principal.Tenant = "tenant_2"
	refused("not known", other, op, noon)
	larger := call
	larger.Input = json.RawMessage(`{"text":"longer"}`)
	refused("smaller input", larger, op, noon)
	foreign := op
	foreign.Capability = "email/parse@1"
	refused("document/convert@1", call, foreign, noon)
	refused("expired", call, op, noon.Add(time.Minute))
	refused("not known", call, op, noon) // forgotten once expired
}

func TestNoMoreQuotesAreKeptThanConfigured(t *testing.T) {
	q := market.NewQuoter(market.Config{Most: 2})
	call, op, offer := convert()
	var issued []string
	for range 3 {
		quote, err := q.Issue(call, op, offer, noon)
		if err != nil {
			t.Fatal(err)
		}
		issued = append(issued, quote.ID)
	}
	for i, id := range issued {
		call.Quote = id
		if _, _, err := q.Honour(call, op, noon); (err == nil) != (i > 0) {
			t.Errorf("quote %d of 3: %v", i+1, err)
		}
	}
}

func BenchmarkQuoteFlat(b *testing.B) {
	q := market.NewQuoter(market.Config{})
	call, op, offer := convert()
	offer.Plan.Prices = offer.Plan.Prices[:1]
	offer.PlanDigest = market.Digest(offer.Plan)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := q.Quote(call, op, offer, noon); err != nil {
			b.Fatal(err)
		}
	}
}
