package dispatch_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/dispatch"
)

func TestTheJourneyTakesItsStepsInOrderAndEndsInOneReceipt(t *testing.T) {
	for _, idempotent := range []bool{true, false} {
		h := newHouse(t)
		h.op.Properties.Idempotent = idempotent
		a, err := h.Call(t.Context(), call(`{ "n" : 1 }`), nil)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"decide", "match", "reserve", "call.opened", "send", "call.closed"}
		if idempotent {
			want = slices.Delete(want, 3, 4) // its hold lives in memory: a crash voids it
		}
		if got := h.steps(); !slices.Equal(got, want) {
			t.Errorf("idempotent %v: steps are %v, want %v", idempotent, got, want)
		}
		r := a.Receipt
		if string(a.Output) != `{"n":1}` || r.Outcome != crank.OutcomeOK || r.Price.Micros != 70 || r.Ceiling.Micros != 100 ||
			r.Capability != "test/echo@1" || r.Usage.Of(crank.MeterCalls) != 1 || r.Usage.Of(crank.MeterInputBytes) != 7 || len(r.Postings) != 2 || r.Attempts != 1 {
			t.Errorf("output %s, receipt %+v", a.Output, r)
		}
		if len(h.held) != 0 {
			t.Errorf("holds are left: %v", h.held)
		}
	}
}

func TestARefusedCallLeavesNothingBehind(t *testing.T) {
	deep := strings.Repeat("[", 1000) + strings.Repeat("]", 1000)
	for _, c := range []struct {
		name string
		call crank.Call
		set  func(*house)
		want crank.Code
	}{
		{"unknown capability", crank.Call{Capability: "no/such"}, nil, crank.CodeUnknownCap},
		{"not JSON", call(`{"n":`), nil, crank.CodeMalformedJSON},
		{"a key twice", call(`{"n":1,"n":2}`), nil, crank.CodeMalformedJSON},
		{"too deep", call(deep), nil, crank.CodeTooDeep},
		{"breaks the schema", call(`{"n":"x"}`), nil, crank.CodeInvalidInput},
		{"an unknown blob", call(`{"f":{"$blob":"` + crank.DigestOf("x").String() + `","size":5}}`), nil, crank.CodeBlobUnknown},
		{"a blob that lies", call(`{"f":{"$blob":"` + file.String() + `","size":1}}`), nil, crank.CodeInvalidInput},
		{"a blob too large", call(`{"f":{"$blob":"` + file.String() + `","size":5}}`), func(h *house) { h.op.Limits.InputBytes = 99 }, crank.CodeTooLarge},
		{"inline too large", call(`{"s":"` + strings.Repeat("x", crank.MaxInline) + `"}`), nil, crank.CodeTooLarge},
		{"a long key", keyed(`{}`, strings.Repeat("k", 256)), nil, crank.CodeConstraint},
		{"negative money", func() crank.Call { c := call(`{}`); c.Constraints.MaxPrice.Micros = -1; return c }(), nil, crank.CodeMoneyRange},
		{"odd preference", func() crank.Call { c := call(`{}`); c.Constraints.Prefer = "luck"; return c }(), nil, crank.CodeConstraint},
		{"no budget", call(`{}`), func(h *house) { h.left = 99 }, crank.CodeBudgetExhausted},
		{"no offer", call(`{}`), func(h *house) { h.offers = 0 }, crank.CodeNoOffer},
		{"orphan", func() crank.Call { c := call(`{}`); c.Parent = "call_gone"; return c }(), nil, crank.CodeNotFound},
		{"journal full", keyed(`{}`, "k"), func(h *house) { h.full = true }, crank.CodeJournalFull},
		{"past deadline", func() crank.Call { c := call(`{}`); c.Deadline = time.Now().Add(-time.Second); return c }(), func(h *house) {
			h.work = func(ctx context.Context, _ crank.Call, _ crank.Offer, _ func(crank.Chunk) error) (crank.Result, error) {
				return crank.Result{}, ctx.Err()
			}
		}, crank.CodeDeadline},
	} {
		h := newHouse(t)
		if c.set != nil {
			c.set(h)
		}
		_, err := h.Call(t.Context(), c.call, nil)
		if err == nil || crank.AsError(err).Code != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
		if len(h.held) != 0 {
			t.Errorf("%s: holds are left: %v", c.name, h.held)
		}
		for _, r := range h.receipts() {
			if r.Price.Micros != 0 {
				t.Errorf("%s: it was charged: %+v", c.name, r)
			}
		}
	}
}

