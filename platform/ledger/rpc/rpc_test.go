package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/api/wire"
	"github.com/crank-platform/crank/platform/ledger"
	"github.com/crank-platform/crank/platform/ledger/ledgertest"
	"github.com/crank-platform/crank/platform/ledger/memory"
	"github.com/crank-platform/crank/platform/ledger/rpc"
)

func remote(t ledgertest.TB, b *ledger.Book) ledger.Service {
	path, h := rpc.Handler(b, "the token")
	mux := http.NewServeMux()
	mux.Handle(path, h)
	server := httptest.NewServer(mux)
	client := wire.NewHTTP()
	t.Cleanup(func() {
		client.CloseIdleConnections()
		server.Close()
	})
	return rpc.New(server.URL, "the token", client)
}

func TestALedgerOverTheWireKeepsTheContract(t *testing.T) {
	ledgertest.Run(t, ledgertest.Body{Store: func(ledgertest.TB) ledger.Store { return &memory.Store{} }, Serve: remote})
}

func TestWithoutTheTokenNothingIsAnswered(t *testing.T) {
	b, err := ledger.Open(t.Context(), ledger.Config{Store: &memory.Store{}})
	if err != nil {
		t.Fatal(err)
	}
	_, h := rpc.Handler(b, "the token")
	server := httptest.NewServer(h)
	defer server.Close()
	svc := rpc.New(server.URL, "another", nil)
	want := crank.E(crank.CodeUnauthenticated, "")
	hold := crank.Hold{Ref: "x", Payer: crank.Payer{Tenant: "t"}, Amount: crank.Money{Asset: "USD"}, Expires: time.Now().Add(time.Hour)}
	_, applied := svc.Applied(t.Context())
	_, budgets := svc.Budgets(t.Context(), ledger.AllTenants)
	_, balances := svc.Balances(t.Context(), "")
	_, holds := svc.Holds(t.Context(), ledger.AllTenants)
	for name, err := range map[string]error{
		"reserve": svc.Reserve(t.Context(), hold), "extend": svc.Extend(t.Context(), "x", hold.Amount, time.Time{}), "void": svc.Void(t.Context(), "x"),
		"apply": svc.Apply(t.Context(), []crank.Record{{Seq: 1}}), "applied": applied, "budgets": budgets, "balances": balances, "holds": holds, "check": svc.Check(t.Context()),
	} {
		if !errors.Is(err, want) {
			t.Errorf("%s without the token gives %v", name, err)
		}
	}
}

func TestALedgerAnswersOverAUnixSocket(t *testing.T) {
	b, err := ledger.Open(t.Context(), ledger.Config{Store: &memory.Store{}})
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "l")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Skip("this system has no Unix sockets: ", err)
	}
	_, h := rpc.Handler(b, "the token")
	server := &http.Server{Handler: h}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	dial := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	svc := rpc.New("http://ledger", "the token", dial)
	if err := svc.Void(t.Context(), "x"); err != nil {
		t.Error(err)
	}
}

func TestMoreRecordsThanABatchCrossInOrder(t *testing.T) {
	b, err := ledger.Open(t.Context(), ledger.Config{Store: &memory.Store{}})
	if err != nil {
		t.Fatal(err)
	}
	svc := remote(t, b)
	var all []crank.Record
	for i := range 2500 {
		all = append(all, crank.Record{Seq: uint64(i + 1), Type: crank.TypeClosed, Receipt: &crank.Receipt{
			Call: fmt.Sprint("call", i), Payer: crank.Payer{Tenant: "t"}, Price: crank.Money{Micros: 1, Asset: "USD"},
			Postings: []crank.Posting{{Account: "tenant/t", Micros: -1}, {Account: "platform", Micros: 1}},
		}})
	}
	if err := svc.Apply(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	got, err := svc.Balances(t.Context(), "platform")
	if err != nil || len(got) != 1 || got[0].Micros != 2500 {
		t.Errorf("2500 receipts of 1 leave %v, %v", got, err)
	}
}

func BenchmarkReserveOverLoopback(b *testing.B) {
	book, err := ledger.Open(b.Context(), ledger.Config{Store: &memory.Store{}})
	if err != nil {
		b.Fatal(err)
	}
	svc := remote(b, book)
	hold := crank.Hold{Payer: crank.Payer{Tenant: "t", Team: "m", App: "a", Key: "k"}, Amount: crank.Money{Micros: 1, Asset: "USD"}, Expires: time.Now().Add(time.Hour)}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		i++
		hold.Ref = fmt.Sprint("call_", i)
		if err := svc.Reserve(b.Context(), hold); err != nil {
			b.Fatal(err)
		}
	}
}
