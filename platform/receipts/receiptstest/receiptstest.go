// Package receiptstest holds the claims that a journal keeps whatever store is
// under it. Every body of receipts.Store runs them.
package receiptstest

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
	"github.com/crank-platform/crank/platform/receipts"
)

// Place is where one store lives, fresh for each test.
type Place interface {
	// Open opens the store that was made, or makes it.
	Open(t *testing.T) receipts.Store
	// Crash returns the store that the sudden end of the process would leave: the
	// one opened last is not told.
	Crash(t *testing.T) receipts.Store
	// Fill makes the space run out, and Free brings it back. They report whether
	// this kind of place can.
	Fill(t *testing.T) bool
	Free(t *testing.T)
}

// Run checks the claims over the stores of fresh places.
func Run(t *testing.T, place func(t *testing.T) Place) {
	for _, claim := range []struct {
		name string
		test func(*testing.T, Place)
	}{
		{"RecordsComeInOneOrderAndTenantsInChains", order},
		{"ACallIsClosedOnce", once},
		{"ACallIsOpenedOnceAndOpenUntilClosed", openCalls},
		{"WhatWasAppendedSurvivesACrash", crash},
		{"FollowersSeeEveryRecordBeforeThoseWhoWait", followers},
		{"AFollowerThatFailsIsServedAgainInOrder", lateFollower},
		{"AFullDiskRefusesAndRecovers", full},
		{"ARecordWithdrawnInTimeIsNotInTheJournal", withdrawn},
		{"AStoppedJournalRefuses", stopped},
		{"CommitTimesNeverGoBack", clock},
		{"EpochsFollowOneAnother", epochs},
		{"ListFindsWhatAScanFinds", list},
		{"UsageIsTheSumOfReceipts", usage},
		{"AnothersReceiptIsLikeNone", foreign},
		{"LostViewsAreBuiltAgain", rebuild},
		{"ViewsOfAnotherJournalAreNotBelieved", strangeViews},
		{"PruningKeepsLeavesChainsAndSums", prune},
		{"AnErasedSubjectIsGone", subjects},
		{"SaltsStay", salts},
		{"AStoreTakesAllOfACommitOrNothing", allOrNothing},
		{"WhatCannotBeIsRefused", refused},
		{"AllAtOnceDisturbsNobody", hammer},
		{"SumsStopAtTheEndsOf64Bits", clampedSums},
	} {
		t.Run(claim.name, func(t *testing.T) { claim.test(t, place(t)) })
	}
}

// Clock is a clock that tests move.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock at the start of a day.
func NewClock() *Clock { return &Clock{now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)} }

// Now returns the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Move moves the clock.
func (c *Clock) Move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Start runs a journal over a store until the test ends or stop is called.
func Start(t testing.TB, store receipts.Store, clock *Clock) (j *receipts.Journal, stop func()) {
	t.Helper()
	j, err := receipts.New(t.Context(), receipts.Config{Store: store, Now: clock.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- j.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return j, stop
}

// Receipt makes the i-th of a varied sequence of receipts, each of a new call.
func Receipt(i int) crank.Record {
	at := time.Date(2026, 3, 1, 0, 0, 0, i, time.UTC)
	r := &crank.Receipt{
		Call:       ids.New("call"),
		Payer:      crank.Payer{Tenant: fmt.Sprintf("tenant_%d", i%3), Team: fmt.Sprintf("team_%d", i%2), Key: fmt.Sprintf("key_%d", i%5)},
		Method:     "key",
		Capability: [...]crank.Capability{"document/convert@1", "email/parse@1"}[i%7/4],
		Contract:   crank.DigestOf("test", []byte("contract")),
		Provider:   "local", Worker: "document", Offer: ids.New("offer"), Instance: "one",
		Policy: crank.DigestOf("test", []byte("policy")),
		Input:  crank.Commitment{Digest: crank.DigestOf("test", fmt.Append(nil, "in", i)), Bytes: int64(i)},
		Output: crank.Commitment{Digest: crank.DigestOf("test", fmt.Append(nil, "out", i)), Bytes: 2 * int64(i)},
		Usage: crank.Usage{
			{Meter: crank.MeterCalls, Quantity: 1, Method: crank.Measured, Source: crank.SourcePlatform},
			{Meter: crank.MeterInputBytes, Quantity: int64(i), Method: crank.Measured, Source: crank.SourcePlatform},
			{Meter: crank.MeterCPUMicros, Quantity: 1200, Method: crank.Measured, Source: crank.SourceHarness},
		},
		Plan:    crank.DigestOf("test", []byte("plan")),
		Ceiling: crank.Money{Micros: 5000, Asset: "USD"},
		Lines:   []crank.Line{{Meter: crank.MeterCalls, Quantity: 1, Micros: crank.Micros(1000 + i)}},
		Price:   crank.Money{Micros: crank.Micros(1000 + i), Asset: [...]crank.Asset{"USD", "EUR"}[i%11/10]},
		Outcome: [...]crank.Outcome{crank.OutcomeOK, crank.OutcomeOK, crank.OutcomeFailed}[i%13%3],
		Opened:  at.UnixMicro(), Sent: at.UnixMicro() + 30, Closed: at.UnixMicro() + 900, Attempts: 1,
	}
	r.Postings = []crank.Posting{
		{Account: crank.TenantAccount(r.Payer.Tenant), Micros: -r.Price.Micros},
		{Account: crank.ProviderAccount("local"), Micros: r.Price.Micros},
	}
	if i%4 == 0 {
		r.Tags = crank.Tags{"project": fmt.Sprintf("p%d", i%8), "env": "prod"}
	}
	return crank.Record{Type: crank.TypeClosed, Receipt: r}
}

// Opened makes the record that opens a call.
func Opened(call, tenant string) crank.Record {
	return crank.Record{Type: crank.TypeOpened, Opened: &crank.Opened{
		Call: call, Capability: "document/convert@1", Method: "key",
		Hold: crank.Hold{
			Ref: call, Payer: crank.Payer{Tenant: tenant}, Amount: crank.Money{Micros: 7, Asset: "USD"},
			Expires: time.Date(2026, 3, 1, 1, 0, 0, 0, time.UTC),
		},
		Opened: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).UnixMicro(),
	}}
}

func appendAll(t *testing.T, j *receipts.Journal, rs ...crank.Record) []crank.Record {
	t.Helper()
	out, err := j.AppendAll(t.Context(), rs)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func receiptsFrom(from, n int) []crank.Record {
	rs := make([]crank.Record, n)
	for i := range rs {
		rs[i] = Receipt(from + i)
	}
	return rs
}

// scan reads the whole journal.
func scan(t *testing.T, j *receipts.Journal) (all []receipts.Stored) {
	t.Helper()
	for {
		after := uint64(0)
		if len(all) > 0 {
			after = all[len(all)-1].Seq
		}
		page, err := j.Read(t.Context(), after, 97)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
	}
}

func wantCode(t *testing.T, err error, want crank.Code) {
	t.Helper()
	if err == nil || crank.AsError(err).Code != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}
