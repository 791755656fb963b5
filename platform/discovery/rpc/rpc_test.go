package rpc_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/api/wire"
	"github.com/crank-platform/crank/platform/discovery"
	"github.com/crank-platform/crank/platform/discovery/discoverytest"
	"github.com/crank-platform/crank/platform/discovery/rpc"
)

// door is a server whose service can be exchanged, as by a restart.
type door struct {
	*httptest.Server
	inside atomic.Pointer[http.Handler]
}

func open(t *testing.T, d rpc.Source) *door {
	t.Helper()
	s := &door{}
	s.serve(d)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*s.inside.Load()).ServeHTTP(w, r) }))
	t.Cleanup(s.Close)
	return s
}

func (s *door) serve(d rpc.Source) {
	_, h := rpc.Handler(d, "the token")
	s.inside.Store(&h)
}

// client runs until the test ends, before the door is closed.
func client(t *testing.T, s *door) *rpc.Client {
	t.Helper()
	transport := wire.NewHTTP()
	c := rpc.New(s.URL, "the token", transport)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := c.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		stop()
		running.Wait()
		transport.CloseIdleConnections()
	})
	return c
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for give := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(give) {
			t.Fatalf("%s: it never came about", what)
		}
	}
}

func TestTheFarDirectoryKeepsTheContract(t *testing.T) {
	discoverytest.Run(t, func(t *testing.T) discoverytest.Body {
		var mu sync.Mutex
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		d := discovery.New(discovery.Config{Term: discoverytest.Term, Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now }})
		return discoverytest.Body{Service: client(t, open(t, d)), Advance: func(by time.Duration) {
			mu.Lock()
			now = now.Add(by)
			mu.Unlock()
			d.Sweep()
		}}
	})
}

const thing crank.Capability = "thing/turn@1"

func publish(t *testing.T, s discovery.Service, instance string) discovery.Lease {
	t.Helper()
	l, err := s.Publish(t.Context(), discoverytest.Operation(thing), discoverytest.Offer(thing, instance, 1))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func only(c *rpc.Client, instance string) func() bool {
	return func() bool {
		all := c.Snapshot().Offers(thing)
		return len(all) == 1 && all[0].Instance == instance
	}
}

func TestOneClientSeesWhatAnotherPublishes(t *testing.T) {
	s := open(t, discovery.New(discovery.Config{}))
	a, b := client(t, s), client(t, s)
	publish(t, a, "x")
	eventually(t, "the other sees it", only(b, "x"))
	if err := b.Err(); err != nil {
		t.Error(err)
	}
}

func TestARestartedServiceReplacesWhatItsClientsKnew(t *testing.T) {
	before, after := discovery.New(discovery.Config{}), discovery.New(discovery.Config{})
	s := open(t, before)
	c := client(t, s)
	for _, name := range []string{"a", "b", "c"} { // the old versions run ahead of the new
		publish(t, before, name)
	}
	eventually(t, "the old is known", func() bool { return len(c.Snapshot().Offers(thing)) == 3 })
	publish(t, after, "new")
	s.serve(after)
	publish(t, before, "d") // wakes the question that the old service still holds
	eventually(t, "the new replaces it", only(c, "new"))
	publish(t, c, "newer")
	if n := len(c.Snapshot().Offers(thing)); n != 2 {
		t.Errorf("%d offers after publishing to the new service, want 2", n)
	}
}

func TestTheLastSnapshotOutlivesTheConnection(t *testing.T) {
	d := discovery.New(discovery.Config{})
	s := open(t, d)
	c := client(t, s)
	publish(t, c, "x")
	down := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	s.inside.Store(&down)
	if err := d.Withdraw(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	publish(t, d, "y") // ends the open question; the next finds the service down
	eventually(t, "the failure shows", func() bool { return c.Err() != nil })
	if n := len(c.Snapshot().Offers(thing)); n == 0 {
		t.Error("the snapshot is gone with the connection")
	}
	if _, err := c.Publish(t.Context(), discoverytest.Operation(thing), discoverytest.Offer(thing, "z", 1)); crank.KindOf(err) != crank.KindUnavailable {
		t.Errorf("publishing to nobody: %v", err)
	}
	s.serve(d)
	eventually(t, "it is fed again", func() bool { return c.Err() == nil && len(c.Snapshot().Offers(thing)) == 2 })
}

func TestAWrongTokenSeesNothing(t *testing.T) {
	d := discovery.New(discovery.Config{})
	publish(t, d, "x")
	s := open(t, d)
	c := rpc.New(s.URL, "another token", nil)
	if _, err := c.Publish(t.Context(), discoverytest.Operation(thing), discoverytest.Offer(thing, "y", 1)); crank.KindOf(err) != crank.KindUnauthenticated {
		t.Errorf("%v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = c.Run(ctx) }()
	eventually(t, "it says that it is not let in", func() bool { return crank.KindOf(c.Err()) == crank.KindUnauthenticated })
	stop()
	<-ended
	if n := len(c.Snapshot().Capabilities()); n != 0 {
		t.Errorf("it sees %d capabilities", n)
	}
}
