package discoverytest

import (
	"testing"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/discovery"
)

const thing crank.Capability = "thing/turn@1"

func published(t *testing.T, b Body) {
	sent := Offer(thing, "a", 1)
	l := publish(t, b.Service, sent)
	snap := b.Service.Snapshot()
	if snap.Version() < l.Version {
		t.Fatalf("the snapshot is at %d, before the lease's %d", snap.Version(), l.Version)
	}
	offers := snap.Offers(thing)
	if len(offers) != 1 {
		t.Fatalf("%d offers, want 1", len(offers))
	}
	o := offers[0]
	contract, err := discovery.ContractDigest(Operation(thing))
	if err != nil {
		t.Fatal(err)
	}
	if o.ID == "" || o.ID != l.Offer || o.Contract != contract || !o.Expires.Equal(l.Expires) {
		t.Errorf("the offer is not filled in: %+v of lease %+v", o, l)
	}
	if o.Provider != sent.Provider || o.Address != sent.Address || o.Capacity != sent.Capacity || len(o.Plan.Prices) != 1 {
		t.Errorf("the offer is not what was sent: %+v", o)
	}
	op, ok := snap.Operation(thing)
	if !ok || op.Summary != Operation(thing).Summary || string(op.Input) != string(Operation(thing).Input) {
		t.Errorf("the operation is not what was sent: %v %+v", ok, op)
	}
}

func again(t *testing.T, b Body) {
	first := publish(t, b.Service, Offer(thing, "a", 1))
	dearer := Offer(thing, "a", 1)
	dearer.Plan.Prices[0].Micros = 250
	second := publish(t, b.Service, dearer)
	if first.ID != second.ID || first.Offer != second.Offer {
		t.Errorf("the ids changed from %+v to %+v", first, second)
	}
	offers := b.Service.Snapshot().Offers(thing)
	if len(offers) != 1 || offers[0].Plan.Prices[0].Micros != 250 {
		t.Errorf("the new price is not shown once: %+v", offers)
	}
}

func faults(t *testing.T, b Body) {
	o := Offer("other/turn@1", "", 0)
	o.Reputation, o.Capacity = 1001, -1
	_, err := b.Service.Publish(t.Context(), Operation(thing), o)
	e := wantCode(t, err, crank.CodeManifest)
	named := map[string]bool{}
	for _, f := range e.Faults {
		named[f.Path] = true
	}
	for _, path := range []string{"/offer/capability", "/offer/instance", "/offer/incarnation", "/offer/reputation", "/offer/capacity"} {
		if !named[path] {
			t.Errorf("%s is not among the faults %v", path, e.Faults)
		}
	}
	broken := Operation(thing)
	broken.Input = []byte(`{"type":`)
	_, err = b.Service.Publish(t.Context(), broken, Offer(thing, "a", 1))
	wantCode(t, err, crank.CodeManifest)
	if n := len(b.Service.Snapshot().Capabilities()); n != 0 {
		t.Errorf("%d capabilities are known after refused offers", n)
	}
}

func newer(t *testing.T, b Body) {
	publish(t, b.Service, Offer(thing, "a", 1))
	publish(t, b.Service, Offer("thing/weigh@1", "a", 1))
	publish(t, b.Service, Offer(thing, "b", 1))
	publish(t, b.Service, Offer(thing, "a", 2))
	snap := b.Service.Snapshot()
	if got := snap.Offers("thing/weigh@1"); len(got) != 0 {
		t.Errorf("an offer of incarnation 1 is still there: %+v", got)
	}
	all := instances(snap, thing)
	if len(all) != 2 || all["acme/a"].Incarnation != 2 || all["acme/b"].Incarnation != 1 {
		t.Errorf("want a of 2 and b of 1, got %+v", all)
	}
}

