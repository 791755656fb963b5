package ledgertest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/ledger"
)

func transferRecord(ref string, micros crank.Micros) crank.Record {
	return crank.Record{Type: crank.TypeTransfer, Transfer: &crank.Transfer{Ref: ref, Tenant: full.Tenant, Asset: "USD", Why: "deposit", Postings: []crank.Posting{
		{Account: crank.AccountExternal, Micros: -micros}, {Account: crank.TenantAccount(full.Tenant), Micros: micros},
	}}}
}

func nonzero(all []ledger.Balance) []ledger.Balance {
	return slices.DeleteFunc(slices.Clone(all), func(b ledger.Balance) bool { return b.Micros == 0 })
}

// sorted brings a state into one order, to compare.
func sorted(s ledger.State) string {
	var lines []string
	for _, t := range s.Tallies {
		lines = append(lines, fmt.Sprintf("%+v", t))
	}
	for _, b := range s.Balances {
		lines = append(lines, fmt.Sprintf("%+v", b))
	}
	for _, h := range s.Holds {
		h.Expires = h.Expires.UTC()
		lines = append(lines, fmt.Sprintf("%+v", h))
	}
	slices.Sort(lines)
	return fmt.Sprintf("%d\n%s", s.Applied, strings.Join(lines, "\n"))
}

