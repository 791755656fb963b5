package ledgertest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/crank-platform/crank"
)

func newPeriods(t *testing.T, body Body) {
	h := newHouse(t, body)
	for _, p := range []crank.Period{crank.PeriodDay, crank.PeriodMonth, crank.PeriodTotal} {
		h.budget(crank.LevelTenant, full.Tenant, p, usd(100))
	}
	spent := func(day, month, total crank.Micros) {
		t.Helper()
		for period, want := range map[string]crank.Micros{"day": day, "month": month, "total": total} {
			if b := h.states()["tenant "+period]; b.Spent != want || b.Left != 100-want {
				t.Errorf("%s: the %s has spent %d and has %d left, want %d spent", h.time(), period, b.Spent, b.Left, want)
			}
		}
	}
	h.now.Store(time.Date(2024, 2, 28, 23, 59, 59, 0, time.UTC).UnixMicro())
	h.close("one", full, usd(10))
	spent(10, 10, 10)
	h.advance(time.Second) // 29 February
	spent(0, 10, 10)
	h.close("two", full, usd(20))
	spent(20, 30, 30)
	if b := h.states()["tenant month"]; !b.PeriodEnd.Equal(time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("February 2024 ends %s", b.PeriodEnd)
	}
	h.advance(24 * time.Hour) // 1 March
	spent(0, 0, 30)
	h.now.Store(time.Date(2024, 12, 31, 0, 0, 0, 0, time.UTC).UnixMicro())
	if b := h.states()["tenant month"]; !b.PeriodEnd.Equal(time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("December 2024 ends %s", b.PeriodEnd)
	}
	h.close("three", full, usd(5))
	h.now.Store(time.Date(2024, 2, 28, 0, 0, 0, 0, time.UTC).UnixMicro()) // the clock is set back
	spent(5, 5, 35)
	h.close("four", full, usd(1)) // into a period that is over
	spent(5, 5, 36)
}

func laterBudget(t *testing.T, body Body) {
	h := newHouse(t, body)
	h.close("one", full, usd(70))
	h.budget(crank.LevelApp, full.App, crank.PeriodMonth, usd(100))
	h.want(crank.CodeBudgetExhausted, h.reserve("two", full, 31))
	h.want("", h.reserve("two", full, 30))
}

func otherAssets(t *testing.T, body Body) {
	h, ctx := newHouse(t, body), context.Background()
	eur := func(ref string) error {
		return h.svc.Reserve(ctx, crank.Hold{Ref: ref, Payer: full, Amount: crank.Money{Micros: 1, Asset: "EUR"}, Expires: h.time().Add(time.Minute)})
	}
	h.want("", eur("before"))
	h.budget(crank.LevelTeam, full.Team, crank.PeriodMonth, usd(100))
	h.want(crank.CodeBudgetExhausted, eur("one"))
	h.budget(crank.LevelTeam, full.Team, crank.PeriodDay, crank.Money{Micros: 1, Asset: "EUR"})
	h.must(h.svc.Void(ctx, "before"))
	h.want("", eur("one"))
	h.want(crank.CodeBudgetExhausted, eur("two"))
	h.append(budgetRecord(crank.Budget{Level: crank.LevelTeam, ID: full.Team, Tenant: full.Tenant, Period: crank.PeriodDay, Limit: crank.Money{Asset: "EUR"}, Removed: true}))
	h.append(budgetRecord(crank.Budget{Level: crank.LevelTeam, ID: full.Team, Tenant: full.Tenant, Period: crank.PeriodMonth, Limit: usd(0), Removed: true}))
	h.want("", eur("two"))
	if n := len(h.states()); n != 0 {
		t.Errorf("%d budgets are left of none", n)
	}
}

func lowered(t *testing.T, body Body) {
	h := newHouse(t, body)
	h.budget(crank.LevelKey, full.Key, crank.PeriodMonth, usd(100))
	h.must(h.reserve("under way", full, 20))
	h.close("one", full, usd(60))
	h.budget(crank.LevelKey, full.Key, crank.PeriodMonth, usd(50))
	if b := h.states()["key month"]; b.Spent != 60 || b.Held != 20 || b.Left != -30 {
		t.Errorf("lowered to 50: %+v", b)
	}
	h.want(crank.CodeBudgetExhausted, h.reserve("two", full, 1))
	h.want("", h.reserve("free", full, 0))
	h.close("under way", full, usd(20))
	if b := h.states()["key month"]; b.Spent != 80 || b.Held != 0 {
		t.Errorf("what was under way is settled as %+v", b)
	}
	h.check()
}

