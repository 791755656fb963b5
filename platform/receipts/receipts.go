// Package receipts keeps the journal: the one ordered sequence of records that
// every balance, bill, view and proof is derived from.
//
// It owns the order of records, their durability (a record that Append returned
// is on disk), their bytes (receipt.cddl), each tenant's chain of receipts, the
// salts that hide content in digests, the sealing of personal fields, reading,
// listing, usage sums and retention. It does not own the Merkle log over the
// records (package tessera), offline proof (package verify), or what records
// mean to money (package ledger).
package receipts

import (
	"context"
	"io"
	"time"

	"github.com/crank-platform/crank"
)

// Service is what the journal does for others. Journal is its body.
//
// A record's Epoch, Seq and Time are the journal's to give, and a receipt's
// Version, ID, TenantSeq and TenantPrev: whatever the caller wrote there is
// replaced. A receipt's id is its call's with the prefix "rcpt_".
type Service interface {
	Writer
	Reader
	Projections
	Subjects
	Retention
}

// Writer appends to the journal.
type Writer interface {
	// Append returns the record as it was committed, after every follower has
	// seen it. When ctx ends before the journal has taken the record, it is
	// withdrawn and ctx's error returned; from then on Append waits for the
	// outcome, so an error always means that the record is not in the journal.
	// The one exception is an error of kind KindUnknownOutcome: the disk failed in
	// the middle of a commit in such a way that not even reading it back told.
	//
	// Errors: CodeJournalFull and CodeJournal when the disk is full or fails
	// (nothing is written; a later Append works once the disk does), CodeExists
	// when the call has been closed before or opened before, CodeDraining when
	// the journal has stopped, CodeInternal for a record that cannot be encoded.
	Append(ctx context.Context, r crank.Record) (crank.Record, error)
	// AppendAll appends many records in order, in as few commits as it can. It
	// stops at the first error and returns those committed until then.
	AppendAll(ctx context.Context, rs []crank.Record) ([]crank.Record, error)
	// NewEpoch appends the record "log.epoch" that begins the next epoch of the
	// log. Detail names the last checkpoint of the one before.
	NewEpoch(ctx context.Context, detail crank.Tags) (crank.Record, error)
	// Follow hands f every record with a seq above after, in order and without
	// gaps, in batches, one at a time. It returns once f has seen all that was
	// committed; from then on f sees each commit before those who wait for it do.
	// After an error f is behind: it gets the same records again a moment later,
	// and the commits stand. F runs on the journal's own goroutine: everybody's
	// commit waits for it, and it must neither append nor change the records.
	Follow(ctx context.Context, name string, after uint64, f func(context.Context, []crank.Record) error) error
}

// Reader reads records.
type Reader interface {
	// Read returns at most limit records with a seq above after, in order.
	// Pruned records have no bytes.
	Read(ctx context.Context, after uint64, limit int) ([]Stored, error)
	// Head returns the epoch and seq of the newest record.
	Head(ctx context.Context) (epoch, seq uint64, err error)
	// Epochs lists the epochs, oldest first. There is always at least one.
	Epochs(ctx context.Context) ([]Epoch, error)
	// Receipt finds a receipt by its own id or its call's. Tenant "" means any;
	// another tenant's receipt is CodeReceiptUnknown, exactly as one that never was.
	Receipt(ctx context.Context, tenant, id string) (Stored, error)
	// List returns receipts, newest first, and a cursor for the next page, ""
	// where there is none.
	List(ctx context.Context, q Query) (page []crank.Receipt, next string, err error)
	// Open returns the records of the calls that were opened and not closed, in
	// order: after a crash, those whose outcome is unknown.
	Open(ctx context.Context) ([]crank.Record, error)
}

// Projections sums receipts up.
type Projections interface {
	// Usage returns sums of whole UTC days, sorted by group. It covers every
	// receipt that was committed before the call.
	Usage(ctx context.Context, q UsageQuery) ([]UsageRow, error)
	// Rebuild computes the views again from the journal. It reports whether the
	// sums that stood were those.
	Rebuild(ctx context.Context) (same bool, err error)
}

// Subjects seals what names a person, and salts what content is committed to.
type Subjects interface {
	// Seal encrypts subject under a key of its own, made when it is first seen.
	Seal(ctx context.Context, tenant, subject string) ([]byte, error)
	// Unseal returns the subject; CodeNotFound once it was erased.
	Unseal(ctx context.Context, tenant string, sealed []byte) (string, error)
	// Erase destroys the subject's key: what was sealed under it can never be read
	// again, and every digest and proof over it still verifies.
	Erase(ctx context.Context, tenant, subject string) error
	// Salt returns the tenant's secret salt for commitments to inputs, outputs
	// and claims, made when it is first asked for.
	Salt(ctx context.Context, tenant string) ([32]byte, error)
}

// Retention moves old records out.
type Retention interface {
	// Archive writes to w the records from before that instant, oldest first,
	// and returns how many. It stops before the first call that is still open.
	Archive(ctx context.Context, before time.Time, w io.Writer) (int, error)
	// Prune deletes the bytes of the records from before that instant, up to
	// where every follower has come, and keeps their leaves, the tenants' chains
	// and the usage sums. It returns how many it deleted. Archive them first.
	Prune(ctx context.Context, before time.Time) (int, error)
}

// Epoch is one life of the Merkle log. A leaf's index in it is the record's seq
// minus FirstSeq.
type Epoch struct {
	Epoch    uint64 `json:"epoch"`
	FirstSeq uint64 `json:"first_seq"`
}

// Query selects receipts. The zero value selects all.
type Query struct {
	Tenant     string
	Team       string
	App        string
	Key        string
	Capability crank.Capability
	Outcome    crank.Outcome
	Since      time.Time // commit time, included
	Until      time.Time // commit time, not included
	Tag        string    // "name=value"
	Limit      int       // 1-1000; 0 means 100
	Cursor     string    // as List returned it
}

// UsageQuery selects and groups usage.
type UsageQuery struct {
	Tenant string    // "" means all
	Since  time.Time // its whole UTC day; zero means from the beginning
	Until  time.Time // not included, but the rest of its UTC day is; zero means until now
	// By names what to group by: "tenant", "team", "app", "key", "capability",
	// "day" (2006-01-02), "outcome" and at most one "tag:NAME". Rows are of one
	// asset whatever they are grouped by.
	By []string
}

// UsageRow is what the receipts of one group and asset sum up to.
type UsageRow struct {
	Group  map[string]string `json:"group"` // a value for each of By, "" where receipts have none
	Calls  int64             `json:"calls"`
	Asset  crank.Asset       `json:"asset"`
	Price  crank.Micros      `json:"price_micros"`
	Meters map[string]int64  `json:"meters,omitempty"` // quantities; none when grouped by a tag
}
