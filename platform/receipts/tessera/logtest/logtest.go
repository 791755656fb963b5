// Package logtest makes journals for the tests of packages tessera and verify:
// real records, in order, without a store.
package logtest

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/notesign"
	"github.com/crank-platform/crank/platform/receipts"
)

// Journal is a journal in memory. The zero value is empty; safe for concurrent use.
type Journal struct {
	mu      sync.Mutex
	records []receipts.Stored
	epoch   uint64
	calls   uint64
	heads   map[string]head
}

type head struct {
	seq    uint64
	digest crank.Digest
}

// New returns a journal of one epoch with its first record and n more.
func New(n int) *Journal {
	j := &Journal{}
	j.Begin(nil)
	j.Grow(n)
	return j
}

// Read returns records as a journal does.
func (j *Journal) Read(_ context.Context, after uint64, limit int) ([]receipts.Stored, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	from := min(after, uint64(len(j.records)))
	to := min(from+uint64(limit), uint64(len(j.records)))
	return slices.Clone(j.records[from:to]), nil
}

// Head returns the newest record's epoch and seq, as a journal does.
func (j *Journal) Head(context.Context) (epoch, seq uint64, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if n := len(j.records); n > 0 {
		epoch, seq = j.records[n-1].Epoch, j.records[n-1].Seq
	}
	return epoch, seq, nil
}

// Len returns how many records there are.
func (j *Journal) Len() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return uint64(len(j.records))
}

// Begin begins an epoch.
func (j *Journal) Begin(detail crank.Tags) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.epoch++
	j.append(crank.Record{Type: crank.TypeAdmin, Admin: &crank.Admin{Act: receipts.ActEpoch, Detail: detail}})
}

// Grow appends n records of every type.
func (j *Journal) Grow(n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := 0; i < n; {
		tenant := fmt.Sprintf("t%d", j.calls%3)
		switch {
		case j.calls%7 == 3:
			j.append(crank.Record{Type: crank.TypeTransfer, Transfer: &crank.Transfer{Ref: fmt.Sprintf("d%d", len(j.records)), Tenant: tenant, Asset: "USD", Why: "deposit",
				Postings: []crank.Posting{{Account: crank.AccountExternal, Micros: -500}, {Account: crank.TenantAccount(tenant), Micros: 500}}}})
			j.calls++
			i++
		case j.calls%2 == 0 && i+1 < n:
			j.append(crank.Record{Type: crank.TypeOpened, Opened: &crank.Opened{Call: callID(j.calls), Capability: "document/convert@1", Method: "key",
				Hold: crank.Hold{Ref: callID(j.calls), Payer: crank.Payer{Tenant: tenant}, Amount: crank.Money{Micros: 1000, Asset: "USD"}}}})
			i++
			fallthrough
		default:
			j.append(crank.Record{Type: crank.TypeClosed, Receipt: Receipt(tenant, j.calls)})
			j.calls++
			i++
		}
	}
}

// Append appends any record; of a receipt it sets only the place in the chain.
func (j *Journal) Append(r crank.Record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.append(r)
}

func (j *Journal) append(r crank.Record) {
	r.Epoch, r.Seq = j.epoch, uint64(len(j.records)+1)
	if r.Time == 0 {
		r.Time = 1_800_000_000_000_000 + int64(r.Seq)
	}
	if j.heads == nil {
		j.heads = map[string]head{}
	}
	if r.Receipt != nil {
		h := j.heads[r.Receipt.Payer.Tenant]
		r.Receipt.TenantSeq, r.Receipt.TenantPrev = h.seq+1, h.digest
	}
	s := Store(r)
	if r.Receipt != nil {
		j.heads[r.Receipt.Payer.Tenant] = head{r.Receipt.TenantSeq, s.Digest()}
	}
	j.records = append(j.records, s)
}

// Store encodes a record, with a salt that follows from its seq.
func Store(r crank.Record) receipts.Stored {
	b, err := receipts.Encode(r)
	if err != nil {
		panic(err)
	}
	s := receipts.Stored{Epoch: r.Epoch, Seq: r.Seq, Bytes: b}
	salt := crank.DigestOf("logtest", binary.BigEndian.AppendUint64(nil, r.Seq))
	copy(s.Salt[:], salt[:])
	return s
}

// Edit gives f the records to change as a thief would.
func (j *Journal) Edit(f func([]receipts.Stored) []receipts.Stored) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.records = f(slices.Clone(j.records))
}

// Clone returns a journal that can be changed without changing j.
func (j *Journal) Clone() *Journal {
	j.mu.Lock()
	defer j.mu.Unlock()
	c := &Journal{records: slices.Clone(j.records), epoch: j.epoch, calls: j.calls, heads: map[string]head{}}
	for k, v := range j.heads {
		c.heads[k] = v
	}
	return c
}

func callID(n uint64) string { return fmt.Sprintf("call_0190a0a0-0000-7000-8000-%012x", n) }

// Receipt is a receipt whose arithmetic is right.
func Receipt(tenant string, n uint64) *crank.Receipt {
	return &crank.Receipt{
		Version: crank.FormatVersion, ID: "rcpt_" + callID(n)[5:], Call: callID(n), Payer: crank.Payer{Tenant: tenant, App: "a"}, Method: "key",
		Capability: "document/convert@1", Provider: "local", Worker: "document",
		Usage:   crank.Usage{{Meter: "pages", Quantity: 3, Method: crank.Measured, Source: crank.SourceHarness}},
		Ceiling: crank.Money{Micros: 1000, Asset: "USD"},
		Lines:   []crank.Line{{Meter: "calls", Quantity: 1, Micros: 100}, {Meter: "pages", Quantity: 3, Micros: 300}},
		Price:   crank.Money{Micros: 400, Asset: "USD"},
		Postings: []crank.Posting{{Account: crank.TenantAccount(tenant), Micros: -400}, {Account: crank.ProviderAccount("local"), Micros: 280},
			{Account: crank.AccountPlatform, Micros: 80}, {Account: crank.AccountInfrastructure, Micros: 20}, {Account: crank.AccountQuality, Micros: 20}},
		Outcome: crank.OutcomeOK, Opened: 1, Sent: 2, Closed: 3, Attempts: 1,
	}
}

// Signers makes a key of each algorithm that a test can repeat.
func Signers(name string, seed byte) (all []*notesign.Signer) {
	dice := rand.NewChaCha8([32]byte{seed})
	for _, alg := range notesign.Algorithms() {
		s, err := notesign.Generate(alg, name, dice)
		if err != nil {
			panic(err)
		}
		all = append(all, s)
	}
	return all
}

// Keys trusts signers, always.
func Keys(signers []*notesign.Signer) (keys notesign.Keys) {
	for _, s := range signers {
		keys = append(keys, notesign.Key{Verifier: s.Verifier()})
	}
	return keys
}
