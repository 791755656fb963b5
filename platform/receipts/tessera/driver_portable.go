package tessera

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/api/layout"
)

// openDriver opens the driver of a log's folder. It writes until ctx ends, and is
// done with the folder when ended returns.
type openDriver func(ctx context.Context, l *Log) (d tessera.Driver, ended func(), err error)

// portable is a driver for any system. Its files are those of Tessera's POSIX
// driver, byte for byte and .state included, so that each goes on with what the
// other began.
//
// A batch is written as entries, then tiles, then treeState, each file whole and
// on disk before the next (on Windows a file's content is; its names become so in
// order, by NTFS's own log). Only what treeState says counts, and a batch touches no
// file of that: after a crash the next one writes the same paths again. A
// checkpoint is asked for only of a treeState that is on disk.
//
// Nothing but its one goroutine writes. It takes no lock against other processes.
type portable struct {
	log  *Log
	adds chan *adding
	sign func(ctx context.Context, size uint64, root []byte) ([]byte, error)
	size atomic.Uint64 // as treeState says
	loop sync.WaitGroup
}

// portableDriver is an openDriver.
func portableDriver(_ context.Context, l *Log) (tessera.Driver, func(), error) {
	p := &portable{log: l, adds: make(chan *adding)}
	return p, p.loop.Wait, nil
}

// adding is an entry and, once it is done, its index.
type adding struct {
	entry *tessera.Entry
	done  chan struct{}
	index uint64
	err   error
}

// Appender opens the folder, or makes it, and writes until ctx ends.
func (p *portable) Appender(ctx context.Context, opts *tessera.AppendOptions) (*tessera.Appender, tessera.LogReader, error) {
	p.sign = opts.CheckpointPublisher(p, nil) // the client is for witnesses
	if err := p.open(ctx); err != nil {
		return nil, nil, err
	}
	p.loop.Go(func() { p.run(ctx, opts) })
	add := func(_ context.Context, e *tessera.Entry) tessera.IndexFuture {
		a := &adding{entry: e, done: make(chan struct{})}
		select {
		case p.adds <- a:
		case <-ctx.Done():
			a.settle(0, errClosed)
		}
		return func() (tessera.Index, error) { <-a.done; return tessera.Index{Index: a.index}, a.err }
	}
	return &tessera.Appender{Add: add}, p, nil
}

func (a *adding) settle(index uint64, err error) {
	a.index, a.err = index, err
	close(a.done)
}

// run gathers batches, publishes at most once an interval, and clears up.
func (p *portable) run(ctx context.Context, opts *tessera.AppendOptions) {
	var (
		batch []*adding
		age   <-chan time.Time // when the batch is old enough
		sweep <-chan time.Time
		due   = true // for a new checkpoint
		tick  = time.NewTicker(opts.CheckpointInterval())
	)
	if i := opts.GarbageCollectionInterval(); i > 0 {
		sweep = time.Tick(i)
	}
	for {
		select {
		case <-ctx.Done():
			for _, a := range batch {
				a.settle(0, errClosed)
			}
			return
		case a := <-p.adds:
			if batch = append(batch, a); len(batch) == 1 {
				age = time.After(opts.BatchMaxAge())
			}
			if len(batch) < int(opts.BatchMaxSize()) {
				continue
			}
			p.flush(ctx, batch)
			batch, age = nil, nil
		case <-age:
			p.flush(ctx, batch)
			batch, age = nil, nil
		case <-tick.C:
			due = true
		case <-sweep:
			p.warn("the log's superseded files cannot be removed and stay for now", p.collect())
			continue
		}
		if due {
			published, err := p.publish(ctx)
			p.warn("the log's checkpoint is not published yet", err)
			if published {
				due = false
				tick.Reset(opts.CheckpointInterval())
			}
		}
	}
}

func (p *portable) warn(what string, err error) {
	if err != nil {
		p.log.c.Logger.Warn(what, "origin", p.log.origin, "err", err)
	}
}

func (p *portable) flush(ctx context.Context, batch []*adding) {
	first, err := p.write(ctx, batch)
	for i, a := range batch {
		a.settle(first+uint64(i), err)
	}
}

// ReadCheckpoint and the methods below are a tessera.LogReader.
func (p *portable) ReadCheckpoint(context.Context) ([]byte, error) { return p.get(checkpointFile) }

func (p *portable) ReadTile(_ context.Context, level, index uint64, n uint8) ([]byte, error) {
	return p.log.tilesOf(0).wide(func(n uint8) string { return layout.TilePath(level, index, n) }, n)
}

func (p *portable) ReadEntryBundle(_ context.Context, index uint64, n uint8) ([]byte, error) {
	return p.log.tilesOf(0).wide(func(n uint8) string { return layout.EntriesPath(index, n) }, n)
}

func (p *portable) NextIndex(context.Context) (uint64, error)      { return p.size.Load(), nil }
func (p *portable) IntegratedSize(context.Context) (uint64, error) { return p.size.Load(), nil }
