package ledgertest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/ledger"
)

func holdsEveryLevel(t *testing.T, body Body) {
	h := newHouse(t, body)
	h.budget(crank.LevelTenant, full.Tenant, crank.PeriodMonth, usd(100))
	h.budget(crank.LevelTeam, full.Team, crank.PeriodMonth, usd(90))
	h.budget(crank.LevelApp, full.App, crank.PeriodMonth, usd(80))
	h.budget(crank.LevelKey, full.Key, crank.PeriodMonth, usd(70))
	h.must(h.reserve("one", full, 60))
	h.want(crank.CodeBudgetExhausted, h.reserve("two", full, 11))
	h.want("", h.reserve("three", full, 10))
	for level, left := range map[string]crank.Micros{"tenant": 30, "team": 20, "app": 10, "key": 0} {
		if b := h.states()[level+" month"]; b.Held != 70 || b.Left != left {
			t.Errorf("%s holds %d and has %d left, want 70 and %d", level, b.Held, b.Left, left)
		}
	}
	other := full
	other.Key = "key_b" // without a budget of its own, within its app's
	h.want(crank.CodeBudgetExhausted, h.reserve("four", other, 11))
	h.want("", h.reserve("five", other, 10))
	h.want("", h.reserve("free", full, 0))
	h.check()
}

func refusals(t *testing.T, body Body) {
	h := newHouse(t, body)
	h.budget(crank.LevelTeam, full.Team, crank.PeriodMonth, usd(1_000_000))
	h.budget(crank.LevelKey, full.Key, crank.PeriodDay, usd(500_000))
	h.close("spent", full, usd(400_000))
	err := crank.AsError(h.reserve("x", full, 700_000))
	if err == nil || err.Code != crank.CodeBudgetExhausted || err.Kind != crank.KindExhausted {
		t.Fatalf("got %v", err)
	}
	for _, word := range []string{"month", "team team_a", "0.60 USD", "1.00 USD", "0.70 USD"} {
		if !strings.Contains(err.Message, word) {
			t.Errorf("%q does not say %q", err.Message, word)
		}
	}
	if len(err.Faults) != 1 || err.Faults[0].Path != "budget/key/key_a/day" || !strings.Contains(err.Faults[0].Reason, "0.10 USD") {
		t.Errorf("the key's budget is not named beside the team's: %v", err.Faults)
	}
	if want := 12 * time.Hour; err.RetryAfter != want { // 31 January, noon: day and month end together
		t.Errorf("it may be tried again after %v, the period ends in %v", err.RetryAfter, want)
	}
}

func refusedByHolds(t *testing.T, body Body) {
	h := newHouse(t, body)
	h.budget(crank.LevelKey, full.Key, crank.PeriodDay, usd(100))
	h.must(h.reserve("one", full, 100))
	err := crank.AsError(h.reserve("two", full, 1))
	if err == nil || err.Code != crank.CodeBudgetExhausted || err.RetryAfter != time.Second {
		t.Errorf("got %v after %v", err, err.RetryAfter)
	}
}

func repeats(t *testing.T, body Body) {
	h, ctx := newHouse(t, body), context.Background()
	h.budget(crank.LevelKey, full.Key, crank.PeriodMonth, usd(100))
	ask := h.hold("one", full, 60)
	for range 3 {
		h.must(h.svc.Reserve(ctx, ask))
	}
	if b := h.states()["key month"]; b.Held != 60 {
		t.Errorf("three times the same hold holds %d", b.Held)
	}
	for what, change := range map[string]func(*crank.Hold){
		"more":          func(a *crank.Hold) { a.Amount.Micros++ },
		"another asset": func(a *crank.Hold) { a.Amount.Asset = "EUR" },
		"another payer": func(a *crank.Hold) { a.Payer.Key = "key_b" },
		"longer":        func(a *crank.Hold) { a.Expires = a.Expires.Add(time.Minute) },
	} {
		other := ask
		change(&other)
		if err := h.svc.Reserve(ctx, other); codeOf(err) != crank.CodeHoldState {
			t.Errorf("the same reference for %s gives %v", what, err)
		}
	}
	h.must(h.svc.Extend(ctx, "one", usd(80), ask.Expires.Add(time.Minute)))
	h.must(h.svc.Extend(ctx, "one", usd(80), ask.Expires.Add(time.Minute)))
	h.must(h.svc.Reserve(ctx, ask))
	h.must(h.svc.Void(ctx, "one"))
	h.must(h.svc.Void(ctx, "one"))
	if b := h.states()["key month"]; b.Held != 0 || b.Left != 100 {
		t.Errorf("after its end the hold still takes %d", b.Held)
	}
	h.check()
}

func ended(t *testing.T, body Body) {
	h, ctx := newHouse(t, body), context.Background()
	h.must(h.reserve("voided", full, 1))
	h.must(h.svc.Void(ctx, "voided"))
	h.must(h.svc.Void(ctx, "never held"))
	h.must(h.reserve("posted", full, 1))
	h.close("posted", full, usd(1))
	h.close("never held, posted", full, usd(1))
	h.must(h.reserve("expired", full, 1))
	h.advance(time.Minute)
	for _, ref := range []string{"voided", "never held", "posted", "never held, posted", "expired"} {
		h.want(crank.CodeHoldState, h.reserve(ref, full, 1))
		h.want(crank.CodeHoldState, h.svc.Extend(ctx, ref, usd(2), time.Time{}))
		h.must(h.svc.Void(ctx, ref))
	}
	h.want(crank.CodeHoldState, h.svc.Extend(ctx, "unknown", usd(2), time.Time{}))
	if n := h.holds(); n != 0 {
		t.Errorf("%d holds are pending", n)
	}
}

