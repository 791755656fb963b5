package ledgertest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/ledger"
)

// payers share levels in every way.
var payers = []crank.Payer{
	full,
	{Tenant: "tenant_a", Team: "team_a", App: "app_b", Key: "key_b"},
	{Tenant: "tenant_a", Key: "key_c"},
	{Tenant: "tenant_b", Team: "team_a", App: "app_a", Key: "key_a"},
}

// random drives a ledger and the model by the same random operations, among them
// saves that fail before or after they wrote, and crashes at any moment, and
// compares all that can be asked after each.
func random(t *testing.T, body Body) {
	rapid.Check(t, func(t *rapid.T) {
		r := &run{T: t, house: newHouse(t, body), model: newModel()}
		r.Repeat(map[string]func(*rapid.T){
			"reserve":       r.reserve,
			"extend":        r.extend,
			"void":          r.void,
			"open":          r.open,
			"close":         r.close,
			"transfer":      r.transfer,
			"budget":        r.budget,
			"time":          r.time,
			"save":          func(*rapid.T) { r.save(false, false) },
			"save, fails":   func(*rapid.T) { r.save(true, false) },
			"save, unheard": func(*rapid.T) { r.save(false, true) },
			"crash":         r.crash,
			"":              r.compare,
		})
	})
}

type run struct {
	*rapid.T
	house  *house
	model  *model
	refs   []string  // of the last day
	since  time.Time // of the first of them
	closed map[string]bool
	count  int
}

func (r *run) ref() string {
	// An ended reference is forgotten after a day, at no exact moment.
	if len(r.refs) == 0 || r.house.time().Sub(r.since) > 20*time.Hour {
		r.refs, r.since, r.closed = nil, r.house.time(), map[string]bool{}
		for range 4 {
			r.count++
			r.refs = append(r.refs, fmt.Sprint("call_", r.count))
		}
	}
	return rapid.SampledFrom(r.refs).Draw(r.T, "ref")
}

func (r *run) money() crank.Money {
	return crank.Money{Micros: crank.Micros(rapid.IntRange(0, 40).Draw(r.T, "micros")), Asset: rapid.SampledFrom([]crank.Asset{"USD", "USD", "USD", "EUR"}).Draw(r.T, "asset")}
}

func (r *run) payer() crank.Payer { return rapid.SampledFrom(payers).Draw(r.T, "payer") }

func (r *run) until() time.Time {
	return r.house.time().Add(time.Duration(rapid.IntRange(0, 180).Draw(r.T, "minutes")) * time.Minute)
}

func (r *run) same(got error, want crank.Code) {
	r.Helper()
	if codeOf(got) != want {
		r.Fatalf("got %v, the model says %q", got, want)
	}
}

func (r *run) reserve(*rapid.T) {
	h := crank.Hold{Ref: r.ref(), Payer: r.payer(), Amount: r.money(), Expires: r.until()}
	r.same(r.house.svc.Reserve(context.Background(), h), r.model.reserve(h, r.house.time()))
}

func (r *run) extend(*rapid.T) {
	ref, amount, until := r.ref(), r.money(), r.until()
	r.same(r.house.svc.Extend(context.Background(), ref, amount, until), r.model.extend(ref, amount, until, r.house.time()))
}

func (r *run) void(*rapid.T) {
	ref := r.ref()
	r.model.void(ref, r.house.time())
	r.same(r.house.svc.Void(context.Background(), ref), "")
}

func (r *run) append(record crank.Record) {
	r.Helper()
	r.house.append(record)
	r.model.apply(r.house.journal[len(r.house.journal)-1], r.house.time())
}

// open journals a hold that is pending, as the journey does.
func (r *run) open(t *rapid.T) {
	ref := r.ref()
	h, pending := r.model.holds[ref]
	if !pending {
		t.Skip("nothing is held")
	}
	r.append(openedRecord(h.Hold))
}

func (r *run) close(t *rapid.T) {
	ref := r.ref()
	if r.closed[ref] {
		t.Skip("a call closes once")
	}
	r.closed[ref] = true
	r.append(receiptRecord(ref, r.payer(), r.money()))
}

func (r *run) transfer(*rapid.T) { r.append(transferRecord("deposit", r.money().Micros)) }

func (r *run) budget(*rapid.T) {
	p := r.payer()
	level := rapid.SampledFrom([]crank.Level{crank.LevelTenant, crank.LevelTeam, crank.LevelApp, crank.LevelKey}).Draw(r.T, "level")
	id, has := levels(p)[level]
	if !has {
		level, id = crank.LevelTenant, p.Tenant
	}
	limit := r.money()
	limit.Micros *= 4
	r.append(budgetRecord(crank.Budget{
		Level: level, ID: id, Tenant: p.Tenant, Limit: limit,
		Period:  rapid.SampledFrom([]crank.Period{crank.PeriodDay, crank.PeriodMonth, crank.PeriodTotal}).Draw(r.T, "period"),
		Removed: rapid.IntRange(0, 3).Draw(r.T, "removed") == 0,
	}))
}

func (r *run) time(*rapid.T) {
	r.house.advance(time.Duration(rapid.SampledFrom([]int{1, 30, 60, 600, 3 * 60, 26 * 60}).Draw(r.T, "minutes")) * time.Minute)
}

func (r *run) save(failBefore, failAfter bool) {
	disk := r.house.disk
	disk.failBefore.Store(failBefore)
	disk.failAfter.Store(failAfter)
	err := r.house.book.Save(context.Background())
	disk.failBefore.Store(false)
	disk.failAfter.Store(false)
	if err != nil && !failBefore && !failAfter {
		r.Fatalf("save: %v", err)
	}
	if !failBefore {
		r.model.save()
	}
}

func (r *run) crash(*rapid.T) {
	r.house.crash()
	seq, err := r.house.svc.Applied(context.Background())
	if err != nil || int(seq) != r.model.saved.applied {
		r.Fatalf("after a crash the ledger has applied %d (%v), saved was %d", seq, err, r.model.saved.applied)
	}
	r.house.replay()
	r.model.crash(r.house.journal, r.house.time())
}

func (r *run) compare(*rapid.T) {
	ctx, now := context.Background(), r.house.time()
	r.house.check()
	holds, err := r.house.svc.Holds(ctx, ledger.AllTenants)
	if want := r.model.pending(ledger.AllTenants, now); err != nil || !slices.Equal(holds, want) {
		r.Fatalf("holds %v (%v), the model says %v", holds, err, want)
	}
	balances, err := r.house.svc.Balances(ctx, "")
	want := r.model.balances()
	if err != nil || len(balances) != len(want) {
		r.Fatalf("balances %v (%v), the model says %v", balances, err, want)
	}
	for _, b := range balances {
		if !want[b] {
			r.Fatalf("balance %v, the model says %v", b, want)
		}
	}
	states, err := r.house.svc.Budgets(ctx, ledger.AllTenants)
	if err != nil || len(states) != len(r.model.budgets()) {
		r.Fatalf("budgets %v (%v), the model says %v", states, err, r.model.budgets())
	}
	for _, s := range states {
		spent, held := r.model.state(s.Budget, now)
		if s.Spent != spent || s.Held != held || s.Left != s.Budget.Limit.Micros-spent-held {
			r.Fatalf("%+v, the model says %d spent and %d held", s, spent, held)
		}
	}
}
