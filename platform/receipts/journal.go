package receipts

import (
	"context"
	"crypto/sha256"
	"hash"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/crank-platform/crank"
)

// Config is what a journal needs.
type Config struct {
	Store Store
	Now   func() time.Time // nil means time.Now
	Log   *slog.Logger     // nil means slog.Default
}

// Journal is the body of Service. One goroutine, Run's, writes; it collects what
// is brought while a commit is under way and commits that together, so that one
// fsync serves all who wait. It never lingers for company.
type Journal struct {
	store Store
	now   func() time.Time
	log   *slog.Logger

	queue queue
	turn  sync.Mutex // held while a batch is built, committed and handed on

	// Under turn.
	followers []*follower
	doubt     bool // the last commit's outcome is unknown
	failing   bool // it failed
	hash      hash.Hash
	arena     []byte          // bytes of the batch being built
	body      []byte          // and of the receipt being built
	moved     map[string]Link // heads that the batch being built has moved

	mu     sync.RWMutex // guards the rest; written under turn as well
	epochs []Epoch
	seq    uint64
	time   int64 // of the newest record
	pruned Mark
	heads  map[string]Link
	open   map[CallID]uint64

	views  projector
	vault  vault
	rework sync.Mutex // one Prune or Rebuild at a time
}

var _ Service = (*Journal)(nil)

// New opens the journal of a store: it brings the views up to date and begins
// the first epoch where there is none. Appends wait until Run runs.
func New(ctx context.Context, c Config) (*Journal, error) {
	j := &Journal{store: c.Store, now: c.Now, log: c.Log, hash: sha256.New(), moved: map[string]Link{}}
	if j.now == nil {
		j.now = time.Now
	}
	if j.log == nil {
		j.log = slog.Default()
	}
	j.queue.wake = make(chan struct{}, 1)
	j.vault.store = c.Store
	state, err := c.Store.State(ctx)
	if err != nil {
		return nil, err
	}
	j.seq, j.epochs, j.pruned = state.Seq, state.Epochs, state.Pruned
	if err := j.resume(ctx); err != nil {
		return nil, err
	}
	if j.seq == 0 {
		first := newItem()
		if err := first.prepare(epochRecord(nil)); err != nil {
			return nil, err
		}
		j.commit(ctx, []*item{first})
		if err := <-first.done; err != nil {
			return nil, err
		}
	}
	return j, nil
}

// Run writes until ctx ends, then commits what is queued and returns. From then
// on Append refuses with CodeDraining.
func (j *Journal) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	work := context.WithoutCancel(ctx) // a commit under way is always finished
	var g errgroup.Group
	g.Go(func() error { j.project(ctx, work); return nil })
	for ctx.Err() == nil {
		var again <-chan time.Time
		if j.lagging() {
			again = time.After(retryFollowers)
		}
		select {
		case <-ctx.Done():
		case <-j.queue.wake:
			j.drain(work)
		case <-again:
			j.deliverLate(work)
		}
	}
	j.queue.close()
	j.drain(work)
	stop()
	_ = g.Wait() // project returns no error
	return nil
}

// drain commits batches until nothing is queued.
func (j *Journal) drain(ctx context.Context) {
	for batch := j.queue.take(); len(batch) > 0; batch = j.queue.take() {
		j.commit(ctx, batch)
	}
}

// commit brings a batch to disk, hands it to the followers and releases those
// who wait. Whoever cannot be served gets an error and leaves no trace.
func (j *Journal) commit(ctx context.Context, batch []*item) {
	j.turn.Lock()
	defer j.turn.Unlock()
	all := batch
	batch = j.firstOpened(batch)
	for len(batch) > 0 {
		b, err := j.attempt(ctx, batch)
		if dup, ok := err.(*Duplicate); ok {
			batch = without(batch, dup.At)
			continue
		}
		if err != nil {
			if !j.failing {
				j.log.Error("the journal cannot commit", "records", len(batch), "error", err)
			}
			j.failing = true
			for _, it := range batch {
				it.err = err
			}
			break
		}
		if j.failing {
			j.log.Info("the journal commits again", "seq", b.records[0].Seq)
		}
		j.failing = false
		j.install(batch, b)
		j.deliver(ctx, b.records)
		break
	}
	for _, it := range all {
		it.done <- it.err
	}
}

