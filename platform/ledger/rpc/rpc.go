// Package rpc is a ledger in another process: Handler puts a ledger.Service on a
// wire, New is that Service at the other end. What the one refuses, the other
// refuses with the same error.
//
// Who listens where is the caller's choice: a loopback port, a Unix socket (give
// New an http.Client that dials it), TLS. The token is needed on all of them.
package rpc

import (
	"context"
	"net/http"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/api/status"
	"github.com/crank-platform/crank/api/wire"
	"github.com/crank-platform/crank/platform/ledger"
)

// Path is below which all procedures lie.
const Path = "/crank.ledger.v1.Ledger/"

// batch is how many records cross at once. The ledger applies them one by one
// and skips those it has, so a batch that fails is sent again without harm.
const batch = 1000

type (
	none   struct{}
	extend struct {
		Ref    string
		Amount crank.Money
		Until  time.Time
	}
	ref     struct{ Ref string }
	records struct{ Records []crank.Record }
	applied struct{ Seq uint64 }
	which   struct{ Name string } // a tenant, or a prefix of accounts
	budgets struct{ Budgets []ledger.BudgetState }
	balance struct{ Balances []ledger.Balance }
	holds   struct{ Holds []crank.Hold }
)

// Handler serves svc to whoever sends the token, at the path and below it. An
// empty token lets nobody in.
func Handler(svc ledger.Service, token string) (path string, h http.Handler) {
	s := &wire.Server{Token: token, Status: func(err error) uint32 { return status.Of(err).GRPC }}
	wire.Handle(s, Path+"Reserve", func(ctx context.Context, r crank.Hold) (none, error) {
		return none{}, svc.Reserve(ctx, r)
	})
	wire.Handle(s, Path+"Extend", func(ctx context.Context, r extend) (none, error) {
		return none{}, svc.Extend(ctx, r.Ref, r.Amount, r.Until)
	})
	wire.Handle(s, Path+"Void", func(ctx context.Context, r ref) (none, error) {
		return none{}, svc.Void(ctx, r.Ref)
	})
	wire.Handle(s, Path+"Apply", func(ctx context.Context, r records) (none, error) {
		return none{}, svc.Apply(ctx, r.Records)
	})
	wire.Handle(s, Path+"Applied", func(ctx context.Context, _ none) (a applied, err error) {
		a.Seq, err = svc.Applied(ctx)
		return a, err
	})
	wire.Handle(s, Path+"Budgets", func(ctx context.Context, r which) (b budgets, err error) {
		b.Budgets, err = svc.Budgets(ctx, r.Name)
		return b, err
	})
	wire.Handle(s, Path+"Balances", func(ctx context.Context, r which) (b balance, err error) {
		b.Balances, err = svc.Balances(ctx, r.Name)
		return b, err
	})
	wire.Handle(s, Path+"Holds", func(ctx context.Context, r which) (h holds, err error) {
		h.Holds, err = svc.Holds(ctx, r.Name)
		return h, err
	})
	wire.Handle(s, Path+"Check", func(ctx context.Context, _ none) (none, error) {
		return none{}, svc.Check(ctx)
	})
	return Path, s
}

// client is a ledger.Service over the wire, a function for each procedure.
type client struct {
	reserve  func(context.Context, crank.Hold) (none, error)
	extend   func(context.Context, extend) (none, error)
	void     func(context.Context, ref) (none, error)
	apply    func(context.Context, records) (none, error)
	applied  func(context.Context, none) (applied, error)
	budgets  func(context.Context, which) (budgets, error)
	balances func(context.Context, which) (balance, error)
	holds    func(context.Context, which) (holds, error)
	check    func(context.Context, none) (none, error)
}

// New returns the Service behind baseURL ("http://127.0.0.1:7070"). Without an
// httpClient it has one that keeps enough connections open. A ledger that does
// not answer is CodeStore.
func New(baseURL, token string, httpClient wire.HTTP) ledger.Service {
	if httpClient == nil {
		httpClient = wire.NewHTTP() // one for all procedures
	}
	c := wire.Client{URL: baseURL, Token: token, HTTP: httpClient, Failed: crank.CodeStore}
	return &client{
		reserve:  wire.Procedure[crank.Hold, none](c, Path+"Reserve"),
		extend:   wire.Procedure[extend, none](c, Path+"Extend"),
		void:     wire.Procedure[ref, none](c, Path+"Void"),
		apply:    wire.Procedure[records, none](c, Path+"Apply"),
		applied:  wire.Procedure[none, applied](c, Path+"Applied"),
		budgets:  wire.Procedure[which, budgets](c, Path+"Budgets"),
		balances: wire.Procedure[which, balance](c, Path+"Balances"),
		holds:    wire.Procedure[which, holds](c, Path+"Holds"),
		check:    wire.Procedure[none, none](c, Path+"Check"),
	}
}

func (c *client) Reserve(ctx context.Context, h crank.Hold) error {
	_, err := c.reserve(ctx, h)
	return err
}

func (c *client) Extend(ctx context.Context, name string, amount crank.Money, until time.Time) error {
	_, err := c.extend(ctx, extend{name, amount, until})
	return err
}

func (c *client) Void(ctx context.Context, name string) error {
	_, err := c.void(ctx, ref{name})
	return err
}

// Apply sends only what the ledger reads of each record.
func (c *client) Apply(ctx context.Context, all []crank.Record) error {
	for len(all) > 0 {
		n := min(len(all), batch)
		r := records{make([]crank.Record, n)}
		for i := range r.Records {
			r.Records[i] = ledger.Essence(all[i])
		}
		if _, err := c.apply(ctx, r); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

func (c *client) Applied(ctx context.Context) (uint64, error) {
	a, err := c.applied(ctx, none{})
	return a.Seq, err
}

func (c *client) Budgets(ctx context.Context, tenant string) ([]ledger.BudgetState, error) {
	b, err := c.budgets(ctx, which{tenant})
	return b.Budgets, err
}

func (c *client) Balances(ctx context.Context, prefix string) ([]ledger.Balance, error) {
	b, err := c.balances(ctx, which{prefix})
	return b.Balances, err
}

func (c *client) Holds(ctx context.Context, tenant string) ([]crank.Hold, error) {
	h, err := c.holds(ctx, which{tenant})
	return h.Holds, err
}

func (c *client) Check(ctx context.Context) error {
	_, err := c.check(ctx, none{})
	return err
}
