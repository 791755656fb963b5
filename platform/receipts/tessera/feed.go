package tessera

import (
	"bytes"
	"context"
	"time"

	"github.com/transparency-dev/tessera"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/receipts"
)

// A batch is what is integrated at once. Only one is ever under way: were two,
// and the first failed, the second would take its indexes.
const (
	batchSize = 2048
	batchAge  = 200 * time.Millisecond // how long a smaller batch is gathered
)

// resume checks the log's files against what was signed and against the journal,
// and returns the tree as it stands.
func (l *Log) resume(ctx context.Context, g *guard, size uint64) (*tree, error) {
	base := uint64(0)
	for _, p := range g.past {
		if p.Size > size {
			return nil, crank.E(crank.CodeRollback, "the log holds %d leaves, but %d were under a checkpoint", size, p.Size).Mending(mendRollback)
		}
		t, err := l.treeAt(ctx, p.Size, size)
		if err != nil {
			return nil, err
		}
		if t.root() != p.Root {
			return nil, crank.E(crank.CodeReceiptTampered, "the log has another root at size %d than was signed", p.Size).Mending(mendRebuild)
		}
		base = max(base, p.Size)
	}
	// The leaf at the edge of what was signed, then every leaf since: had the
	// journal been changed before that edge, package verify would find it.
	from := base - min(base, 1)
	t, err := l.treeAt(ctx, from, size)
	if err != nil {
		return nil, err
	}
	for t.size() < size {
		batch, err := l.read(ctx, l.c.FirstSeq+t.size(), int(min(batchSize, size-t.size())))
		if err != nil {
			return nil, err
		}
		if len(batch) == 0 {
			return nil, crank.E(crank.CodeRollback, "the journal ends at record %d, but the log holds %d leaves from record %d on", l.c.FirstSeq+t.size()-1, size, l.c.FirstSeq).Mending(mendRollback)
		}
		for _, s := range batch {
			t.add(s.Leaf())
		}
	}
	now, err := l.treeAt(ctx, size, size)
	if err != nil {
		return nil, err
	}
	if now.root() != t.root() {
		return nil, crank.E(crank.CodeReceiptTampered, "the newest leaves of the log are not the journal's").Mending(mendRebuild)
	}
	if size > 0 {
		entry, err := l.entry(size-1, size)
		if err != nil {
			return nil, err
		}
		leaf, err := l.leaf(ctx, size-1, size)
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(leafHash(entry), leaf) {
			return nil, crank.E(crank.CodeReceiptTampered, "the newest entry of the log is not its leaf").Mending(mendRebuild)
		}
	}
	return t, nil
}

// read returns records from seq on, in order and of this epoch; none where the
// journal ends or a later epoch begins.
func (l *Log) read(ctx context.Context, seq uint64, limit int) ([]receipts.Stored, error) {
	batch, err := l.c.Source.Read(ctx, seq-1, limit)
	if err != nil {
		return nil, crank.Wrap(crank.CodeJournal, err, "the journal cannot be read")
	}
	for i, s := range batch {
		if s.Epoch > l.c.Epoch {
			return batch[:i], nil
		}
		if s.Epoch < l.c.Epoch || s.Seq != seq+uint64(i) {
			return nil, crank.E(crank.CodeReceiptTampered, "the journal gives record %d of epoch %d where record %d of epoch %d must be", s.Seq, s.Epoch, seq+uint64(i), l.c.Epoch)
		}
	}
	return batch, nil
}

// feeder hands the journal's leaves to the log in order.
type feeder struct {
	log   *Log
	add   tessera.AddFn
	tree  *tree
	guard *guard
}

func (f *feeder) run(ctx context.Context) error {
	l := f.log
	batch, err := l.read(ctx, l.c.FirstSeq+f.tree.size(), batchSize)
	for {
		if err != nil {
			return err
		}
		l.healthy()
		if len(batch) > 0 {
			wait := f.send(ctx, batch)
			next := l.c.FirstSeq + f.tree.size()
			batch, err = l.read(ctx, next, batchSize) // while the disk works
			if sent := wait(); sent != nil {
				return sent
			}
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.c.Wake:
		case <-time.After(time.Second):
		}
		batch, err = l.read(ctx, l.c.FirstSeq+f.tree.size(), batchSize)
	}
}

// send gives a batch to the log and returns how to wait until it is on disk.
func (f *feeder) send(ctx context.Context, batch []receipts.Stored) (wait func() error) {
	first := f.tree.size()
	futures := make([]tessera.IndexFuture, len(batch))
	leaves := make([]crank.Digest, len(batch))
	for i, s := range batch {
		leaves[i] = s.Leaf()
		f.tree.add(leaves[i])
	}
	f.guard.expect(f.tree.size(), f.tree.root())
	f.log.fed(f.tree.size(), batch[0])
	for i := range leaves {
		futures[i] = f.add(context.WithoutCancel(ctx), tessera.NewEntry(leaves[i][:]))
	}
	return func() error {
		for i, future := range futures {
			at, err := future()
			if err != nil {
				return crank.Wrap(crank.CodeStore, err, "leaf %d cannot be written", first+uint64(i))
			}
			if want := first + uint64(i); at.Index != want {
				return crank.E(crank.CodeReceiptTampered, "record %d became leaf %d and not %d", f.log.c.FirstSeq+want, at.Index, want).Mending(mendRebuild)
			}
		}
		return nil
	}
}
