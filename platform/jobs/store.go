package jobs

import (
	"context"
	"iter"
	"math"
	"strconv"
	"time"

	"github.com/crank-platform/crank"
)

// Store keeps jobs. Bodies pass the suite in jobstest. What it takes is durable
// when it returns. Errors are of code CodeJobUnknown or, when the medium fails,
// CodeStore.
type Store interface {
	// Add keeps a new job, unless its idempotency key stands for another at now:
	// then it returns that one and false.
	Add(ctx context.Context, e Entry, now time.Time) (standing Entry, added bool, err error)
	// Get returns a job of a tenant.
	Get(ctx context.Context, tenant, id string) (Entry, error)
	// ByKey returns the job that a key stands for at now.
	ByKey(ctx context.Context, key crank.Digest, now time.Time) (Entry, bool, error)
	// List is Service's List; CodeConstraint for a cursor that it did not give.
	List(ctx context.Context, tenant string, f Filter, cursor string) (page []crank.Job, next string, err error)
	// Pending yields the jobs that have not ended, oldest first.
	Pending(ctx context.Context) iter.Seq2[Entry, error]
	// Swap replaces Job and Cancelled of a job, provided that it stands at that
	// state and attempt; false, and nothing happens, when it does not.
	Swap(ctx context.Context, e Entry, from crank.JobState, attempt int) (bool, error)
	// Sweep forgets the jobs that ended before that instant and whose keys stand
	// for nothing at now, and counts them.
	Sweep(ctx context.Context, before, now time.Time) (int, error)
	// Pinned lists the blobs of a tenant that its jobs' inputs and outputs name,
	// each once.
	Pinned(ctx context.Context, tenant string) ([]crank.Digest, error)
}

// Entry is a job as it is stored.
type Entry struct {
	Job         crank.Job
	Call        crank.Call
	Opened      crank.Opened
	Key         crank.Digest // of the idempotency key within its scope; zero: none
	Fingerprint crank.Digest // of the call, for the key
	KeyExpires  time.Time
	Cancelled   bool // somebody asked to
}

// Filter narrows a list. The zero value takes everything, DefaultLimit a page.
type Filter struct {
	State      crank.JobState
	Capability crank.Capability
	Limit      int // at most MaxLimit
}

// The sizes of a page.
const (
	DefaultLimit = 50
	MaxLimit     = 500
)

// Size returns how many jobs a page has.
func (f Filter) Size() int {
	if f.Limit <= 0 {
		return DefaultLimit
	}
	return min(f.Limit, MaxLimit)
}

// Takes reports whether a job passes the filter.
func (f Filter) Takes(j crank.Job) bool {
	return (f.State == "" || f.State == j.State) && (f.Capability == "" || f.Capability == j.Capability)
}

// Blobs lists the files that a job's input and output name.
func (e Entry) Blobs() ([]crank.Digest, error) {
	var ds []crank.Digest
	for _, v := range [][]byte{e.Call.Input, e.Job.Output} {
		refs, err := crank.BlobRefs(v)
		if err != nil {
			return nil, err
		}
		for _, r := range refs {
			ds = append(ds, r.Digest)
		}
	}
	return ds, nil
}

// ParseCursor reads the place in a list that a cursor names, for stores: what
// stands there and after it has been shown. "" is the beginning.
func ParseCursor(cursor string) (before int64, err error) {
	if cursor == "" {
		return math.MaxInt64, nil
	}
	before, err = strconv.ParseInt(cursor, 10, 64)
	if err != nil || before < 1 {
		return 0, crank.E(crank.CodeConstraint, "%.80q is no cursor of this list", cursor).Mending("Begin again without a cursor.")
	}
	return before, nil
}

// Unknown is the error of a job that a tenant has not.
func Unknown(id string) error { return crank.E(crank.CodeJobUnknown, "there is no job %.80q", id) }