// attempt builds a batch and commits it.
func (j *Journal) attempt(ctx context.Context, batch []*item) (built, error) {
	if err := j.settle(ctx); err != nil {
		return built{}, err
	}
	b := j.build(batch)
	return b, j.land(ctx, b)
}

// land commits what was built. When the store fails, what it holds decides: an
// error may come after the data has reached the disk.
func (j *Journal) land(ctx context.Context, b built) error {
	err := j.store.Commit(ctx, b.entries)
	if err == nil {
		return nil
	}
	if _, ok := err.(*Duplicate); ok {
		return err
	}
	switch state, again := j.store.State(ctx); {
	case again == nil && state.Seq == b.entries[len(b.entries)-1].Seq:
		return nil
	case again == nil && state.Seq == j.seq:
		return crank.Wrap(crank.CodeJournal, err, "the journal cannot be written")
	default:
		j.doubt = true
		e := crank.E(crank.CodeUnknownOutcome, "the journal failed in the middle of a commit and cannot be read back")
		e.Cause = err
		return e
	}
}

// settle finds out what became of a commit whose outcome was unknown, and goes on
// from there.
func (j *Journal) settle(ctx context.Context) error {
	if !j.doubt {
		return nil
	}
	state, err := j.store.State(ctx)
	if err != nil {
		return crank.Wrap(crank.CodeJournal, err, "the journal cannot be read")
	}
	landed, err := j.store.Read(ctx, j.seq, int(state.Seq-j.seq))
	if err != nil {
		return crank.Wrap(crank.CodeJournal, err, "the journal cannot be read")
	}
	for _, s := range landed {
		r, err := s.Record()
		if err != nil {
			return err
		}
		d := deltaOf([]committed{{r, s.Digest()}})
		j.mu.Lock()
		j.seq, j.time, j.epochs = r.Seq, r.Time, state.Epochs
		j.note(d)
		j.mu.Unlock()
	}
	j.doubt = false
	return nil
}

// note takes a change of heads and open calls into memory.
func (j *Journal) note(d Delta) {
	for tenant, link := range d.Heads {
		j.heads[tenant] = link
	}
	for _, call := range d.Closed {
		delete(j.open, call)
	}
	for call, seq := range d.Open {
		j.open[call] = seq
	}
}

// firstOpened refuses the items that would open a call which is open already.
func (j *Journal) firstOpened(batch []*item) []*item {
	var at map[CallID]bool
	rest := make([]*item, 0, len(batch))
	for _, it := range batch {
		if it.record.Opened != nil {
			if _, open := j.open[it.call]; open || at[it.call] {
				it.err = crank.E(crank.CodeExists, "call %s is open already", it.record.Opened.Call)
				continue
			}
			if at == nil {
				at = map[CallID]bool{}
			}
			at[it.call] = true
		}
		rest = append(rest, it)
	}
	return rest
}

// without marks the items at the given places as duplicates and returns the rest.
func without(batch []*item, at []int) []*item {
	rest := make([]*item, 0, len(batch))
	for i, it := range batch {
		if slices.Contains(at, i) {
			it.err = crank.E(crank.CodeExists, "call %s has been closed already", it.record.Receipt.Call).
				Mending("Read its receipt: a call is closed exactly once.")
			continue
		}
		rest = append(rest, it)
	}
	return rest
}

// install makes a committed batch the newest part of the journal.
func (j *Journal) install(batch []*item, b built) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.views.add(b.committed) // whoever sees the new head finds these
	for i, it := range batch {
		r := b.records[i]
		switch {
		case r.Opened != nil:
			j.open[it.call] = r.Seq
		case r.Receipt != nil:
			delete(j.open, it.call)
		case it.epoch:
			j.epochs = append(j.epochs, Epoch{r.Epoch, r.Seq})
		}
		j.seq, j.time = r.Seq, r.Time
	}
	for tenant, link := range j.moved {
		j.heads[tenant] = link
	}
}

// Head returns the epoch and seq of the newest record.
func (j *Journal) Head(context.Context) (epoch, seq uint64, err error) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.epochs[len(j.epochs)-1].Epoch, j.seq, nil
}

// Epochs lists the epochs, oldest first.
func (j *Journal) Epochs(context.Context) ([]Epoch, error) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return slices.Clone(j.epochs), nil
}
