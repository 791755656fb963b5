package receipts

import (
	"context"
	"io"
	"time"

	"github.com/crank-platform/crank"
)

const pruneChunk = 1000 // records a transaction: appends wait no longer than for that

// Archive writes old records to w; see Retention.
func (j *Journal) Archive(ctx context.Context, before time.Time, w io.Writer) (int, error) {
	j.rework.Lock()
	defer j.rework.Unlock()
	j.mu.RLock()
	pruned := j.pruned.Seq
	j.mu.RUnlock()
	last, err := j.oldUntil(ctx, before)
	if err != nil {
		return 0, err
	}
	a, err := newArchive(w, pruned+1, last)
	if err != nil {
		return 0, crank.Wrap(crank.CodeStore, err, "the archive cannot be written")
	}
	for at := pruned; at < last; {
		stored, err := j.read(ctx, at, int(min(maxBatch, last-at)))
		if err != nil {
			return 0, err
		}
		for _, s := range stored {
			if err := a.write(s); err != nil {
				return 0, crank.Wrap(crank.CodeStore, err, "the archive cannot be written")
			}
			at = s.Seq
		}
	}
	if err := a.close(); err != nil {
		return 0, crank.Wrap(crank.CodeStore, err, "the archive cannot be written")
	}
	return int(last - pruned), nil
}

// oldUntil returns the seq of the last record before an instant that may go: not
// one of or after a call still open, and never the journal's newest.
func (j *Journal) oldUntil(ctx context.Context, before time.Time) (uint64, error) {
	first, err := j.seek(ctx, before)
	if err != nil {
		return 0, err
	}
	last := first - 1
	j.mu.RLock()
	defer j.mu.RUnlock()
	last = min(last, j.seq-1)
	for _, opened := range j.open {
		last = min(last, opened-1)
	}
	return max(last, j.pruned.Seq), nil
}

// Prune deletes old records; see Retention.
func (j *Journal) Prune(ctx context.Context, before time.Time) (int, error) {
	j.rework.Lock()
	defer j.rework.Unlock()
	last, err := j.oldUntil(ctx, before)
	if err != nil {
		return 0, err
	}
	if err := j.catchUp(ctx); err != nil {
		return 0, err
	}
	j.turn.Lock()
	for _, f := range j.followers {
		last = min(last, f.at)
	}
	j.turn.Unlock()
	n := 0
	for {
		j.mu.RLock()
		at := j.pruned.Seq
		j.mu.RUnlock()
		if at >= last {
			return n, nil
		}
		p, err := j.pruning(ctx, at, int(min(pruneChunk, last-at)))
		if err != nil {
			return n, err
		}
		if err := j.store.Prune(ctx, p); err != nil {
			return n, err
		}
		n += len(p.Leaves)
		j.mu.Lock()
		j.pruned = p.Mark
		j.mu.Unlock()
	}
}

// pruning works out what stays of the records after a seq.
func (j *Journal) pruning(ctx context.Context, after uint64, limit int) (Pruning, error) {
	stored, err := j.read(ctx, after, limit)
	if err != nil {
		return Pruning{}, err
	}
	p := Pruning{Leaves: make([]crank.Digest, len(stored))}
	records := make([]committed, len(stored))
	for i, s := range stored {
		r, err := s.Record()
		if err != nil {
			return Pruning{}, err
		}
		p.Leaves[i] = s.Leaf()
		if r.Receipt != nil {
			id, _ := callID(r.Receipt.Call)
			p.Calls = append(p.Calls, id)
		}
		records[i] = committed{r, s.Digest()}
	}
	d := deltaOf(records)
	p.Carried = Carried{d.Mark, d.Heads, d.Sums}
	return p, nil
}