func TestADenialIsJournaledWithItsReasons(t *testing.T) {
	h := newHouse(t)
	h.decision = crank.Decision{Reasons: []string{"not on Sundays"}}
	_, err := h.Call(t.Context(), call(`{}`), nil)
	if e := crank.AsError(err); e == nil || e.Code != crank.CodeDenied || len(e.Faults) != 1 || e.Faults[0].Reason != "not on Sundays" {
		t.Errorf("the denial says %v", err)
	}
	if len(h.records) != 1 || h.records[0].Admin == nil || h.records[0].Admin.Act != "call.denied" {
		t.Errorf("the journal says %+v", h.records)
	}
}

func TestAKeyGivesItsFirstOutcomeAgain(t *testing.T) {
	for _, fails := range []bool{false, true} {
		h := newHouse(t)
		if fails {
			h.work = func(context.Context, crank.Call, crank.Offer, func(crank.Chunk) error) (crank.Result, error) {
				return crank.Result{}, crank.E(crank.CodeWorkerFailed, "it broke")
			}
		}
		first, err1 := h.Call(t.Context(), keyed(`{"n":1}`, "k"), nil)
		again, err2 := h.Call(t.Context(), keyed(`{"n":1.0}`, "k"), nil) // the same value in another spelling
		if (err1 != nil) != fails || (err2 != nil) != fails || !again.Replayed || again.Receipt.ID != first.Receipt.ID || string(again.Output) != string(first.Output) {
			t.Errorf("first %+v (%v), again %+v (%v)", first, err1, again, err2)
		}
		if len(h.sent) != 1 || len(h.receipts()) != 1 {
			t.Errorf("%d were sent, %d receipts", len(h.sent), len(h.receipts()))
		}
		if _, err := h.Call(t.Context(), keyed(`{"n":2}`, "k"), nil); !errors.Is(err, crank.E(crank.CodeIdempotencyClash, "")) {
			t.Errorf("another input under the key gives %v", err)
		}
		other := keyed(`{"n":2}`, "k")
		other.Principal.Tenant = "tenant_b"
		if a, _ := h.Call(t.Context(), other, nil); a.Replayed {
			t.Error("another tenant's key is the same key")
		}
	}
}

func TestARefusalBeforeSendingFreesTheKey(t *testing.T) {
	h := newHouse(t)
	h.left = 1
	if _, err := h.Call(t.Context(), keyed(`{}`, "k"), nil); !crank.IsKind(err, crank.KindExhausted) {
		t.Fatal(err)
	}
	h.left = 1000
	if a, err := h.Call(t.Context(), keyed(`{}`, "k"), nil); err != nil || a.Replayed {
		t.Errorf("after the budget was raised: %+v, %v", a, err)
	}
}

func TestConcurrentCallsUnderOneKeyRunOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		var running atomic.Int32
		h.work = func(context.Context, crank.Call, crank.Offer, func(crank.Chunk) error) (crank.Result, error) {
			running.Add(1)
			time.Sleep(time.Second)
			return crank.Result{Output: json.RawMessage(`{"n":7}`)}, nil
		}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if a, err := h.Call(t.Context(), keyed(`{}`, "k"), nil); err != nil || string(a.Output) != `{"n":7}` {
					t.Errorf("answer %s, %v", a.Output, err)
				}
			})
		}
		wg.Wait()
		if running.Load() != 1 || len(h.receipts()) != 1 {
			t.Errorf("it ran %d times for %d receipts", running.Load(), len(h.receipts()))
		}
	})
}

func TestOnlyWhatMayBeRepeatedIsSentAgain(t *testing.T) {
	gone := crank.E(crank.CodeWorkerGone, "nobody there")
	for _, c := range []struct {
		name       string
		failure    error
		idempotent bool
		want       int
	}{
		{"gone, idempotent", gone, true, 3},
		{"gone, not idempotent", gone, false, 1},
		{"never reached, not idempotent", crank.Wrap(crank.CodeWorkerGone, dispatch.ErrNotSent, "nobody there"), false, 3},
		{"failed", crank.E(crank.CodeWorkerFailed, "broke"), true, 1},
		{"unknown outcome", crank.E(crank.CodeUnknownOutcome, "cut"), true, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t)
			h.offers, h.op.Properties.Idempotent = 2, c.idempotent
			h.work = func(context.Context, crank.Call, crank.Offer, func(crank.Chunk) error) (crank.Result, error) {
				return crank.Result{}, c.failure
			}
			a, err := h.Call(t.Context(), call(`{}`), nil)
			if err == nil || len(h.sent) != c.want || a.Receipt.Attempts != c.want || a.Receipt.Price.Micros != 0 || len(h.held) != 0 {
				t.Errorf("%s: sent %d times, want %d; %+v, %v", c.name, len(h.sent), c.want, a.Receipt, err)
			}
		})
	}
}

