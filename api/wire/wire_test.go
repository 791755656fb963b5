package wire_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/api/status"
	"github.com/crank-platform/crank/api/wire"
)

const echo = "/crank.test.v1.Test/Echo"

type message struct {
	Text  string
	Hold  crank.Hold
	Error *crank.Error
	Many  []int64
}

func serve(t testing.TB, token string, f func(context.Context, message) (message, error)) *httptest.Server {
	s := &wire.Server{Token: token, Status: func(err error) uint32 { return status.Of(err).GRPC }}
	wire.Handle(s, echo, f)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server
}

func caller(url, token string) func(context.Context, message) (message, error) {
	return wire.Procedure[message, message](wire.Client{URL: url, Token: token}, echo)
}

func TestAValueComesBackAsItWent(t *testing.T) {
	server := serve(t, "secret", func(_ context.Context, m message) (message, error) { return m, nil })
	want := message{
		Text: "\u00e4\x00\"", Many: []int64{1<<63 - 1, -1 << 63, 0},
		Hold: crank.Hold{Ref: "r", Payer: crank.Payer{Tenant: "t", Key: "k"}, Amount: crank.Money{Micros: 5, Asset: "USD"}, Expires: time.Date(2024, 1, 2, 3, 4, 5, 678901234, time.UTC)},
	}
	got, err := caller(server.URL, "secret")(t.Context(), want)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v comes back as %+v, %v", want, got, err)
	}
	if got, err := caller(server.URL, "secret")(t.Context(), message{}); err != nil || !reflect.DeepEqual(got, message{}) {
		t.Errorf("the zero value comes back as %+v, %v", got, err)
	}
}

func TestEveryErrorArrivesAsItLeft(t *testing.T) {
	var out error
	server := serve(t, "secret", func(context.Context, message) (message, error) { return message{}, out })
	call := caller(server.URL, "secret")
	for _, code := range crank.Codes() {
		sent := crank.E(code, "no %s", code).With(crank.Fault{Path: "/a", Reason: "b"}).After(90*time.Second).Mending("do %s", code)
		sent.Cause = errors.New("the disk's secret")
		out = sent
		_, err := call(t.Context(), message{})
		got, ok := errors.AsType[*crank.Error](err)
		want := *sent
		want.Cause = nil
		if !ok || !reflect.DeepEqual(*got, want) {
			t.Errorf("%+v arrives as %+v", want, err)
		}
	}
	out = errors.New("the disk's secret")
	if _, err := call(t.Context(), message{}); !errors.Is(err, crank.E(crank.CodeInternal, "")) || strings.Contains(err.Error(), "secret") {
		t.Errorf("a plain error arrives as %v", err)
	}
}

func TestOnlyTheTokenOpens(t *testing.T) {
	reached := false
	f := func(context.Context, message) (message, error) { reached = true; return message{}, nil }
	for _, c := range []struct{ have, give string }{{"secret", ""}, {"secret", "Secret"}, {"secret", "secret2"}, {"", ""}, {"", "x"}} {
		server := serve(t, c.have, f)
		if _, err := caller(server.URL, c.give)(t.Context(), message{}); !errors.Is(err, crank.E(crank.CodeUnauthenticated, "")) || reached {
			t.Errorf("%q opens a door of %q: %v", c.give, c.have, err)
		}
	}
	bare, err := http.Post(serve(t, "secret", f).URL+echo, "application/cbor", bytes.NewReader([]byte{0xa0}))
	if err != nil {
		t.Fatal(err)
	}
	defer bare.Body.Close()
	if bare.StatusCode != http.StatusUnauthorized || reached {
		t.Errorf("no header at all gives %s", bare.Status)
	}
}

func TestASilentHostIsUnavailableAndALateOneADeadline(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	url := server.URL
	if _, err := caller(url, "x")(t.Context(), message{}); crank.KindOf(err) != crank.KindUnavailable {
		t.Errorf("a host that has no such door gives %v", err)
	}
	server.Close()
	if _, err := caller(url, "x")(t.Context(), message{}); !errors.Is(err, crank.E(crank.CodeStore, "")) {
		t.Errorf("a host that is gone gives %v", err)
	}
	slow := serve(t, "x", func(ctx context.Context, _ message) (message, error) { <-ctx.Done(); return message{}, ctx.Err() })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := caller(slow.URL, "x")(ctx, message{}); !errors.Is(err, crank.E(crank.CodeDeadline, "")) {
		t.Errorf("a late host gives %v", err)
	}
	gone, stop := context.WithCancel(t.Context())
	stop()
	if _, err := caller(slow.URL, "x")(gone, message{}); !errors.Is(err, crank.E(crank.CodeCancelled, "")) {
		t.Errorf("a cancelled call gives %v", err)
	}
}

func TestBodiesThatAreNoMessageAreRefused(t *testing.T) {
	reached := false
	server := serve(t, "secret", func(_ context.Context, m message) (message, error) { reached = true; return m, nil })
	for name, body := range map[string][]byte{
		"nothing of the kind": []byte("GET / HTTP/1.1"),
		"an unknown field":    {0xa1, 0x64, 'M', 'o', 'r', 'e', 0x01},
		"a field twice":       {0xa2, 0x64, 'T', 'e', 'x', 't', 0x60, 0x64, 'T', 'e', 'x', 't', 0x60},
		"an endless map":      {0xbf, 0xff},
		"a huge array":        {0xa1, 0x64, 'M', 'a', 'n', 'y', 0x9b, 0, 0, 1, 0, 0, 0, 0, 0},
		"bytes after the end": {0xa0, 0xa0},
	} {
		r, _ := http.NewRequest(http.MethodPost, server.URL+echo, bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/cbor")
		r.Header.Set("Authorization", "Bearer secret")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode < 400 || reached {
			t.Errorf("%s is answered %s", name, answer.Status)
		}
	}
}

func TestManyCallersKeepTheirConnections(t *testing.T) {
	var mu sync.Mutex
	peers := map[string]bool{}
	server := serve(t, "secret", func(context.Context, message) (message, error) { return message{}, nil })
	inner := server.Config.Handler
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		peers[r.RemoteAddr] = true
		mu.Unlock()
		inner.ServeHTTP(w, r)
	})
	call := caller(server.URL, "secret")
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for range 50 {
				if _, err := call(t.Context(), message{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if len(peers) > 128 {
		t.Errorf("32 callers opened %d connections for 1600 calls", len(peers))
	}
}
