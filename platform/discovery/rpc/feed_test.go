package rpc

import (
	"testing"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/discovery"
	"github.com/crank-platform/crank/platform/discovery/discoverytest"
)

func TestWhoFellFarBehindIsSentEverything(t *testing.T) {
	d := discovery.New(discovery.Config{})
	f := &feed{source: d, epoch: "now", sent: map[uint64]*discovery.Snapshot{}}
	ask := func(q since) news {
		t.Helper()
		n, err := f.news(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	const c = crank.Capability("thing/turn@1")
	l, err := d.Publish(t.Context(), discoverytest.Operation(c), discoverytest.Offer(c, "x", 1))
	if err != nil {
		t.Fatal(err)
	}
	first := ask(since{})
	if !first.Event.Full || len(first.Event.Offers) != 1 {
		t.Fatalf("the first answer is %+v", first)
	}
	at := since{first.Epoch, first.Event.Version}
	for range kept + 5 {
		if _, err := d.Renew(t.Context(), l.ID, 1, crank.SLO{}, true); err != nil {
			t.Fatal(err)
		}
		n := ask(at)
		if n.Event.Full || len(n.Event.Offers) != 1 || len(n.Event.Operations) != 0 {
			t.Fatalf("who is up to date is sent %+v", n)
		}
		at = since{n.Epoch, n.Event.Version}
	}
	if n := ask(since{first.Epoch, first.Event.Version}); !n.Event.Full {
		t.Errorf("who is %d versions behind is sent %+v", kept+5, n)
	}
	if n := ask(since{"before", at.Version}); !n.Event.Full {
		t.Errorf("who knew the service before its restart is sent %+v", n)
	}
	if len(f.sent) > kept || len(f.order) != len(f.sent) {
		t.Errorf("%d snapshots are kept, %d in order", len(f.sent), len(f.order))
	}
}