func noGhosts(t *testing.T, b Body) {
	old := publish(t, b.Service, Offer(thing, "a", 7))
	fresh := publish(t, b.Service, Offer(thing, "a", 8))
	_, err := b.Service.Renew(t.Context(), old.ID, 7, crank.SLO{}, true)
	wantCode(t, err, crank.CodeNotFound)
	_, err = b.Service.Renew(t.Context(), fresh.ID, 7, crank.SLO{}, true)
	wantCode(t, err, crank.CodeExists)
	if err := b.Service.Withdraw(t.Context(), old.ID); err != nil {
		t.Errorf("withdrawing what has ended: %v", err)
	}
	ghost := func(when string) {
		t.Helper()
		_, err := b.Service.Publish(t.Context(), Operation(thing), Offer(thing, "a", 7))
		wantCode(t, err, crank.CodeExists)
		if got := instances(b.Service.Snapshot(), thing)["acme/a"].Incarnation; got == 7 {
			t.Errorf("%s the ghost is offered", when)
		}
	}
	ghost("beside the newer one")
	if err := b.Service.Withdraw(t.Context(), fresh.ID); err != nil {
		t.Fatal(err)
	}
	ghost("after the newer one left")
	publish(t, b.Service, Offer(thing, "a", 8))
	b.Advance(Term)
	ghost("after the newer one's lease ended")
	publish(t, b.Service, Offer(thing, "a", 8)) // the newest may always come back
}

func strangers(t *testing.T, b Body) {
	publish(t, b.Service, Offer(thing, "a", 1))
	other := Offer(thing, "a", 9)
	other.Provider = "emca"
	publish(t, b.Service, other)
	if all := instances(b.Service.Snapshot(), thing); len(all) != 2 {
		t.Errorf("want both providers' offers, got %+v", all)
	}
}

func terms(t *testing.T, b Body) {
	keeps, leaves := publish(t, b.Service, Offer(thing, "keeps", 1)), publish(t, b.Service, Offer(thing, "leaves", 1))
	b.Advance(Term - 1)
	slo := crank.SLO{P50: 3_000_000, Availability: 999_000}
	renewed, err := b.Service.Renew(t.Context(), keeps.ID, 1, slo, true)
	if err != nil {
		t.Fatal(err)
	}
	if !renewed.Expires.After(keeps.Expires) {
		t.Errorf("the renewed lease ends at %v, not after %v", renewed.Expires, keeps.Expires)
	}
	if o := instances(b.Service.Snapshot(), thing)["acme/keeps"]; o.SLO != slo || !o.Expires.Equal(renewed.Expires) {
		t.Errorf("the renewal does not show: %+v", o)
	}
	b.Advance(1)
	eventually(t, "the lease that was not renewed ends", func() bool {
		all := instances(b.Service.Snapshot(), thing)
		return len(all) == 1 && all["acme/keeps"].ID == keeps.Offer
	})
	_, err = b.Service.Renew(t.Context(), leaves.ID, 1, slo, true)
	wantCode(t, err, crank.CodeNotFound)
	_, err = b.Service.Renew(t.Context(), "lease_unheard", 1, slo, true)
	wantCode(t, err, crank.CodeNotFound)
}

func unhealthy(t *testing.T, b Body) {
	l := publish(t, b.Service, Offer(thing, "a", 1))
	for _, healthy := range []bool{false, true} {
		if _, err := b.Service.Renew(t.Context(), l.ID, 1, crank.SLO{}, healthy); err != nil {
			t.Fatal(err)
		}
		if o, ok := instances(b.Service.Snapshot(), thing)["acme/a"]; !ok || o.Healthy != healthy {
			t.Errorf("after renewing with healthy=%v it shows %v, %v", healthy, ok, o.Healthy)
		}
	}
}

func withdrawn(t *testing.T, b Body) {
	l := publish(t, b.Service, Offer(thing, "a", 1))
	for range 2 {
		if err := b.Service.Withdraw(t.Context(), l.ID); err != nil {
			t.Fatal(err)
		}
	}
	snap := b.Service.Snapshot()
	if offers := snap.Offers(thing); len(offers) != 0 {
		t.Errorf("still offered: %+v", offers)
	}
	if _, known := snap.Operation(thing); !known {
		t.Error("the capability is forgotten, so a call of it would be told that it never was")
	}
}
