package dispatch_test

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/dispatch"
	"github.com/crank-platform/crank/platform/dispatch/memory"
)

// house plays every neighbour of the journey and writes down what it is asked.
type house struct {
	mu      sync.Mutex
	log     []string
	records []crank.Record
	held    map[string]crank.Money
	sent    []crank.Call

	op       crank.Operation
	decision crank.Decision
	offers   int
	left     crank.Micros // of the budget
	full     bool         // the journal's disk
	work     func(ctx context.Context, call crank.Call, to crank.Offer, sink func(crank.Chunk) error) (crank.Result, error)

	*dispatch.Dispatcher
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{
		held: map[string]crank.Money{}, decision: crank.Decision{Allow: true}, offers: 1, left: 1000,
		op: crank.Operation{
			Capability: "test/echo@1", Input: json.RawMessage(`{"type":"object","properties":{"n":{"type":"integer"}}}`),
			Limits: crank.Limits{InputBytes: 1 << 16}, Properties: crank.Properties{Idempotent: true},
		},
	}
	h.work = func(_ context.Context, c crank.Call, _ crank.Offer, _ func(crank.Chunk) error) (crank.Result, error) {
		return crank.Result{Output: c.Input}, nil
	}
	h.Dispatcher = dispatch.New(dispatch.Config{
		Contracts: h, Policy: h, Router: h, Biller: h, Payer: h, Journal: h, Vault: h, Sender: h, Blobs: h,
		Claims: &memory.Claims{}, Receipts: h, PerTenant: 8,
	})
	return h
}

func (h *house) note(s string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.log = append(h.log, s)
}

func (h *house) Operation(c crank.Capability) (crank.Operation, crank.Digest, error) {
	if c.Name() != h.op.Capability.Name() {
		return crank.Operation{}, crank.Digest{}, crank.E(crank.CodeUnknownCap, "no %s", c)
	}
	return h.op, crank.DigestOf("contract", h.op.Input), nil
}

func (h *house) Decide(context.Context, crank.Call, crank.Operation) (crank.Decision, error) {
	h.note("decide")
	return h.decision, nil
}

func (h *house) Match(_ context.Context, c crank.Call, _ crank.Operation, _ crank.Decision) ([]crank.Candidate, error) {
	h.note("match")
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.offers == 0 {
		return nil, crank.E(crank.CodeNoOffer, "nobody offers %s", c.Capability)
	}
	var all []crank.Candidate
	for i := range h.offers {
		id := string(rune('a' + i))
		all = append(all, crank.Candidate{
			Offer: crank.Offer{ID: id, Worker: "w" + id, Provider: "p"},
			Quote: crank.Quote{Offer: id, Ceiling: crank.Money{Micros: crank.Micros(100 + 10*i), Asset: "USD"}},
		})
	}
	return all, nil
}

func (h *house) Explain(ctx context.Context, c crank.Call, op crank.Operation, d crank.Decision) ([]crank.Candidate, error) {
	return h.Match(ctx, c, op, d)
}

func (h *house) Begin(offer string) func(error) { return func(error) {} }

func (h *house) Rate(crank.Plan, crank.Usage, bool, crank.Money) ([]crank.Line, crank.Money, error) {
	return []crank.Line{{Meter: crank.MeterCalls, Quantity: 1, Micros: 70}}, crank.Money{Micros: 70, Asset: "USD"}, nil
}

func (h *house) Split(_ crank.Plan, m crank.Money, payer, provider crank.Account) []crank.Posting {
	return []crank.Posting{{Account: payer, Micros: -m.Micros}, {Account: provider, Micros: m.Micros}}
}

func (h *house) Reserve(_ context.Context, hold crank.Hold) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.log = append(h.log, "reserve")
	if hold.Amount.Micros > h.left {
		return crank.E(crank.CodeBudgetExhausted, "the budget has %s left", h.left)
	}
	h.held[hold.Ref] = hold.Amount
	return nil
}

func (h *house) Extend(_ context.Context, ref string, m crank.Money, _ time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m.Micros > h.left {
		return crank.E(crank.CodeBudgetExhausted, "the budget has %s left", h.left)
	}
	h.held[ref] = m
	return nil
}

func (h *house) Void(_ context.Context, ref string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.log = append(h.log, "void")
	delete(h.held, ref)
	return nil
}

func (h *house) Append(_ context.Context, r crank.Record) (crank.Record, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.full {
		return r, crank.E(crank.CodeJournalFull, "the disk is full")
	}
	h.log = append(h.log, string(r.Type))
	r.Seq = uint64(len(h.records) + 1)
	h.records = append(h.records, r)
	if r.Receipt != nil {
		delete(h.held, r.Receipt.Call)
	}
	return r, nil
}

func (h *house) Salt(context.Context, string) ([32]byte, error) { return [32]byte{7}, nil }

func (h *house) Seal(_ context.Context, _, subject string) ([]byte, error) {
	return []byte("sealed " + subject), nil
}

func (h *house) Send(ctx context.Context, c crank.Call, to crank.Offer, sink func(crank.Chunk) error) (crank.Result, error) {
	h.note("send")
	h.mu.Lock()
	h.sent = append(h.sent, c)
	h.mu.Unlock()
	return h.work(ctx, c, to, sink)
}

func (h *house) ByCall(_ context.Context, tenant, call string) (crank.Receipt, error) {
	for _, r := range h.receipts() {
		if r.Call == call && r.Payer.Tenant == tenant {
			return r, nil
		}
	}
	return crank.Receipt{}, crank.E(crank.CodeReceiptUnknown, "no receipt of %s", call)
}

// Stat knows one file, of 5 bytes, and every tenant has it.
func (h *house) Stat(_ context.Context, _ string, d crank.Digest) (crank.BlobRef, error) {
	if d != file {
		return crank.BlobRef{}, crank.E(crank.CodeBlobUnknown, "no blob %s", d)
	}
	return crank.BlobRef{Digest: d, Size: 5}, nil
}

var file = crank.DigestOf("file", []byte("bytes"))

func (h *house) Renew(context.Context, string, ...crank.Digest) error {
	h.note("renew")
	return nil
}

func (h *house) receipts() (all []crank.Receipt) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.records {
		if r.Receipt != nil {
			all = append(all, *r.Receipt)
		}
	}
	return all
}

func (h *house) steps() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.log)
}

func (h *house) setFull(full bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.full = full
}

func (h *house) setOffers(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.offers = n
}

// call makes a call of one tenant.
func call(input string) crank.Call {
	return crank.Call{
		Capability: "test/echo", Input: json.RawMessage(input),
		Principal: crank.Principal{Payer: crank.Payer{Tenant: "tenant_a", App: "app_a", Key: "key_a"}, Method: "key"},
	}
}

func keyed(input, key string) crank.Call {
	c := call(input)
	c.Key = key
	return c
}
