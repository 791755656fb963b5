package ledger

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crank-platform/crank"
)

// disk is a store that counts what is saved to it.
type disk struct {
	saves   int
	applied uint64
}

func (d *disk) Load(context.Context) (State, error) { return State{}, nil }
func (d *disk) Save(_ context.Context, delta Delta) error {
	d.saves, d.applied = d.saves+1, delta.Applied
	return nil
}

func open(t *testing.T, c Config) *Book {
	t.Helper()
	if c.Store == nil {
		c.Store = &disk{}
	}
	b, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var payer = crank.Payer{Tenant: "t", Team: "m", App: "a", Key: "k"}

func reserve(t *testing.T, b *Book, ref string) {
	t.Helper()
	if err := b.Reserve(t.Context(), crank.Hold{Ref: ref, Payer: payer, Amount: crank.Money{Micros: 5, Asset: "USD"}, Expires: b.c.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
}

func deposit(seq uint64) []crank.Record {
	return []crank.Record{{Seq: seq, Type: crank.TypeTransfer, Transfer: &crank.Transfer{Asset: "USD", Postings: []crank.Posting{{Account: "external", Micros: -1}, {Account: "tenant/t", Micros: 1}}}}}
}

func TestEndedReferencesAreRememberedWithinBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, Config{Remember: 100})
		for i := range 1000 {
			ref := fmt.Sprint("call_", i)
			reserve(t, b, ref)
			if err := b.Void(t.Context(), ref); err != nil {
				t.Fatal(err)
			}
		}
		if len(b.holds) != 100 || b.past.len() != 100 || cap(b.past.holds) > 1000 {
			t.Errorf("%d references are kept in a queue of %d and room for %d", len(b.holds), b.past.len(), cap(b.past.holds))
		}
		if b.holds["call_999"] == nil || b.holds["call_899"] != nil {
			t.Error("the newest are not those that are kept")
		}
		time.Sleep(25 * time.Hour)
		b.sweep()
		if len(b.holds) != 0 {
			t.Errorf("after a day %d references are kept", len(b.holds))
		}
	})
}

func TestRunSweepsAndSavesAtItsPaceOrWhenABatchIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &disk{}
		b := open(t, Config{Store: store, Every: time.Minute, Batch: 3})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- b.Run(ctx) }()
		apply := func(from, to uint64) {
			for seq := from; seq <= to; seq++ {
				if err := b.Apply(ctx, deposit(seq)); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
		}
		if apply(1, 2); store.saves != 0 {
			t.Errorf("two records are saved at once")
		}
		if apply(3, 3); store.saves != 1 || store.applied != 3 {
			t.Errorf("a full batch leaves %d saves, of record %d", store.saves, store.applied)
		}
		apply(4, 4)
		reserve(t, b, "short")
		time.Sleep(time.Minute)
		synctest.Wait()
		if store.applied != 4 {
			t.Errorf("after its time Run has saved record %d", store.applied)
		}
		saves := store.saves
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if store.saves != saves {
			t.Error("Run saves where nothing has changed")
		}
		if len(b.pending) != 0 || b.paths[pathKey{payer, "USD"}].purses[0].held != 0 {
			t.Error("nobody asked, so the hold has not expired")
		}
		apply(5, 5)
		stop()
		if err := <-done; err != nil || store.applied != 5 {
			t.Errorf("a clean stop gives %v and record %d", err, store.applied)
		}
	})
}

func TestCheckFindsBooksThatAreWrong(t *testing.T) {
	for fault, spoil := range map[string]func(b *Book){
		"balances/USD":        func(b *Book) { b.balance("platform", "USD").Micros++ },
		"levels/t/team/m/USD": func(b *Book) { b.purse("t", crank.LevelTeam, "m", "USD").held-- },
		"levels/t/key/k/USD":  func(b *Book) { b.purse("t", crank.LevelKey, "k", "USD").tally[total].Spent = -1 },
		"holds/one":           func(b *Book) { delete(b.holds, "one") },
	} {
		b := open(t, Config{})
		reserve(t, b, "one")
		if err := b.Apply(t.Context(), deposit(1)); err != nil {
			t.Fatal(err)
		}
		if err := b.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		spoil(b)
		if err := b.Check(t.Context()); err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("%s is not found: %v", fault, err)
		}
	}
}