func TestARetryOnADearerOfferExtendsTheHoldOrStops(t *testing.T) {
	for _, left := range []crank.Micros{105, 1000} {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t)
			h.offers, h.left = 2, left
			h.work = func(_ context.Context, c crank.Call, to crank.Offer, _ func(crank.Chunk) error) (crank.Result, error) {
				if to.ID == "a" {
					return crank.Result{}, crank.E(crank.CodeWorkerGone, "nobody there")
				}
				return crank.Result{Output: c.Input}, nil
			}
			a, err := h.Call(t.Context(), call(`{}`), nil)
			if left == 105 && (err == nil || len(h.sent) != 1) {
				t.Errorf("it was sent %d times beyond the budget: %v", len(h.sent), err)
			}
			if left == 1000 && (err != nil || a.Receipt.Worker != "wb" || a.Receipt.Ceiling.Micros != 110) {
				t.Errorf("receipt %+v, %v", a.Receipt, err)
			}
		})
	}
}

func TestEveryEndingIsSettledAndNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.op.Limits.Time = time.Second
		h.work = func(ctx context.Context, _ crank.Call, _ crank.Offer, _ func(crank.Chunk) error) (crank.Result, error) {
			<-ctx.Done()
			return crank.Result{}, ctx.Err()
		}
		a, err := h.Call(t.Context(), call(`{}`), nil)
		if !crank.IsKind(err, crank.KindDeadlineExceeded) || a.Receipt.Outcome != crank.OutcomeTimeout {
			t.Errorf("past its time: %+v, %v", a.Receipt, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		a, err = h.Call(ctx, call(`{}`), nil)
		if !crank.IsKind(err, crank.KindCancelled) || a.Receipt.Outcome != crank.OutcomeCancelled {
			t.Errorf("cancelled: %+v, %v", a.Receipt, err)
		}
		if len(h.held) != 0 {
			t.Errorf("holds are left: %v", h.held)
		}
	})
}

func TestWhenTheDiskFillsNothingIsAcknowledgedAndNothingIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- h.Run(ctx, func() {}) }()
		h.work = func(_ context.Context, c crank.Call, _ crank.Offer, _ func(crank.Chunk) error) (crank.Result, error) {
			h.setFull(true)
			return crank.Result{Output: c.Input}, nil
		}
		if _, err := h.Call(t.Context(), call(`{}`), nil); !crank.IsKind(err, crank.KindUnavailable) || len(h.held) != 0 {
			t.Errorf("a call without a key: %v, held %v", err, h.held)
		}
		h.setFull(false)
		if _, err := h.Call(t.Context(), keyed(`{"n":5}`, "k"), nil); !crank.IsKind(err, crank.KindUnavailable) {
			t.Errorf("a call with a key: %v", err)
		}
		h.setFull(false)
		time.Sleep(3 * time.Second)
		a, err := h.Call(t.Context(), keyed(`{"n":5}`, "k"), nil)
		if err != nil || !a.Replayed || string(a.Output) != `{"n":5}` || len(h.receipts()) != 1 {
			t.Errorf("after space came back: %+v, %v, %d receipts", a, err, len(h.receipts()))
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestAfterACrashOpenCallsCloseUnchargedAndKeysTellSo(t *testing.T) {
	for _, idempotent := range []bool{true, false} {
		h := newHouse(t)
		h.op.Properties.Idempotent = idempotent
		if _, err := h.Call(t.Context(), keyed(`{}`, "k"), nil); err != nil {
			t.Fatal(err)
		}
		opened := *h.records[0].Opened
		after := newHouse(t) // another life: it knows the opening, not the end
		after.op.Properties.Idempotent = idempotent
		if n, err := after.Recover(t.Context(), []crank.Opened{opened}, nil); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		r := after.receipts()[0]
		if r.Outcome != crank.OutcomeUnknown || r.Price.Micros != 0 || r.Call != opened.Call || r.Input != opened.Input {
			t.Errorf("receipt %+v", r)
		}
		a, err := after.Call(t.Context(), keyed(`{}`, "k"), nil)
		if idempotent && (err != nil || a.Replayed) {
			t.Errorf("the key of an idempotent call is not free: %+v, %v", a, err)
		}
		if !idempotent && (!crank.IsKind(err, crank.KindUnknownOutcome) || len(after.sent) != 0) {
			t.Errorf("the key of another call ran it again: %v", err)
		}
	}
}

func TestAFileCountsWithItsTrueSizeAndStaysWhileItIsNeeded(t *testing.T) {
	h := newHouse(t)
	a, err := h.Call(t.Context(), call(`{"f":{"$blob":"`+file.String()+`","size":5}}`), nil)
	if err != nil || a.Receipt.Input.Bytes != int64(len(a.Output))+5 || !slices.Contains(h.steps(), "renew") {
		t.Errorf("%+v, %v, %v", a.Receipt.Input, err, h.steps())
	}
}

func TestASubmittedCallWaitsForWhatPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		c := call(`{}`)
		c.ID, c.Job = "call_j", "job_j"
		opened, err := h.Submit(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		h.setOffers(0)
		time.AfterFunc(5*time.Second, func() { h.setOffers(1) })
		if a, err := h.Perform(t.Context(), c, opened, nil, nil); err != nil || a.Receipt.Outcome != crank.OutcomeOK {
			t.Errorf("the worker came late: %+v, %v", a.Receipt, err)
		}
	})
}