func storeRoundTrip(t *testing.T, body Body) {
	ctx, store := context.Background(), body.Store(t)
	reopen := func() {
		if body.Reopen != nil {
			store = body.Reopen(t, store)
		}
	}
	expect := func(want ledger.State) {
		t.Helper()
		got, err := store.Load(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if sorted(got) != sorted(want) {
			t.Fatalf("loaded\n%s\nwant\n%s", sorted(got), sorted(want))
		}
	}
	expect(ledger.State{})
	const most = 1<<63 - 1
	odd := "\u00e4 'quoted' \"twice\" \x00 end"
	tally := func(id string, asset crank.Asset, spent crank.Micros) ledger.Tally {
		return ledger.Tally{Tenant: odd, Level: crank.LevelKey, ID: id, Asset: asset, Periods: [3]ledger.PeriodTally{
			{Bucket: 19000, Spent: spent, Limit: ledger.NoLimit}, {Bucket: 24288, Spent: most, Limit: 0}, {Spent: 3, Limit: most},
		}}
	}
	hold := crank.Hold{Ref: "one", Payer: crank.Payer{Tenant: odd, Key: "k"}, Amount: crank.Money{Micros: most, Asset: "USD"}, Expires: noon.Add(1500 * time.Microsecond)}
	other := crank.Hold{Ref: "two", Payer: full, Amount: usd(0), Expires: noon}
	first := ledger.State{
		Applied:  1<<63 - 1,
		Tallies:  []ledger.Tally{tally("a", "USD", 1), tally("a", "EUR", 2), tally(odd, "USD", 3)},
		Balances: []ledger.Balance{{Account: "a", Asset: "USD", Micros: -most}, {Account: "a", Asset: "EUR", Micros: most}, {Account: crank.Account(odd), Asset: "USD", Micros: 0}},
		Holds:    []crank.Hold{hold, other},
	}
	save := func(d ledger.Delta) {
		t.Helper()
		if err := store.Save(ctx, d); err != nil {
			t.Fatal(err)
		}
	}
	save(ledger.Delta{State: first})
	save(ledger.Delta{State: first})
	expect(first)
	reopen()
	expect(first)
	hold.Amount.Micros = 5
	save(ledger.Delta{State: ledger.State{Applied: 7, Tallies: []ledger.Tally{tally("a", "EUR", 9)}, Balances: []ledger.Balance{{Account: "a", Asset: "USD", Micros: 4}}, Holds: []crank.Hold{hold}}, Ended: []string{"two", "never there"}})
	reopen()
	second := ledger.State{
		Applied:  7,
		Tallies:  []ledger.Tally{tally("a", "USD", 1), tally("a", "EUR", 9), tally(odd, "USD", 3)},
		Balances: []ledger.Balance{{Account: "a", Asset: "USD", Micros: 4}, first.Balances[1], first.Balances[2]},
		Holds:    []crank.Hold{hold},
	}
	expect(second)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if err := store.Save(cancelled, ledger.Delta{State: ledger.State{Applied: 8}, Ended: []string{"one"}}); err == nil {
		t.Error("a save whose context has ended succeeds")
	}
	expect(second)
}

// durableHolds follows holds that a record stands for, and one that none does,
// through a crash.
func durableHolds(t *testing.T, body Body) {
	h, ctx := newHouse(t, body), context.Background()
	until := h.time().Add(time.Hour)
	for _, ref := range []string{"extended", "voided", "closed", "unsaved"} {
		h.must(h.reserve(ref, full, 10))
		h.append(openedRecord(h.hold(ref, full, 10)))
	}
	h.must(h.reserve("memory", full, 10))
	h.must(h.book.Save(ctx))
	h.must(h.svc.Extend(ctx, "extended", usd(25), until))
	h.must(h.book.Save(ctx))
	h.must(h.svc.Void(ctx, "voided"))
	h.must(h.book.Save(ctx))
	h.close("closed", full, usd(4))
	h.must(h.svc.Void(ctx, "unsaved"))
	h.crash()
	h.replay()
	all, err := h.svc.Holds(ctx, full.Tenant)
	h.must(err)
	want := []crank.Hold{{Ref: "extended", Payer: full, Amount: usd(25), Expires: until}, h.hold("unsaved", full, 10)}
	if !slices.Equal(all, want) {
		t.Errorf("after a crash the holds are %v, want %v", all, want)
	}
	h.want(crank.CodeHoldState, h.reserve("closed", full, 10))
	h.want("", h.reserve("memory", full, 10))
	h.check()
}

func failedSave(t *testing.T, body Body) {
	h, ctx := newHouse(t, body), context.Background()
	h.append(transferRecord("deposit", 100))
	ask := h.hold("one", full, 5)
	h.append(openedRecord(ask))
	h.disk.failBefore.Store(true)
	h.want(crank.CodeStore, h.book.Save(ctx))
	h.disk.failBefore.Store(false)
	h.append(transferRecord("deposit", 1))
	h.disk.failAfter.Store(true)
	h.want(crank.CodeStore, h.book.Save(ctx)) // written, but nobody knows
	h.disk.failAfter.Store(false)
	h.append(transferRecord("deposit", 10))
	h.must(h.book.Save(ctx))
	want := h.book.State()
	h.crash()
	if got := h.book.State(); sorted(got) != sorted(want) || got.Applied != 4 || len(got.Holds) != 1 {
		t.Errorf("reopened as\n%s\nwant\n%s", sorted(got), sorted(want))
	}
	h.check()
}

func runSaves(t *testing.T, body Body) {
	h := newHouse(t, body)
	book, err := ledger.Open(t.Context(), ledger.Config{Store: h.disk, Now: h.time, Every: time.Millisecond})
	h.must(err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- book.Run(ctx) }()
	deposit := transferRecord("deposit", 1)
	deposit.Seq = 1
	h.must(book.Apply(ctx, []crank.Record{deposit}))
	h.must(book.Reserve(ctx, h.hold("one", full, 1)))
	h.advance(time.Hour)
	for saved := uint64(0); saved == 0; { // the test's own time limit ends a vain wait
		state, err := h.disk.Load(ctx)
		h.must(err)
		saved = state.Applied
	}
	deposit.Seq = 2
	h.must(book.Apply(ctx, []crank.Record{deposit}))
	cancel()
	h.must(<-done)
	if state, err := h.disk.Load(t.Context()); err != nil || state.Applied != 2 {
		t.Errorf("a clean stop leaves record %d saved (%v), want 2", state.Applied, err)
	}
}

func rebuilt(t *testing.T, body Body) {
	h := newHouse(t, body)
	h.budget(crank.LevelTeam, full.Team, crank.PeriodMonth, usd(1000))
	for i := range 50 {
		ref := fmt.Sprint("call", i)
		if i%2 == 0 {
			h.append(openedRecord(h.hold(ref, full, 9)))
		}
		h.close(ref, full, usd(crank.Micros(i%4)))
		h.advance(7 * time.Hour)
		if i == 25 {
			h.must(h.book.Save(context.Background()))
			h.crash()
			h.replay()
		}
	}
	from, err := ledger.Open(t.Context(), ledger.Config{Store: body.Store(t), Now: h.time})
	h.must(err)
	h.must(from.Apply(t.Context(), h.journal))
	if d := ledger.Differences(h.book.State(), from.State()); len(d) != 0 {
		t.Errorf("rebuilt, the books differ: %v", d)
	}
	short, err := ledger.Open(t.Context(), ledger.Config{Store: body.Store(t), Now: h.time})
	h.must(err)
	h.must(short.Apply(t.Context(), h.journal[:len(h.journal)-1]))
	if d := ledger.Differences(h.book.State(), short.State()); len(d) == 0 {
		t.Error("a record less makes no difference")
	}
}
