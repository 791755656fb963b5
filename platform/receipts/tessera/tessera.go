// Package tessera keeps the Merkle log over the journal: one leaf a record, in
// the journal's order, published as tiles and signed checkpoints that any
// C2SP tlog-tiles client reads (https://c2sp.org/tlog-tiles).
//
// It owns feeding the log, what it may sign, proofs from its tiles, and the
// promise to merge before it has. It does not own records (package receipts),
// nor checking a log that one does not trust (package verify). The journal is
// the authority: a log can always be built from it again (Rebuild).
//
// # The life of a leaf
//
// The journal commits a record and wakes the log. The log reads records in
// order, computes their leaves, remembers the root that the tree must have after
// each batch, and hands the batch to Tessera, whose driver writes entries and tiles
// (Tessera's own, or on Windows this package's portable one). Twice
// a second the driver asks for a checkpoint's signatures. The guard gives them only
// for a size and root that the log computed from the journal itself, which
// continue every checkpoint that was signed before; what it signs it first
// writes down (.signed). Then the checkpoint is published and those who wait for
// the record go on.
package tessera

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/transparency-dev/tessera"
	"golang.org/x/sync/errgroup"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/notesign"
	"github.com/crank-platform/crank/platform/receipts"
)

// MaxMergeDelay is the longest that a record may be in the journal and not yet
// under a checkpoint.
const MaxMergeDelay = 10 * time.Second

// Source is what the log asks of the journal: at most limit records with a seq
// above after, in order.
type Source interface {
	Read(ctx context.Context, after uint64, limit int) ([]receipts.Stored, error)
}

// Config is what a log is made of.
type Config struct {
	Dir      string // of this epoch's log; made where there is none
	Origin   string // the log's name; each epoch has its own, such as "example.com/log/epoch-1"
	Epoch    uint64
	FirstSeq uint64             // of the epoch's first record: leaf 0
	Signers  []*notesign.Signer // the newest keys, one an algorithm; they sign as Origin
	// Keys are the keys of every generation, by position in the journal: a
	// checkpoint of size n stands at FirstSeq-1+n. Empty means the Signers', always.
	Keys   notesign.Keys
	Source Source
	Wake   <-chan struct{} // something was committed; never closed; nil means to look every second
	// MergeDelay is when Alarm is called; 0 means MaxMergeDelay, which is also the most.
	MergeDelay time.Duration
	Anchors    [][]byte                // checkpoints of this log that were kept elsewhere: it must continue them
	Published  func(checkpoint []byte) // called with each new checkpoint, in order; nil means nobody asks
	Alarm      func(Lag)               // called when the log falls behind by more than MergeDelay, once each time
	Logger     *slog.Logger            // nil means slog.Default
	Now        func() time.Time        // nil means time.Now

	driver openDriver // nil means this system's; tests take another
}

// Log is the Merkle log of one epoch. Its methods are safe for concurrent use;
// the proofs of its Reader work whether it runs or not.
type Log struct {
	*Reader
	c       Config
	signers []*notesign.Signer // as Origin

	mu      sync.Mutex
	state   progress
	changed chan struct{} // closed when state.published grows
}

// New checks a configuration. It starts nothing and touches no file.
func New(c Config) (*Log, error) {
	if c.MergeDelay == 0 {
		c.MergeDelay = MaxMergeDelay
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.driver == nil {
		c.driver = nativeDriver
	}
	if c.FirstSeq == 0 || c.Source == nil || c.MergeDelay < time.Second || c.MergeDelay > MaxMergeDelay {
		return nil, crank.E(crank.CodeConfig, "a log needs a source, a first seq of 1 or more and a merge delay of 1 s to %s", MaxMergeDelay)
	}
	var signers []*notesign.Signer
	for _, alg := range notesign.Algorithms() {
		found := false
		for _, s := range c.Signers {
			if s.Verifier().Algorithm() != alg {
				continue
			}
			named, err := s.As(c.Origin)
			if err != nil {
				return nil, crank.Wrap(crank.CodeConfig, err, "%q cannot be a log's origin", c.Origin)
			}
			signers, found = append(signers, named), true
		}
		if !found {
			return nil, crank.E(crank.CodeConfig, "the log has no %s key to sign with", alg)
		}
	}
	if len(c.Keys) == 0 {
		for _, s := range c.Signers {
			c.Keys = append(c.Keys, notesign.Key{Verifier: s.Verifier()})
		}
	}
	reader, err := OpenReader(c.Dir, c.Origin, c.FirstSeq, c.Keys)
	if err != nil {
		return nil, err
	}
	return &Log{Reader: reader, c: c, signers: signers, changed: make(chan struct{})}, nil
}

// Run feeds the log until ctx ends; it then publishes what it has fed and
// returns nil. A journal or disk that fails is tried again. It returns early,
// and signs nothing more, when the log and the journal contradict each other:
// CodeReceiptTampered, or CodeRollback when one of them is older than what was
// signed. Run it once at a time.
func (l *Log) Run(ctx context.Context) error {
	for {
		err := l.session(ctx)
		switch {
		case err == nil:
			return nil
		case final(err):
			return err
		case ctx.Err() != nil:
			return nil
		}
		l.c.Logger.Error("the Merkle log cannot go on and will try again", "origin", l.c.Origin, "err", err)
		l.failing(err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

// final reports whether trying again cannot help.
func final(err error) bool {
	switch crank.AsError(err).Code {
	case crank.CodeReceiptTampered, crank.CodeRollback, crank.CodeConfig:
		return true
	}
	return false
}

// checkpointInterval is how often a growing log publishes: well within the
// merge delay, and rare enough that signatures and syncs cost nothing.
const checkpointInterval = 200 * time.Millisecond

// session opens the log, feeds it until ctx ends or something fails, and closes it.
func (l *Log) session(ctx context.Context) error {
	g, err := l.openGuard()
	if err != nil {
		return err
	}
	defer g.close()
	// The driver outlives ctx by as long as it takes to publish what it was fed.
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	driver, ended, err := l.c.driver(inner, l)
	if err != nil {
		stop()
		return crank.Wrap(crank.CodeStore, err, "the log's folder cannot be used")
	}
	defer func() { stop(); ended() }()
	appender, shutdown, reader, err := tessera.NewAppender(inner, driver, tessera.NewAppendOptions().
		WithCheckpointSigner(guarded{l.signers[0], g}, guarded{l.signers[1], g}).
		WithCheckpointInterval(checkpointInterval).
		WithCheckpointRepublishInterval(0).
		WithBatching(batchSize, batchAge).
		WithGarbageCollectionInterval(time.Second). // it clears at most 100 bundles each time
		WithShutdownTimeout(50*checkpointInterval))
	if refused := g.refusal(); refused != nil {
		return refused
	}
	if err != nil {
		return crank.Wrap(crank.CodeStore, err, "the log cannot be opened")
	}
	size, err := reader.IntegratedSize(inner)
	if err != nil {
		return crank.Wrap(crank.CodeStore, err, "the log's size cannot be read")
	}
	tree, err := l.resume(ctx, g, size)
	if err != nil {
		return err
	}
	g.arm(tree)
	f := feeder{log: l, add: appender.Add, tree: tree, guard: g}
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() error { return f.run(gctx) })
	group.Go(func() error { return l.watch(gctx, g) })
	if err := group.Wait(); ctx.Err() == nil {
		return err
	}
	if err := shutdown(inner); err != nil {
		l.c.Logger.Warn("the log stops before its last records are under a checkpoint; the next start adds them", "origin", l.c.Origin, "err", err)
	}
	return l.look()
}
