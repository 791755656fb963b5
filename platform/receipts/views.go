package receipts

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/crank-platform/crank"
)

const (
	viewsEvery = 250 * time.Millisecond // how far the views' files lag, at most, under light load
	viewsBatch = 8192                   // records that do not wait for that
	viewsMost  = 4 * viewsBatch         // records kept in memory; beyond, the journal is read again
)

// projector brings the views up behind the commits, in bulk.
type projector struct {
	sync.Mutex
	pending []committed
	full    chan struct{}

	work    sync.Mutex // held while the views change; guards applied
	applied uint64
	whole   sync.RWMutex // held for reading by who needs them whole; Rebuild takes them apart
}

func (p *projector) add(batch []committed) {
	p.Lock()
	defer p.Unlock()
	if len(p.pending) < viewsMost {
		p.pending = append(p.pending, batch...)
	}
	if len(p.pending) >= viewsBatch {
		select {
		case p.full <- struct{}{}:
		default:
		}
	}
}

func (p *projector) take() []committed {
	p.Lock()
	defer p.Unlock()
	batch := p.pending
	p.pending = nil
	return batch
}

// resume brings the views, and with them the heads and open calls in memory, to
// the end of the journal.
func (j *Journal) resume(ctx context.Context) error {
	j.views.full = make(chan struct{}, 1)
	p, err := j.store.Progress(ctx)
	if err != nil {
		return err
	}
	fits, err := j.fits(ctx, p.Mark)
	if err != nil {
		return err
	}
	if !fits {
		if p, err = j.beginViews(ctx); err != nil {
			return err
		}
	}
	j.heads, j.open, j.views.applied = p.Heads, p.Open, p.Seq
	return j.replay(ctx, j.seq, j.note)
}

// fits reports whether views that stand at m are views of this journal, and not
// of one that was put back to an older copy. It also reads the newest commit time.
func (j *Journal) fits(ctx context.Context, m Mark) (bool, error) {
	if j.seq > 0 {
		last, err := j.records(ctx, j.seq-1, 1)
		if err != nil {
			return false, err
		}
		j.time = last[0].Time
	}
	if m.Seq > j.seq || m.Seq < j.pruned.Seq {
		return false, nil
	}
	if m.Seq == j.pruned.Seq {
		return m == j.pruned, nil
	}
	at, err := j.read(ctx, m.Seq-1, 1)
	if err != nil {
		return false, err
	}
	return len(at) == 1 && at[0].Digest() == m.Digest, nil
}

// beginViews empties the views and lets them begin with what was carried from
// pruned records.
func (j *Journal) beginViews(ctx context.Context) (Progress, error) {
	if err := j.store.Reset(ctx); err != nil {
		return Progress{}, err
	}
	c, err := j.store.Carried(ctx)
	if err != nil {
		return Progress{}, err
	}
	if c.Seq > 0 {
		if err := j.store.Apply(ctx, Delta{Mark: c.Mark, Heads: c.Heads, Sums: c.Sums}); err != nil {
			return Progress{}, err
		}
	}
	return j.store.Progress(ctx)
}

// replay applies the journal after what is applied up to a seq, and shows each
// change to see.
func (j *Journal) replay(ctx context.Context, until uint64, see func(Delta)) error {
	for j.views.applied < until {
		batch, err := j.readCommitted(ctx, j.views.applied, int(min(maxBatch, until-j.views.applied)))
		if err != nil {
			return err
		}
		if len(batch) == 0 {
			return crank.E(crank.CodeJournal, "record %d is missing", j.views.applied+1)
		}
		d := deltaOf(batch)
		if err := j.store.Apply(ctx, d); err != nil {
			return err
		}
		j.views.applied = d.Seq
		see(d)
	}
	return nil
}

func (j *Journal) readCommitted(ctx context.Context, after uint64, limit int) ([]committed, error) {
	stored, err := j.read(ctx, after, limit)
	if err != nil {
		return nil, err
	}
	batch := make([]committed, len(stored))
	for i, s := range stored {
		r, err := s.Record()
		if err != nil {
			return nil, err
		}
		batch[i] = committed{r, s.Digest()}
	}
	return batch, nil
}

// catchUp brings the views to what was committed when it was called.
func (j *Journal) catchUp(ctx context.Context) error {
	_, head, _ := j.Head(ctx)
	j.views.work.Lock()
	defer j.views.work.Unlock()
	if j.views.applied >= head {
		return nil
	}
	batch := j.views.take()
	for len(batch) > 0 && batch[0].Seq <= j.views.applied {
		batch = batch[1:]
	}
	if len(batch) > 0 && batch[0].Seq == j.views.applied+1 && contiguous(batch) {
		d := deltaOf(batch)
		if err := j.store.Apply(ctx, d); err != nil {
			return crank.Wrap(crank.CodeStore, err, "the views cannot be written")
		}
		j.views.applied = d.Seq
	}
	// If something is missing in memory, the journal has it.
	if err := j.replay(ctx, head, func(Delta) {}); err != nil {
		return crank.Wrap(crank.CodeStore, err, "the views cannot be written")
	}
	return nil
}

// contiguous reports whether nothing was left out of a batch when memory was full.
func contiguous(batch []committed) bool {
	return batch[len(batch)-1].Seq-batch[0].Seq == uint64(len(batch)-1)
}

// project runs catchUp now and then until ctx ends, and once more.
func (j *Journal) project(ctx, work context.Context) {
	tick := time.NewTicker(viewsEvery)
	defer tick.Stop()
	var last error
	for done := false; !done; {
		select {
		case <-ctx.Done():
			done = true
		case <-tick.C:
		case <-j.views.full:
		}
		err := errors.Join(j.catchUp(work), j.store.Tidy(work))
		switch {
		case err != nil && last == nil:
			j.log.Error("the journal's views are behind", "error", err)
		case err == nil && last != nil:
			j.log.Info("the journal's views are up to date again")
		}
		last = err
	}
}

// Rebuild computes the views again; see Projections.
func (j *Journal) Rebuild(ctx context.Context) (same bool, err error) {
	j.rework.Lock()
	defer j.rework.Unlock()
	if err := j.catchUp(ctx); err != nil {
		return false, err
	}
	j.views.whole.Lock()
	defer j.views.whole.Unlock()
	j.views.work.Lock()
	defer j.views.work.Unlock()
	stood, err := j.tally(ctx)
	if err != nil {
		return false, err
	}
	until := j.views.applied
	p, err := j.beginViews(ctx)
	if err != nil {
		return false, err
	}
	j.views.applied = p.Seq
	if err := j.replay(ctx, until, func(Delta) {}); err != nil {
		return false, err
	}
	stands, err := j.tally(ctx)
	return err == nil && stood == stands, err
}
