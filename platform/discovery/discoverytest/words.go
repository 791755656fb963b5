package discoverytest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/discovery"
)

func contracts(t *testing.T, b Body) {
	first := publish(t, b.Service, Offer(thing, "a", 1))
	otherPrice := Operation(thing)
	otherPrice.Plan.Prices = []crank.Price{{Meter: "calls", Micros: 5}}
	if _, err := b.Service.Publish(t.Context(), otherPrice, Offer(thing, "b", 1)); err != nil {
		t.Fatalf("another price is refused as another contract: %v", err)
	}
	changed := Operation(thing)
	changed.Input = []byte(`{"type":"string"}`)
	_, err := b.Service.Publish(t.Context(), changed, Offer(thing, "c", 1))
	wantCode(t, err, crank.CodeManifest)
	wrong := Offer(thing, "d", 1)
	wrong.Contract = crank.DigestOf("test", []byte("another"))
	_, err = b.Service.Publish(t.Context(), Operation(thing), wrong)
	wantCode(t, err, crank.CodeManifest)
	if got := len(b.Service.Snapshot().Offers(thing)); got != 2 {
		t.Fatalf("%d offers, want the 2 that agree", got)
	}
	if err := b.Service.Withdraw(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	// The only instance left starts anew with another contract: nobody else holds the old one.
	if _, err := b.Service.Publish(t.Context(), changed, Offer(thing, "b", 2)); err != nil {
		t.Fatalf("the last offerer may not change its contract: %v", err)
	}
	if op, _ := b.Service.Snapshot().Operation(thing); string(op.Input) != string(changed.Input) {
		t.Errorf("the old contract still shows: %s", op.Input)
	}
}

func majors(t *testing.T, b Body) {
	publish(t, b.Service, Offer("thing/turn@9", "a", 1))
	ten := publish(t, b.Service, Offer("thing/turn@10", "a", 1))
	means := func() crank.Capability {
		op, _ := b.Service.Snapshot().Operation("thing/turn")
		return op.Capability
	}
	if means() != "thing/turn@10" {
		t.Errorf("thing/turn means %s, want the newest", means())
	}
	if o := b.Service.Snapshot().Offers("thing/turn"); len(o) != 1 || o[0].ID != ten.Offer {
		t.Errorf("the offers of thing/turn are %+v", o)
	}
	if err := b.Service.Withdraw(t.Context(), ten.ID); err != nil {
		t.Fatal(err)
	}
	if means() != "thing/turn@9" {
		t.Errorf("thing/turn means %s, want the newest that is offered", means())
	}
	if _, known := b.Service.Snapshot().Operation("thing/turn@11"); known {
		t.Error("a major that was never offered is known")
	}
}

func nearest(t *testing.T, b Body) {
	for _, c := range []crank.Capability{"document/convert@1", "document/convert@2", "document/analyze@1", "email/parse@1"} {
		publish(t, b.Service, Offer(c, "a", 1))
	}
	for _, c := range []struct {
		name string
		want []crank.Capability
	}{
		{"documnet/convert", []crank.Capability{"document/convert@2"}},
		{"document/convert@7", []crank.Capability{"document/convert@2", "document/analyze@1"}},
		{"Email/Prase", []crank.Capability{"email/parse@1"}},
		{"convert", []crank.Capability{"document/convert@2"}},
		{"zzzzzzzzzzzzzzzzzz/q", nil},
	} {
		got := b.Service.Snapshot().Nearest(c.name, 3)
		if !slices.Equal(got, c.want) {
			t.Errorf("nearest to %q: %v, want %v", c.name, got, c.want)
		}
	}
	if got := b.Service.Snapshot().Nearest("document/convert", 1); len(got) != 1 {
		t.Errorf("asked for 1, got %v", got)
	}
}

func watching(t *testing.T, b Body) {
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	publish(t, b.Service, Offer(thing, "before", 1))
	events := b.Service.Watch(ctx)
	gone := publish(t, b.Service, Offer(thing, "gone", 1))
	last := publish(t, b.Service, Offer("thing/weigh@1", "after", 1))
	if err := b.Service.Withdraw(ctx, gone.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Service.Renew(ctx, last.ID, 1, crank.SLO{P50: 1}, false); err != nil {
		t.Fatal(err)
	}
	want := b.Service.Snapshot()
	got := follow(ctx, t, events, func(s *discovery.Snapshot) bool { return s.Version() >= want.Version() })
	same(t, got, want)
	stop()
	eventually(t, "the channel is closed when the context ends", func() bool {
		select {
		case _, open := <-events:
			return !open
		default:
			return false
		}
	})
}

func same(t *testing.T, got, want *discovery.Snapshot) {
	t.Helper()
	if !reflect.DeepEqual(got.Capabilities(), want.Capabilities()) {
		t.Errorf("capabilities differ:\n%+v\n%+v", got.Capabilities(), want.Capabilities())
	}
	for _, op := range want.Capabilities() {
		if g, w := got.Offers(op.Capability), want.Offers(op.Capability); len(g) != len(w) || len(w) > 0 && !reflect.DeepEqual(g, w) {
			t.Errorf("offers of %s differ:\n%+v\n%+v", op.Capability, g, w)
		}
	}
}

func together(t *testing.T, b Body) {
	const workers, rounds = 8, 20
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			name := fmt.Sprintf("w%d", w)
			for i := range uint64(rounds) {
				l, err := b.Service.Publish(t.Context(), Operation(thing), Offer(thing, name, i+1))
				if err != nil {
					t.Error(err)
					return
				}
				if o := instances(b.Service.Snapshot(), thing)["acme/"+name]; o.Incarnation != i+1 {
					t.Errorf("%s published %d and sees %d", name, i+1, o.Incarnation)
				}
				if _, err := b.Service.Renew(t.Context(), l.ID, i+1, crank.SLO{}, i%2 == 0); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if n := len(b.Service.Snapshot().Offers(thing)); n != workers {
		t.Errorf("%d offers, want %d", n, workers)
	}
}
