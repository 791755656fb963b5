// Package ledgertest is the contract of a ledger: every Service and every Store
// passes the same suite, here, on disk and over the wire.
package ledgertest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/ledger"
)

// TB is what the suite asks of a test; *testing.T and *rapid.T have it.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// Body is what is tested: a Book over Store, seen through Serve.
type Body struct {
	// Store returns a fresh, empty store.
	Store func(t TB) ledger.Store
	// Reopen returns the store as a process finds it after the one before was
	// killed at this moment; nil means the same value.
	Reopen func(t TB, s ledger.Store) ledger.Store
	// Serve returns the Service to test; nil means the Book itself.
	Serve func(t TB, b *ledger.Book) ledger.Service
}

// Run runs the whole suite.
func Run(t *testing.T, body Body) {
	for _, claim := range []struct {
		name string
		test func(t *testing.T, body Body)
	}{
		{"AHoldTakesFromEveryLevelOrFromNone", holdsEveryLevel},
		{"ARefusalNamesEveryShortLevelAndWhenToReturn", refusals},
		{"OnlyOtherHoldsInTheWayMeansTryAgainSoon", refusedByHolds},
		{"ARepeatIsHarmless", repeats},
		{"AnEndedReferenceIsRefused", ended},
		{"AnExtensionFitsOrChangesNothing", extensions},
		{"AHoldExpiresByTime", expiry},
		{"LateSettlementStillPosts", lateSettlement},
		{"ABudgetStartsAnewWithItsPeriod", newPeriods},
		{"ABudgetKnowsWhatWasSpentBeforeIt", laterBudget},
		{"ALimitInOneAssetIsNotWalkedAroundInAnother", otherAssets},
		{"ABudgetLoweredBelowSpentBreaksNothing", lowered},
		{"TenantsOfEqualNamesShareNothing", tenantsApart},
		{"BadMoneyIsRefused", badMoney},
		{"RecordsApplyInOrderAndOnce", order},
		{"ARecordThatDoesNotBalanceChangesNothing", unbalanced},
		{"AccountsAreListedByNameOrFolder", listing},
		{"NobodyOverspendsInACrowd", crowd},
		{"AHoldEndsOnceHoweverManyEndIt", endsOnce},
		{"AStoreGivesBackWhatItGot", storeRoundTrip},
		{"AHoldThatARecordStandsForOutlivesACrash", durableHolds},
		{"ASaveThatFailsIsMadeUpFor", failedSave},
		{"RunSavesInTheBackgroundAndAtTheEnd", runSaves},
		{"ABookRebuiltFromTheJournalIsEqual", rebuilt},
		{"RandomOperationsWithCrashesMatchTheModel", random},
	} {
		t.Run(claim.name, func(t *testing.T) { claim.test(t, body) })
	}
}

// noon is when every test begins.
var noon = time.Date(2024, 1, 31, 12, 0, 0, 0, time.UTC)

// house is a ledger with its clock, its disk and the journal it follows.
type house struct {
	t       TB
	body    Body
	now     atomic.Int64 // microseconds
	disk    *disk
	book    *ledger.Book
	svc     ledger.Service
	mu      sync.Mutex // guards journal
	journal []crank.Record
}

func newHouse(t TB, body Body) *house {
	t.Helper()
	h := &house{t: t, body: body, disk: &disk{Store: body.Store(t)}}
	h.now.Store(noon.UnixMicro())
	h.open()
	return h
}

func (h *house) time() time.Time         { return time.UnixMicro(h.now.Load()).UTC() }
func (h *house) advance(d time.Duration) { h.now.Add(d.Microseconds()) }

func (h *house) open() {
	h.t.Helper()
	book, err := ledger.Open(context.Background(), ledger.Config{Store: h.disk, Now: h.time})
	if err != nil {
		h.t.Fatalf("open: %v", err)
	}
	h.book, h.svc = book, book
	if h.body.Serve != nil {
		h.svc = h.body.Serve(h.t, book)
	}
}

// crash drops the Book and opens another from what the disk has; replay gives it
// the records since.
func (h *house) crash() {
	h.t.Helper()
	if h.body.Reopen != nil {
		h.disk = &disk{Store: h.body.Reopen(h.t, h.disk.Store)}
	}
	h.open()
}