func extensions(t *testing.T, body Body) {
	h, ctx := newHouse(t, body), context.Background()
	h.budget(crank.LevelTenant, full.Tenant, crank.PeriodTotal, usd(100))
	h.must(h.reserve("one", full, 60))
	h.must(h.reserve("two", full, 0))
	until := h.time().Add(time.Hour)
	h.want(crank.CodeBudgetExhausted, h.svc.Extend(ctx, "one", usd(101), until))
	h.want(crank.CodeMoneyRange, h.svc.Extend(ctx, "one", crank.Money{Micros: 70, Asset: "EUR"}, until))
	h.want(crank.CodeMoneyRange, h.svc.Extend(ctx, "one", usd(-1), until))
	if b := h.states()["tenant total"]; b.Held != 60 {
		t.Errorf("refused extensions leave %d held", b.Held)
	}
	h.want("", h.svc.Extend(ctx, "one", usd(100), time.Time{}))
	h.want("", h.svc.Extend(ctx, "one", usd(10), time.Time{}))
	if b := h.states()["tenant total"]; b.Held != 100 {
		t.Errorf("extended to 100, then to less, it holds %d", b.Held)
	}
	h.must(h.svc.Extend(ctx, "one", usd(100), until))
	h.must(h.svc.Extend(ctx, "one", usd(100), h.time().Add(time.Second)))
	h.advance(time.Minute)
	if h.holds() != 1 {
		t.Error("a hold beside the extended one has not expired")
	}
	h.advance(time.Hour - time.Minute - time.Second)
	if h.holds() != 1 {
		t.Error("the extended hold expired before its time")
	}
	h.advance(time.Second)
	if h.holds() != 0 {
		t.Error("the extended hold outlived its time")
	}
}

func expiry(t *testing.T, body Body) {
	h := newHouse(t, body)
	h.budget(crank.LevelTeam, full.Team, crank.PeriodMonth, usd(100))
	h.must(h.reserve("one", full, 100))
	h.advance(time.Minute - time.Second)
	h.want(crank.CodeBudgetExhausted, h.reserve("two", full, 100))
	h.advance(time.Second)
	h.want("", h.reserve("two", full, 100))
	h.want(crank.CodeDeadline, h.svc.Reserve(context.Background(), crank.Hold{Ref: "late", Payer: full, Amount: usd(0), Expires: h.time()}))
	h.check()
}

func lateSettlement(t *testing.T, body Body) {
	h := newHouse(t, body)
	h.budget(crank.LevelKey, full.Key, crank.PeriodMonth, usd(100))
	h.must(h.reserve("one", full, 80))
	h.advance(2 * time.Minute)
	h.must(h.reserve("two", full, 90))
	h.close("one", full, usd(80))
	if b := h.states()["key month"]; b.Spent != 80 || b.Held != 90 || b.Left != -70 {
		t.Errorf("after a late settlement: %+v", b)
	}
	h.want(crank.CodeBudgetExhausted, h.reserve("three", full, 1))
	h.check()
}

func badMoney(t *testing.T, body Body) {
	h, ctx := newHouse(t, body), context.Background()
	h.want(crank.CodeMoneyRange, h.reserve("x", full, -1))
	h.want(crank.CodeMoneyRange, h.svc.Reserve(ctx, crank.Hold{Ref: "x", Payer: full, Amount: crank.Money{Micros: 1}, Expires: noon.Add(time.Hour)}))
	h.want(crank.CodeMoneyRange, h.svc.Reserve(ctx, crank.Hold{Ref: "x", Payer: full, Amount: crank.Money{Micros: 1, Asset: "usd"}, Expires: noon.Add(time.Hour)}))
	h.want(crank.CodeInvalidInput, h.reserve("", full, 1))
	h.want(crank.CodeInvalidInput, h.reserve("x", crank.Payer{}, 1))
	h.want(crank.CodeInvalidInput, h.svc.Reserve(ctx, crank.Hold{Ref: "x", Payer: full, Amount: usd(1)}))
	h.want(crank.CodeInvalidInput, h.svc.Void(ctx, ""))
	h.must(h.reserve("most", full, 1<<63-1)) // no budget stands there
	h.want(crank.CodeMoneyRange, h.reserve("more", full, 1))
	all, err := h.svc.Holds(ctx, full.Tenant)
	if h.must(err); len(all) != 1 || all[0] != h.hold("most", full, 1<<63-1) {
		t.Errorf("the holds are %+v", all)
	}
}

func tenantsApart(t *testing.T, body Body) {
	h, ctx := newHouse(t, body), context.Background()
	other := full
	other.Tenant = "tenant_b"
	h.budget(crank.LevelTeam, full.Team, crank.PeriodMonth, usd(10))
	h.must(h.reserve("one", full, 10))
	h.want("", h.reserve("two", other, 1000))
	h.close("two", other, usd(900))
	if b := h.states()["team month"]; b.Spent != 0 || b.Held != 10 {
		t.Errorf("the other tenant's spending shows: %+v", b)
	}
	for tenant, want := range map[string]int{full.Tenant: 1, other.Tenant: 0, "": 0, ledger.AllTenants: 1} {
		budgets, err := h.svc.Budgets(ctx, tenant)
		h.must(err)
		holds, err := h.svc.Holds(ctx, tenant)
		if h.must(err); len(budgets) != want || len(holds) != want {
			t.Errorf("%q sees %d budgets and %d holds, want %d", tenant, len(budgets), len(holds), want)
		}
	}
}
