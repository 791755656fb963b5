package receipts

import (
	"context"

	"github.com/crank-platform/crank"
)

// Store keeps the journal and what is derived from it. The suite in package
// receiptstest says what every body must do.
type Store interface {
	Log
	Views
	Vault
}

// Log keeps the records. Its errors carry CodeJournalFull where space ran out
// and CodeJournal otherwise.
type Log interface {
	// State returns where the log stands.
	State(ctx context.Context) (State, error)
	// Commit appends entries whose seqs follow the last one without a gap: all of
	// them, durably, or none. Entries that would close a call a second time make
	// it write nothing and return a *Duplicate. It keeps none of the entries' memory.
	Commit(ctx context.Context, entries []Entry) error
	// Read returns at most limit records with a seq above after, in order. It may
	// show the records of a commit that has not returned yet, before their epoch.
	Read(ctx context.Context, after uint64, limit int) ([]Stored, error)
	// Closed returns the seq of the receipt of a call, 0 where there is none. It
	// is a hint: the reader checks the bytes.
	Closed(ctx context.Context, call CallID) (uint64, error)
	// Prune replaces the next len(p.Leaves) records by their leaves, forgets that
	// p.Calls were closed and adds p to what is carried, in one transaction.
	Prune(ctx context.Context, p Pruning) error
	// Carried returns what is kept of all pruned records, the zero value for none.
	Carried(ctx context.Context) (Carried, error)
	// Tidy does what need not be done while a commit waits. It is called several
	// times a second, beside commits.
	Tidy(ctx context.Context) error
}

// State is where a log stands.
type State struct {
	Seq    uint64  // of the newest record, 0 for an empty log
	Epochs []Epoch // oldest first
	Pruned Mark    // the newest pruned record, zero for none
}

// Entry is a record on its way into the log.
type Entry struct {
	Stored
	Closes CallID // the call of a receipt; zero for another record
	Begins bool   // an epoch begins here
}

// CallID is the 16 bytes behind the prefix of a call's and its receipt's id.
type CallID [16]byte

// Duplicate says which of a commit's entries close a call a second time.
type Duplicate struct{ At []int }

func (d *Duplicate) Error() string { return "receipts: a call is closed a second time" }

// Views keeps what List, Usage and a start need and the journal could tell
// again: the loss of a view costs time, never facts.
type Views interface {
	// Progress returns what the views stand for.
	Progress(ctx context.Context) (Progress, error)
	// Apply takes a change in, all of it or nothing.
	Apply(ctx context.Context, d Delta) error
	// Reset empties the views; they then stand for nothing.
	Reset(ctx context.Context) error
	// Seqs returns at most limit seqs, above after and below before, of receipts
	// whose group q selects and which carry label, newest first.
	Seqs(ctx context.Context, q Query, label Label, after, before uint64, limit int) ([]uint64, error)
	// Sums calls f with each sum of the days from first to last, both included,
	// of one tenant, or of all for "". The order is the store's.
	Sums(ctx context.Context, tenant string, first, last int64, f func(Sum) error) error
}

// Progress is how far the views have come, and what begins there.
type Progress struct {
	Mark
	Heads map[string]Link   // by tenant: its newest receipt
	Open  map[CallID]uint64 // calls opened and not closed, and the seq that opened them
}

// Mark names a place in the journal, with the digest of the record there: a
// journal that was put back to an older copy shows by it.
type Mark struct {
	Seq    uint64
	Digest crank.Digest
}

// Link is a place in a tenant's chain of receipts.
type Link struct {
	Seq    uint64       // TenantSeq
	Digest crank.Digest // of the record
}

// Delta is how a run of records changes the views.
type Delta struct {
	Mark                     // the views stand here afterwards
	Items  []Item            // receipts, in order
	Sums   []Sum             // to add, each group, day and label once
	Heads  map[string]Link   // to set
	Open   map[CallID]uint64 // to add
	Closed []CallID          // to take out
}

// Item is a receipt in the index.
type Item struct {
	Seq    uint64
	Group  Group
	Labels []Label // its tags
}

// Group is what receipts are selected and summed by.
type Group struct {
	Tenant     string
	Team       string
	App        string
	Key        string
	Capability crank.Capability
	Outcome    crank.Outcome
	Asset      crank.Asset
}

// Selected reports whether the group is among those that q asks for.
func (g Group) Selected(q Query) bool {
	is := func(want, have string) bool { return want == "" || want == have }
	return is(q.Tenant, g.Tenant) && is(q.Team, g.Team) && is(q.App, g.App) && is(q.Key, g.Key) &&
		is(string(q.Capability), string(g.Capability)) && is(string(q.Outcome), string(g.Outcome))
}

// Label divides a group further. The zero value is the whole group.
type Label struct {
	Kind  LabelKind
	Name  string
	Value string // of a tag
}

// LabelKind says what a label names.
type LabelKind uint8

// The kinds of label.
const (
	LabelAll LabelKind = iota
	LabelTag
	LabelMeter
)

// Sum is what the receipts of a day, group and label add up to. Sums stop at
// the ends of 64 bits.
type Sum struct {
	Day   int64 // days since 1970, UTC
	Group Group
	Label Label
	Count int64        // calls; for LabelMeter the quantity
	Price crank.Micros // 0 for LabelMeter
}

// Carried is what stays of pruned records beside their leaves: the views begin
// with it when they are built again.
type Carried struct {
	Mark                  // the newest pruned record
	Heads map[string]Link // by tenant: its newest pruned receipt
	Sums  []Sum
}

// Pruning is a run of records about to be pruned. Its Carried is of them alone.
type Pruning struct {
	Carried
	Leaves []crank.Digest
	Calls  []CallID
}

// Vault keeps the keys that sealing and salting need. Whatever it returned is
// durable.
type Vault interface {
	// TenantSalt returns the tenant's salt; fresh becomes it where there is none.
	TenantSalt(ctx context.Context, tenant string, fresh [32]byte) ([32]byte, error)
	// SubjectKey returns the key kept for who; fresh becomes it where there is none.
	SubjectKey(ctx context.Context, tenant string, who crank.Digest, fresh SubjectKey) (SubjectKey, error)
	// KeyByID returns a tenant's key, and false where there is none or no more.
	KeyByID(ctx context.Context, tenant string, id [16]byte) (SubjectKey, bool, error)
	// EraseKey destroys the key kept for who, so that the disk holds it no more.
	EraseKey(ctx context.Context, tenant string, who crank.Digest) error
}

// SubjectKey is the key of one subject, and the name it goes by.
type SubjectKey struct {
	ID  [16]byte
	Key [32]byte
}