func (h *house) replay() {
	h.t.Helper()
	h.must(h.svc.Apply(context.Background(), h.journal))
}

// append writes a record to the journal and applies it.
func (h *house) append(r crank.Record) {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	r.Epoch, r.Seq, r.Time = 1, uint64(len(h.journal)+1), h.now.Load()
	h.journal = append(h.journal, r)
	h.must(h.svc.Apply(context.Background(), h.journal[r.Seq-1:]))
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatalf("%v", err)
	}
}

// want fails unless err is of the code; "" means none.
func (h *house) want(code crank.Code, err error) {
	h.t.Helper()
	if codeOf(err) != code {
		h.t.Fatalf("got %v, want %q", err, code)
	}
}

func codeOf(err error) crank.Code {
	if err == nil {
		return ""
	}
	return crank.AsError(err).Code
}

func (h *house) reserve(ref string, p crank.Payer, micros crank.Micros) error {
	return h.svc.Reserve(context.Background(), h.hold(ref, p, micros))
}

func (h *house) hold(ref string, p crank.Payer, micros crank.Micros) crank.Hold {
	return crank.Hold{Ref: ref, Payer: p, Amount: usd(micros), Expires: h.time().Add(time.Minute)}
}

func (h *house) budget(level crank.Level, id string, period crank.Period, limit crank.Money) {
	h.t.Helper()
	h.append(budgetRecord(crank.Budget{Level: level, ID: id, Tenant: full.Tenant, Period: period, Limit: limit}))
}

func (h *house) close(ref string, p crank.Payer, price crank.Money) {
	h.t.Helper()
	h.append(receiptRecord(ref, p, price))
}

// states returns the budgets of the first tenant by "level period".
func (h *house) states() map[string]ledger.BudgetState {
	h.t.Helper()
	all, err := h.svc.Budgets(context.Background(), full.Tenant)
	h.must(err)
	m := map[string]ledger.BudgetState{}
	for _, b := range all {
		m[string(b.Budget.Level)+" "+string(b.Budget.Period)] = b
	}
	return m
}

func (h *house) holds() int {
	h.t.Helper()
	all, err := h.svc.Holds(context.Background(), ledger.AllTenants)
	h.must(err)
	return len(all)
}

func (h *house) check() {
	h.t.Helper()
	h.must(h.svc.Check(context.Background()))
}

// full is a payer with all four levels.
var full = crank.Payer{Tenant: "tenant_a", Team: "team_a", App: "app_a", Key: "key_a"}

func usd(m crank.Micros) crank.Money { return crank.Money{Micros: m, Asset: "USD"} }

func budgetRecord(b crank.Budget) crank.Record {
	return crank.Record{Type: crank.TypeAdmin, Admin: &crank.Admin{Act: ledger.ActBudgetSet, Tenant: b.Tenant, Budget: &b}}
}

func receiptRecord(call string, p crank.Payer, price crank.Money) crank.Record {
	r := crank.Receipt{ID: "rcpt_" + call, Call: call, Payer: p, Price: price, Outcome: crank.OutcomeOK}
	if price.Micros > 0 {
		cut := price.Micros / 3
		r.Postings = []crank.Posting{
			{Account: crank.TenantAccount(p.Tenant), Micros: -price.Micros},
			{Account: crank.ProviderAccount("p"), Micros: price.Micros - cut},
			{Account: crank.AccountPlatform, Micros: cut},
		}
	}
	return crank.Record{Type: crank.TypeClosed, Receipt: &r}
}

func openedRecord(h crank.Hold) crank.Record {
	return crank.Record{Type: crank.TypeOpened, Opened: &crank.Opened{Call: h.Ref, Hold: h}}
}

// disk is a store that can be told to fail, before or after it wrote.
type disk struct {
	ledger.Store
	failBefore, failAfter atomic.Bool
}

var errDisk = errors.New("the disk failed, as it was told to")

func (d *disk) Save(ctx context.Context, delta ledger.Delta) error {
	if d.failBefore.Load() {
		return errDisk
	}
	if err := d.Store.Save(ctx, delta); err != nil {
		return err
	}
	if d.failAfter.Load() {
		return errDisk
	}
	return nil
}
