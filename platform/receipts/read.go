package receipts

import (
	"context"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/crank-platform/crank"
)

const (
	defaultPage = 100
	largestPage = 1000
	longestRead = 10_000
)

// Read returns records in order; see Reader.
func (j *Journal) Read(ctx context.Context, after uint64, limit int) ([]Stored, error) {
	return j.read(ctx, after, min(limit, longestRead))
}

// read reads what was committed and no further.
func (j *Journal) read(ctx context.Context, after uint64, limit int) ([]Stored, error) {
	j.mu.RLock()
	head := j.seq
	j.mu.RUnlock()
	if after >= head || limit <= 0 {
		return nil, nil
	}
	return j.store.Read(ctx, after, int(min(uint64(limit), head-after)))
}

// Receipt finds a receipt; see Reader.
func (j *Journal) Receipt(ctx context.Context, tenant, id string) (Stored, error) {
	unknown := crank.E(crank.CodeReceiptUnknown, "there is no receipt %q here", clip(id))
	call := id
	if digits, ok := strings.CutPrefix(id, "rcpt_"); ok {
		call = "call_" + digits
	}
	key, ok := callID(call)
	if !ok {
		return Stored{}, unknown
	}
	seq, err := j.store.Closed(ctx, key)
	if err != nil {
		return Stored{}, err
	}
	if seq == 0 {
		return Stored{}, unknown
	}
	at, err := j.read(ctx, seq-1, 1)
	if err != nil {
		return Stored{}, err
	}
	if len(at) != 1 || at[0].Seq != seq || at[0].Bytes == nil {
		return Stored{}, unknown
	}
	r, err := at[0].Record()
	switch {
	case err != nil:
		return Stored{}, err
	case r.Receipt == nil || r.Receipt.Call != call:
		return Stored{}, unknown
	case tenant != "" && tenant != r.Receipt.Payer.Tenant:
		return Stored{}, unknown
	}
	return at[0], nil
}

func clip(s string) string { return s[:min(len(s), 80)] }

// List returns receipts, newest first; see Reader.
func (j *Journal) List(ctx context.Context, q Query) ([]crank.Receipt, string, error) {
	label, after, before, err := j.bounds(ctx, q)
	if err != nil {
		return nil, "", err
	}
	limit := min(q.Limit, largestPage)
	if limit <= 0 {
		limit = defaultPage
	}
	if err := j.catchUp(ctx); err != nil {
		return nil, "", err
	}
	j.views.whole.RLock()
	seqs, err := j.store.Seqs(ctx, q, label, after, before, limit+1)
	j.views.whole.RUnlock()
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(seqs) > limit {
		seqs = seqs[:limit]
		next = strconv.FormatUint(seqs[limit-1], 10)
	}
	page := make([]crank.Receipt, 0, len(seqs))
	for _, seq := range seqs {
		at, err := j.read(ctx, seq-1, 1)
		if err != nil {
			return nil, "", err
		}
		if len(at) == 1 && at[0].Seq == seq && at[0].Bytes == nil {
			break // pruned meanwhile, and with it all that is older
		}
		var r crank.Record
		if len(at) == 1 {
			if r, err = at[0].Record(); err != nil {
				return nil, "", err
			}
		}
		if !selected(r, seq, q, label) {
			return nil, "", crank.E(crank.CodeStore, "the index names record %d, which is not what was asked for", seq).
				Mending("Stop the node and let `crank verify` rebuild the views.")
		}
		page = append(page, *r.Receipt)
	}
	return page, next, nil
}

// selected checks by a record's own bytes what the index says of it.
func selected(r crank.Record, seq uint64, q Query, label Label) bool {
	if r.Seq != seq || r.Receipt == nil || !groupOf(r.Receipt).Selected(q) {
		return false
	}
	value, tagged := r.Receipt.Tags[label.Name]
	return label == (Label{}) || tagged && value == label.Value
}

// bounds turns tag, times and cursor into a label and seqs between which to look.
func (j *Journal) bounds(ctx context.Context, q Query) (label Label, after, before uint64, err error) {
	if q.Tag != "" {
		name, value, ok := strings.Cut(q.Tag, "=")
		if !ok || name == "" {
			return label, 0, 0, crank.E(crank.CodeInvalidInput, "the tag %q is not name=value", clip(q.Tag))
		}
		label = Label{LabelTag, name, value}
	}
	j.mu.RLock()
	after, before = j.pruned.Seq, j.seq+1
	j.mu.RUnlock()
	if q.Cursor != "" {
		cursor, err := strconv.ParseUint(q.Cursor, 10, 63)
		if err != nil {
			return label, 0, 0, crank.E(crank.CodeInvalidInput, "the cursor is not one that a list returned")
		}
		before = min(before, cursor)
	}
	if !q.Since.IsZero() {
		first, err := j.seek(ctx, q.Since)
		if err != nil {
			return label, 0, 0, err
		}
		after = max(after, first-1)
	}
	if !q.Until.IsZero() {
		first, err := j.seek(ctx, q.Until)
		if err != nil {
			return label, 0, 0, err
		}
		before = min(before, first)
	}
	return label, after, before, nil
}

// seek returns the seq of the first record, not pruned, committed at or after t;
// one past the end where there is none. Commit times never go back, so it halves.
func (j *Journal) seek(ctx context.Context, t time.Time) (uint64, error) {
	j.mu.RLock()
	first, n := j.pruned.Seq+1, j.seq-j.pruned.Seq
	j.mu.RUnlock()
	us := t.UnixMicro()
	var failed error
	i := sort.Search(int(n), func(i int) bool {
		if failed != nil {
			return true
		}
		records, err := j.records(ctx, first+uint64(i)-1, 1)
		if err == nil && len(records) == 0 {
			err = crank.E(crank.CodeJournal, "record %d is missing", first+uint64(i))
		}
		if err != nil {
			failed = err
			return true
		}
		return records[0].Time >= us
	})
	return first + uint64(i), failed
}

// Open returns the calls that are open; see Reader.
func (j *Journal) Open(ctx context.Context) ([]crank.Record, error) {
	j.mu.RLock()
	seqs := make([]uint64, 0, len(j.open))
	for _, seq := range j.open {
		seqs = append(seqs, seq)
	}
	j.mu.RUnlock()
	slices.Sort(seqs)
	open := make([]crank.Record, 0, len(seqs))
	for _, seq := range seqs {
		records, err := j.records(ctx, seq-1, 1)
		if err != nil {
			return nil, err
		}
		if len(records) != 1 || records[0].Opened == nil {
			return nil, crank.E(crank.CodeJournal, "record %d should open a call and does not", seq)
		}
		open = append(open, records[0])
	}
	return open, nil
}
