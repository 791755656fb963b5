// Package discoverytest is the contract of discovery.Service as tests. Every
// body passes it, near or far.
package discoverytest

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/discovery"
)

// Term is the lease's term that Body.Service must use.
const Term = 10 * time.Second

// Body is one implementation to test, with a clock that the test moves.
type Body struct {
	Service discovery.Service
	Advance func(time.Duration) // moves the clock and ends the leases that are over
}

// Run tests the bodies that fresh makes, one for each claim.
func Run(t *testing.T, fresh func(*testing.T) Body) {
	for _, claim := range []struct {
		name string
		test func(*testing.T, Body)
	}{
		{"AnOfferIsSeenOnceItIsPublished", published},
		{"PublishingAgainKeepsTheIds", again},
		{"EveryFaultOfAnOfferIsNamed", faults},
		{"ANewerIncarnationEndsTheOlderOffers", newer},
		{"AnOlderIncarnationNeverReturns", noGhosts},
		{"NoProviderEndsTheOffersOfAnother", strangers},
		{"ALeaseEndsInTimeUnlessRenewed", terms},
		{"AnUnhealthyOfferStaysInTheSnapshot", unhealthy},
		{"AWithdrawnOfferIsGoneAndItsCapabilityStaysKnown", withdrawn},
		{"AContractStandsWhileItIsOffered", contracts},
		{"ANameWithoutMajorMeansTheNewestOffered", majors},
		{"AMisspeltNameFindsItsNeighbours", nearest},
		{"WatchingLeadsToTheSameSnapshot", watching},
		{"PublishersDoNotDisturbOneAnother", together},
	} {
		t.Run(claim.name, func(t *testing.T) { claim.test(t, fresh(t)) })
	}
}

// Operation is a contract to publish in tests.
func Operation(c crank.Capability) crank.Operation {
	return crank.Operation{
		Capability: c, Summary: "turns one thing into another",
		Input:  json.RawMessage(`{"type":"object","properties":{"text":{"type":"string"}}}`),
		Output: json.RawMessage(`{"type":"object"}`),
		Limits: crank.Limits{InputBytes: 1 << 20, Time: time.Second},
		Meters: map[string]int64{"calls": 1},
		Plan:   crank.Plan{Asset: "USD", Prices: []crank.Price{{Meter: "calls", Micros: 100}}},
	}
}

// Offer is an offer to publish in tests.
func Offer(c crank.Capability, instance string, incarnation uint64) crank.Offer {
	return crank.Offer{
		Capability: c, Provider: "acme", Worker: "things", Instance: instance, Incarnation: incarnation,
		Address: "inproc:things", Zone: "eu-west-1", Isolation: "process", Healthy: true, Capacity: 4,
		Plan: crank.Plan{Asset: "USD", Prices: []crank.Price{{Meter: "calls", Micros: 100}}},
	}
}

func publish(t *testing.T, s discovery.Service, o crank.Offer) discovery.Lease {
	t.Helper()
	l, err := s.Publish(t.Context(), Operation(o.Capability), o)
	if err != nil {
		t.Fatalf("publish %s of %s: %v", o.Capability, o.Instance, err)
	}
	return l
}

func wantCode(t *testing.T, err error, code crank.Code) *crank.Error {
	t.Helper()
	if e := crank.AsError(err); e == nil || e.Code != code {
		t.Fatalf("got %v, want %s", err, code)
	}
	return crank.AsError(err)
}

// eventually waits for what reaches a far body's snapshot on its own.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for give := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(give) {
			t.Fatalf("%s: it never came about", what)
		}
	}
}

func instances(s *discovery.Snapshot, c crank.Capability) map[string]crank.Offer {
	all := map[string]crank.Offer{}
	for _, o := range s.Offers(c) {
		all[o.Provider+"/"+o.Instance] = o
	}
	return all
}

// follow applies the events of a watch until done says that it is enough.
func follow(ctx context.Context, t *testing.T, events <-chan discovery.Event, done func(*discovery.Snapshot) bool) *discovery.Snapshot {
	t.Helper()
	s := &discovery.Snapshot{}
	for {
		select {
		case e, open := <-events:
			if !open {
				t.Fatal("the watch ended by itself")
			}
			if s = s.Apply(e); done(s) {
				return s
			}
		case <-ctx.Done():
			t.Fatalf("the watch never led there; it shows %d capabilities", len(s.Capabilities()))
		}
	}
}
