package receipts

import (
	"context"
	"time"

	"github.com/crank-platform/crank"
)

const (
	retryFollowers = 100 * time.Millisecond
	lateChunks     = 4 // batches that one turn gives to a follower that is behind
)

// follower is somebody who sees every record.
type follower struct {
	name  string
	at    uint64    // seq of the last record it has seen
	tried time.Time // when it last failed or got old records
	fails bool      // as it did the last time
	f     func(context.Context, []crank.Record) error
}

// Follow hands f every record after a seq; see Writer.
func (j *Journal) Follow(ctx context.Context, name string, after uint64, f func(context.Context, []crank.Record) error) error {
	fo := &follower{name: name, at: after, f: f}
	for { // the bulk of it while others commit
		records, err := j.records(ctx, fo.at, maxBatch)
		if err != nil {
			return err
		}
		if len(records) < maxBatch {
			break
		}
		if err := fo.give(ctx, records); err != nil {
			return err
		}
	}
	j.turn.Lock()
	defer j.turn.Unlock()
	if fo.at > j.seq {
		return crank.E(crank.CodeStore, "%s has seen record %d, but the journal ends at %d", name, fo.at, j.seq).
			Mending("The journal is older than what was derived from it: rebuild that, or restore a newer journal.")
	}
	for fo.at < j.seq {
		records, err := j.records(ctx, fo.at, maxBatch)
		if err != nil {
			return err
		}
		if err := fo.give(ctx, records); err != nil {
			return err
		}
	}
	j.followers = append(j.followers, fo)
	return nil
}

func (f *follower) give(ctx context.Context, records []crank.Record) error {
	if err := f.f(ctx, records); err != nil {
		return err
	}
	f.at = records[len(records)-1].Seq
	return nil
}

// noted logs when a follower begins to fail and when it no longer does.
func (j *Journal) noted(f *follower, err error) {
	switch {
	case err != nil && !f.fails:
		j.log.Error("a follower of the journal is behind", "follower", f.name, "seq", f.at, "error", err)
	case err == nil && f.fails:
		j.log.Info("a follower of the journal catches up", "follower", f.name, "seq", f.at)
	}
	f.fails = err != nil
}

// Followers returns where each follower stands, for those who watch the node.
func (j *Journal) Followers() []Following {
	j.turn.Lock()
	defer j.turn.Unlock()
	all := make([]Following, len(j.followers))
	for i, f := range j.followers {
		all[i] = Following{f.name, f.at, f.at < j.seq}
	}
	return all
}

// Following is where a follower stands.
type Following struct {
	Name   string
	Seq    uint64 // of the last record it has seen
	Behind bool
}

// deliver hands a committed batch to the followers that are up to date, and old
// records to those that are behind.
func (j *Journal) deliver(ctx context.Context, records []crank.Record) {
	for _, f := range j.followers {
		if len(records) > 0 && f.at == records[0].Seq-1 {
			err := f.give(ctx, records)
			if err != nil {
				f.tried = time.Now()
			}
			j.noted(f, err)
			continue
		}
		if time.Since(f.tried) < retryFollowers {
			continue
		}
		for range lateChunks {
			late, err := j.records(ctx, f.at, maxBatch)
			if err == nil && len(late) > 0 {
				err = f.give(ctx, late)
			}
			j.noted(f, err)
			if err != nil || f.at >= j.seq {
				break
			}
		}
		f.tried = time.Now()
	}
}

func (j *Journal) deliverLate(ctx context.Context) {
	j.turn.Lock()
	defer j.turn.Unlock()
	j.deliver(ctx, nil)
}

// lagging reports whether a follower is behind.
func (j *Journal) lagging() bool {
	j.turn.Lock()
	defer j.turn.Unlock()
	for _, f := range j.followers {
		if f.at < j.seq {
			return true
		}
	}
	return false
}

// records reads and decodes. Pruned records cannot be had again: who needs them
// is told so.
func (j *Journal) records(ctx context.Context, after uint64, limit int) ([]crank.Record, error) {
	stored, err := j.read(ctx, after, limit)
	if err != nil {
		return nil, err
	}
	records := make([]crank.Record, len(stored))
	for i, s := range stored {
		if records[i], err = s.Record(); err != nil {
			return nil, err
		}
	}
	return records, nil
}