func TestEveryMomentHasItsPeriods(t *testing.T) {
	var c calendar
	for _, when := range []string{"1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "2000-02-29T12:00:00Z", "2024-12-31T23:59:59Z", "2025-01-01T00:00:00Z"} {
		at, err := time.Parse(time.RFC3339, when)
		if err != nil {
			t.Fatal(err)
		}
		b := c.at(at.UnixMicro())
		y, m, d := at.Date()
		if want := time.Date(y, m, d+1, 0, 0, 0, 0, time.UTC); !b.end(day).Equal(want) {
			t.Errorf("the day of %s ends %s", when, b.end(day))
		}
		if want := time.Date(y, m+1, 1, 0, 0, 0, 0, time.UTC); !b.end(month).Equal(want) {
			t.Errorf("the month of %s ends %s", when, b.end(month))
		}
		if !b.end(total).IsZero() {
			t.Errorf("the whole of time ends %s", b.end(total))
		}
	}
}

func TestReserveAllocatesAtMostTwice(t *testing.T) {
	b := open(t, Config{Remember: 1000})
	until := time.Now().Add(time.Hour)
	refs := make([]string, 5000)
	for i := range refs {
		refs[i] = fmt.Sprint("call_", i)
	}
	i := 0
	n := testing.AllocsPerRun(4000, func() {
		_ = b.Reserve(context.Background(), crank.Hold{Ref: refs[i], Payer: payer, Amount: crank.Money{Micros: 5, Asset: "USD"}, Expires: until})
		_ = b.Void(context.Background(), refs[i])
		i++
	})
	if n > 2 {
		t.Errorf("a hold and its end allocate %v times", n)
	}
}

func TestARecordSentOverAWireIsAppliedAlike(t *testing.T) {
	hold := crank.Hold{Ref: "c", Payer: payer, Amount: crank.Money{Micros: 9, Asset: "USD"}, Expires: time.Now().Add(time.Hour)}
	budget := crank.Budget{Level: crank.LevelKey, ID: "k", Tenant: "t", Period: crank.PeriodDay, Limit: crank.Money{Micros: 99, Asset: "USD"}}
	records := []crank.Record{
		{Type: crank.TypeAdmin, Admin: &crank.Admin{Actor: payer, Act: ActBudgetSet, Budget: &budget}},
		{Type: crank.TypeAdmin, Admin: &crank.Admin{Act: "key.create"}},
		{Type: crank.TypeOpened, Opened: &crank.Opened{Call: "c", Capability: "a/b@1", Hold: hold}},
		{Type: crank.TypeClosed, Receipt: &crank.Receipt{ID: "r", Call: "c", Payer: payer, Trace: "x", Tags: crank.Tags{"a": "b"}, Price: crank.Money{Micros: 3, Asset: "USD"},
			Postings: []crank.Posting{{Account: "tenant/t", Micros: -3}, {Account: "platform", Micros: 3}}}},
		{Type: crank.TypeOpened, Opened: &crank.Opened{Call: "d", Hold: crank.Hold{Ref: "d", Payer: payer, Amount: hold.Amount, Expires: hold.Expires}}},
		deposit(0)[0],
	}
	whole, slim := open(t, Config{}), open(t, Config{})
	for i, r := range records {
		r.Seq, r.Time = uint64(i+1), time.Now().UnixMicro()
		if err := whole.Apply(t.Context(), []crank.Record{r}); err != nil {
			t.Fatal(err)
		}
		if err := slim.Apply(t.Context(), []crank.Record{Essence(r)}); err != nil {
			t.Fatal(err)
		}
	}
	if d := Differences(whole.State(), slim.State()); len(d) != 0 || len(slim.State().Holds) != 1 {
		t.Errorf("the essence of records makes other books: %v", d)
	}
	if e := Essence(records[3]); e.Receipt.Tags != nil || e.Receipt.Trace != "" {
		t.Errorf("more crosses than is needed: %+v", e.Receipt)
	}
}