func order(t *testing.T, body Body) {
	h, ctx := newHouse(t, body), context.Background()
	for i := range 5 {
		h.close(fmt.Sprint("call", i), full, usd(3))
	}
	h.must(h.svc.Apply(ctx, h.journal))
	h.must(h.svc.Apply(ctx, h.journal[1:3]))
	h.must(h.svc.Apply(ctx, nil))
	gap := receiptRecord("later", full, usd(3))
	gap.Seq = 7
	h.want(crank.CodeJournal, h.svc.Apply(ctx, []crank.Record{gap}))
	if seq, err := h.svc.Applied(ctx); err != nil || seq != 5 {
		t.Errorf("applied %d (%v), want 5", seq, err)
	}
	all, err := h.svc.Balances(ctx, "tenant/tenant_a")
	if h.must(err); len(all) != 1 || all[0].Micros != -15 {
		t.Errorf("five receipts of 3 leave %v", all)
	}
}

func unbalanced(t *testing.T, body Body) {
	h, ctx := newHouse(t, body), context.Background()
	h.append(transferRecord("deposit", 1<<62))
	bad := map[string]crank.Record{
		"made money":     {Type: crank.TypeTransfer, Transfer: &crank.Transfer{Ref: "x", Asset: "USD", Postings: []crank.Posting{{Account: "external", Micros: -1}, {Account: "platform", Micros: 2}}}},
		"no asset":       {Type: crank.TypeAdjustment, Transfer: &crank.Transfer{Ref: "x", Postings: []crank.Posting{{Account: "external", Micros: -1}, {Account: "platform", Micros: 1}}}},
		"no account":     {Type: crank.TypeTransfer, Transfer: &crank.Transfer{Ref: "x", Asset: "USD", Postings: []crank.Posting{{Micros: -1}, {Account: "platform", Micros: 1}}}},
		"too much":       transferRecord("x", 1<<62),
		"sum too large":  {Type: crank.TypeTransfer, Transfer: &crank.Transfer{Ref: "x", Asset: "USD", Postings: []crank.Posting{{Account: "external", Micros: 1<<63 - 1}, {Account: "platform", Micros: 1}}}},
		"negative price": {Type: crank.TypeClosed, Receipt: &crank.Receipt{Call: "x", Payer: full, Price: usd(-1)}},
		"nobody pays":    {Type: crank.TypeClosed, Receipt: &crank.Receipt{Call: "x", Price: usd(1)}},
		"no receipt":     {Type: crank.TypeClosed},
		"bad hold":       openedRecord(crank.Hold{Ref: "x", Payer: full, Amount: usd(-1), Expires: noon}),
		"bad level":      budgetRecord(crank.Budget{Level: "planet", ID: "x", Tenant: "x", Period: crank.PeriodDay, Limit: usd(1)}),
		"bad period":     budgetRecord(crank.Budget{Level: crank.LevelKey, ID: "x", Tenant: "x", Period: "week", Limit: usd(1)}),
		"bad limit":      budgetRecord(crank.Budget{Level: crank.LevelKey, ID: "x", Tenant: "x", Period: crank.PeriodDay, Limit: usd(-1)}),
		"foreign tenant": budgetRecord(crank.Budget{Level: crank.LevelTenant, ID: "x", Tenant: "y", Period: crank.PeriodDay, Limit: usd(1)}),
		"no budget":      {Type: crank.TypeAdmin, Admin: &crank.Admin{Act: "budget.set"}},
		"unknown type":   {Type: "gift"},
	}
	before, err := h.svc.Balances(ctx, "")
	h.must(err)
	for name, r := range bad {
		r.Seq, r.Time = 2, h.now.Load()
		good := receiptRecord("y", full, usd(1))
		good.Seq = 3
		if err := h.svc.Apply(ctx, []crank.Record{r, good}); err == nil {
			t.Fatalf("%s is applied", name)
		}
		after, err := h.svc.Balances(ctx, "")
		if h.must(err); fmt.Sprint(before) != fmt.Sprint(after) && fmt.Sprint(nonzero(after)) != fmt.Sprint(before) {
			t.Errorf("%s changes %v into %v", name, before, after)
		}
		if seq, _ := h.svc.Applied(ctx); seq != 1 {
			t.Errorf("%s: applied %d", name, seq)
		}
	}
	h.check()
}

func listing(t *testing.T, body Body) {
	h, ctx := newHouse(t, body), context.Background()
	longer := full
	longer.Tenant = "tenant_ab"
	h.close("one", full, usd(3))
	h.close("two", longer, crank.Money{Micros: 3, Asset: "EUR"})
	for prefix, want := range map[string]int{"": 6, "tenant/": 2, "tenant/tenant_a": 1, "tenant": 0, "provider/p": 2, "platform": 2, "external": 0} {
		all, err := h.svc.Balances(ctx, prefix)
		if h.must(err); len(all) != want {
			t.Errorf("%q lists %v, want %d", prefix, all, want)
		}
	}
}