func TestPolicyRedactsTheOutput(t *testing.T) {
	h := newHouse(t)
	h.decision.Obligations.Redact = []string{"/a/b", "/list/*/x", "/none"}
	a, err := h.Call(t.Context(), call(`{"a":{"b":1,"c":2},"list":[{"x":1,"y":2},{"x":3}]}`), nil)
	if want := `{"a":{"b":null,"c":2},"list":[{"x":null,"y":2},{"x":null}]}`; err != nil || string(a.Output) != want {
		t.Errorf("output %s (%v), want %s", a.Output, err, want)
	}
}

func TestAChildStaysWithinItsParent(t *testing.T) {
	h := newHouse(t)
	parent := call(`{}`)
	parent.ID, parent.Constraints.MaxPrice = "call_parent", crank.Money{Micros: 150, Asset: "USD"}
	parent.Deadline = time.Now().Add(10 * time.Second)
	var inner crank.Answer
	h.work = func(ctx context.Context, c crank.Call, _ crank.Offer, _ func(crank.Chunk) error) (crank.Result, error) {
		if c.Parent != "" {
			if c.Constraints.MaxPrice.Micros != 50 || c.Deadline.After(parent.Deadline) {
				t.Errorf("the child runs under %+v until %s", c.Constraints, c.Deadline)
			}
			return crank.Result{Output: json.RawMessage(`2`)}, nil
		}
		child := call(`{}`)
		child.Parent = c.ID
		var err error
		inner, err = h.Call(ctx, child, nil)
		stranger := child
		stranger.Principal.Tenant = "tenant_b"
		if _, err := h.Call(ctx, stranger, nil); !crank.IsKind(err, crank.KindNotFound) {
			t.Errorf("another tenant's child: %v", err)
		}
		return crank.Result{Output: json.RawMessage(`1`)}, err
	}
	if _, err := h.Call(t.Context(), parent, nil); err != nil || inner.Receipt.Parent != "call_parent" {
		t.Errorf("child %+v, %v", inner.Receipt, err)
	}
}

func TestOneTenantCannotTakeTheWholeNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.work = func(_ context.Context, c crank.Call, _ crank.Offer, _ func(crank.Chunk) error) (crank.Result, error) {
			time.Sleep(time.Second)
			return crank.Result{Output: c.Input}, nil
		}
		var refused atomic.Int32
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if _, err := h.Call(t.Context(), call(`{}`), nil); crank.IsKind(err, crank.KindExhausted) {
					refused.Add(1)
				}
			})
		}
		synctest.Wait()
		other := call(`{}`)
		other.Principal.Tenant = "tenant_b"
		if _, err := h.Call(t.Context(), other, nil); err != nil {
			t.Errorf("another tenant: %v", err)
		}
		wg.Wait()
		if refused.Load() != 12 {
			t.Errorf("%d of 20 were refused where 8 may run", refused.Load())
		}
	})
}

func TestASubmittedCallIsPerformedOnceAndItsOutputKeptFirst(t *testing.T) {
	h := newHouse(t)
	c := call(`{"n":3}`)
	c.ID, c.Job = "call_j", "job_j"
	opened, err := h.Submit(t.Context(), c)
	if err != nil || len(h.sent) != 0 || len(h.held) != 1 {
		t.Fatalf("submitted: %v, sent %d, held %v", err, len(h.sent), h.held)
	}
	kept := ""
	a, err := h.Perform(t.Context(), c, opened, nil, func(out json.RawMessage) error {
		if len(h.receipts()) != 0 {
			t.Error("the call closed before its output was kept")
		}
		kept = string(out)
		return nil
	})
	if err != nil || kept != `{"n":3}` || a.Receipt.Job != "job_j" || len(h.held) != 0 {
		t.Errorf("kept %s, %+v, %v", kept, a.Receipt, err)
	}
	h.decision = crank.Decision{} // forbidden since
	c.ID = "call_k"
	if r, err := h.Abandon(t.Context(), c, crank.Opened{Call: "call_k", Hold: crank.Hold{Payer: c.Principal.Payer}}, crank.OutcomeCancelled); err != nil || r.Outcome != crank.OutcomeCancelled {
		t.Errorf("abandoned: %+v, %v", r, err)
	}
}
