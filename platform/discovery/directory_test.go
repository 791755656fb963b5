package discovery_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/discovery"
	"github.com/crank-platform/crank/platform/discovery/discoverytest"
)

// clock is a time that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time          { c.mu.Lock(); defer c.mu.Unlock(); return c.now }
func (c *clock) Advance(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.now = c.now.Add(d) }

func TestTheDirectoryKeepsTheContract(t *testing.T) {
	discoverytest.Run(t, func(*testing.T) discoverytest.Body {
		c := newClock()
		d := discovery.New(discovery.Config{Term: discoverytest.Term, Now: c.Now})
		return discoverytest.Body{Service: d, Advance: func(by time.Duration) { c.Advance(by); d.Sweep() }}
	})
}

func TestRunEndsEachLeaseWhenItsTermIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		d := discovery.New(discovery.Config{Term: 10 * time.Second})
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx) }()
		synctest.Wait()
		const c = crank.Capability("thing/turn@1")
		for _, name := range []string{"a", "b"} {
			if _, err := d.Publish(ctx, discoverytest.Operation(c), discoverytest.Offer(c, name, 1)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(4 * time.Second)
		}
		for _, want := range []int{2, 1, 1, 0} { // at 8, 10, 12 and 14 seconds
			synctest.Wait()
			if got := len(d.Snapshot().Offers(c)); got != want {
				t.Errorf("%d offers, want %d", got, want)
			}
			time.Sleep(2 * time.Second)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestAReaderOfARestartedServiceForgetsWhatWasBefore(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	before, after := discovery.New(discovery.Config{}), discovery.New(discovery.Config{})
	const c = crank.Capability("thing/turn@1")
	for i := range uint64(3) {
		if _, err := before.Publish(ctx, discoverytest.Operation(c), discoverytest.Offer(c, "old", i+1)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := before.Publish(ctx, discoverytest.Operation("thing/lost@1"), discoverytest.Offer("thing/lost@1", "old", 3)); err != nil {
		t.Fatal(err)
	}
	if _, err := after.Publish(ctx, discoverytest.Operation(c), discoverytest.Offer(c, "new", 1)); err != nil {
		t.Fatal(err)
	}
	var board discovery.Board
	events := board.Watch(ctx)
	reader := (&discovery.Snapshot{}).Apply(<-events)
	for _, d := range []*discovery.Directory{before, after} {
		board.Show(board.Snapshot().Apply(d.Snapshot().Since(nil)))
		reader = reader.Apply(<-events)
	}
	if o := reader.Offers(c); len(o) != 1 || o[0].Instance != "new" {
		t.Errorf("the reader sees %+v", o)
	}
	if _, known := reader.Operation("thing/lost@1"); known {
		t.Error("a capability that the new service never heard of is still known")
	}
}

// model knows only incarnations and ends.
type model struct {
	newest map[string]uint64
	living map[place]time.Time
	leases map[place]discovery.Lease
}

type place struct {
	instance   string
	capability crank.Capability
}

var capabilities = []crank.Capability{"thing/turn@1", "thing/turn@2", "thing/weigh@1"}

func (m *model) step(t *rapid.T, d *discovery.Directory, c *clock) {
	ctx := context.Background()
	k := place{rapid.SampledFrom([]string{"a", "b"}).Draw(t, "instance"), rapid.SampledFrom(capabilities).Draw(t, "capability")}
	incarnation := rapid.Uint64Range(1, 4).Draw(t, "incarnation")
	switch rapid.IntRange(0, 4).Draw(t, "act") {
	case 0, 1:
		l, err := d.Publish(ctx, discoverytest.Operation(k.capability), discoverytest.Offer(k.capability, k.instance, incarnation))
		if ok := incarnation >= m.newest[k.instance]; ok != (err == nil) {
			t.Fatalf("publish of %d while %d is the newest: %v", incarnation, m.newest[k.instance], err)
		} else if ok {
			for old := range m.living {
				if old.instance == k.instance && incarnation > m.newest[k.instance] {
					delete(m.living, old)
				}
			}
			m.newest[k.instance], m.living[k], m.leases[k] = incarnation, l.Expires, l
		}
	case 2:
		l, err := d.Renew(ctx, m.leases[k].ID, incarnation, crank.SLO{}, true)
		_, lives := m.living[k]
		if ok := lives && incarnation == m.newest[k.instance]; ok != (err == nil) {
			t.Fatalf("renewal as %d, newest %d, living %v: %v", incarnation, m.newest[k.instance], lives, err)
		} else if ok {
			m.living[k] = l.Expires
		}
	case 3:
		if err := d.Withdraw(ctx, m.leases[k].ID); err != nil {
			t.Fatal(err)
		}
		delete(m.living, k)
	case 4:
		c.Advance(time.Duration(rapid.IntRange(0, 6).Draw(t, "seconds")) * time.Second)
		for k, end := range m.living {
			if !end.After(c.Now()) {
				delete(m.living, k)
			}
		}
	}
	d.Sweep()
}

func (m *model) check(t *rapid.T, snap *discovery.Snapshot) {
	total := 0
	for _, c := range capabilities {
		for _, o := range snap.Offers(c) {
			if end, lives := m.living[place{o.Instance, c}]; !lives || !end.Equal(o.Expires) {
				t.Fatalf("%s of %s is offered until %v; the model says %v, %v", c, o.Instance, o.Expires, lives, end)
			}
			total++
		}
	}
	if total != len(m.living) {
		t.Fatalf("%d offers, the model has %d", total, len(m.living))
	}
}

func TestAnySequenceLeavesExactlyTheLivingOffers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newClock()
		d := discovery.New(discovery.Config{Term: discoverytest.Term, Now: c.Now})
		m := &model{map[string]uint64{}, map[place]time.Time{}, map[place]discovery.Lease{}}
		var seen *discovery.Snapshot
		reader := &discovery.Snapshot{}
		catchUp := func() { reader = reader.Apply(d.Snapshot().Since(seen)); seen = d.Snapshot() }
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			m.step(t, d, c)
			m.check(t, d.Snapshot())
			if rapid.Bool().Draw(t, "read") {
				catchUp()
			}
		}
		catchUp()
		m.check(t, reader)
		for _, op := range d.Snapshot().Capabilities() {
			if _, known := reader.Operation(op.Capability); !known {
				t.Fatalf("the reader of events does not know %s", op.Capability)
			}
		}
	})
}

func BenchmarkSnapshotOffers(b *testing.B) {
	d := filled(b, 100, 4)
	b.ReportAllocs()
	for b.Loop() {
		if len(d.Snapshot().Offers("thing/turn50")) != 4 {
			b.Fatal("not there")
		}
	}
}

func BenchmarkRenew(b *testing.B) {
	d := filled(b, 100, 4)
	l, err := d.Publish(b.Context(), discoverytest.Operation("thing/turn@1"), discoverytest.Offer("thing/turn@1", "x", 1))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Renew(b.Context(), l.ID, 1, crank.SLO{}, true); err != nil {
			b.Fatal(err)
		}
	}
}

func filled(b *testing.B, capabilities, offers int) *discovery.Directory {
	d := discovery.New(discovery.Config{Term: time.Hour})
	for i := range capabilities {
		c := crank.Capability(fmt.Sprintf("thing/turn%d@1", i))
		for j := range offers {
			if _, err := d.Publish(b.Context(), discoverytest.Operation(c), discoverytest.Offer(c, fmt.Sprint("i", j), 1)); err != nil {
				b.Fatal(err)
			}
		}
	}
	return d
}
