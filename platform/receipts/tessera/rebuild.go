package tessera

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/transparency-dev/tessera"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/atomicfile"
	"github.com/crank-platform/crank/kit/notesign"
)

// While a log is rebuilt the new one is beside it, and the old one stays beside
// the new one afterwards, until the next rebuild.
const (
	rebuildSuffix  = ".rebuild"
	replacedSuffix = ".replaced"
)

// Rebuild builds the log's files again from the journal, for when they are
// damaged or lost, and returns its size and root. The log must not run. The new
// log takes the old one's place only if it continues every checkpoint that was
// signed or anchored: otherwise it is CodeReceiptTampered or CodeRollback and the
// old one stands. It signs nothing that counts: the next Run does.
func Rebuild(ctx context.Context, c Config) (size uint64, root [32]byte, err error) {
	l, err := New(c)
	if err != nil {
		return 0, root, err
	}
	if err := recoverRebuild(c.Dir); err != nil {
		return 0, root, crank.Wrap(crank.CodeStore, err, "the log's folder cannot be used")
	}
	signed, published, past, err := l.past()
	if err != nil {
		return 0, root, err
	}
	if c, err := l.verified(published); err == nil {
		past = append(past, c)
	} else if signed == nil && published != nil {
		return 0, root, err // nothing else tells what was signed
	} else {
		published = nil // damaged; the next run publishes anew
	}
	if signed != nil {
		past = append(past, *signed)
	}
	fresh := c
	fresh.Dir, fresh.Anchors, fresh.Keys, fresh.Signers = c.Dir+rebuildSuffix, nil, nil, nil
	// Tessera signs what it builds. These keys are known to nobody and are gone
	// with this call.
	for _, alg := range notesign.Algorithms() {
		s, err := notesign.Generate(alg, c.Origin, nil)
		if err != nil {
			return 0, root, crank.Wrap(crank.CodeInternal, err, "no key can be made")
		}
		fresh.Signers = append(fresh.Signers, s)
	}
	n, err := New(fresh)
	if err != nil {
		return 0, root, err
	}
	if err := os.RemoveAll(fresh.Dir); err != nil {
		return 0, root, crank.Wrap(crank.CodeStore, err, "the log's folder cannot be used")
	}
	t, err := n.build(ctx)
	if err != nil {
		return 0, root, err
	}
	for _, p := range past {
		if p.Size > t.size() {
			return 0, root, crank.E(crank.CodeRollback, "the journal holds %d records of the log, but %d were under a checkpoint", t.size(), p.Size)
		}
		at, err := n.treeAt(ctx, p.Size, t.size())
		if err != nil {
			return 0, root, err
		}
		if at.root() != p.Root {
			return 0, root, crank.E(crank.CodeReceiptTampered, "the journal gives another root at size %d than was signed", p.Size)
		}
	}
	if err := n.replace(c.Dir, signed, published); err != nil {
		return 0, root, crank.Wrap(crank.CodeStore, err, "the rebuilt log cannot take its place")
	}
	return t.size(), t.root(), nil
}

// build feeds an empty log with everything that the journal has.
func (l *Log) build(ctx context.Context) (*tree, error) {
	inner, stop := context.WithCancel(ctx)
	driver, ended, err := l.c.driver(inner, l)
	if err != nil {
		stop()
		return nil, crank.Wrap(crank.CodeStore, err, "the log's folder cannot be used")
	}
	defer func() { stop(); ended() }()
	g := &guard{log: l}
	defer g.close()
	t, err := treeAt(0, nil)
	if err != nil {
		return nil, err
	}
	appender, shutdown, _, err := tessera.NewAppender(inner, driver, tessera.NewAppendOptions().
		WithCheckpointSigner(guarded{l.signers[0], g}, guarded{l.signers[1], g}).
		WithCheckpointInterval(checkpointInterval).
		WithCheckpointRepublishInterval(0).
		WithBatching(batchSize, batchAge))
	if err != nil {
		return nil, crank.Wrap(crank.CodeStore, err, "the log cannot be built")
	}
	g.arm(t)
	f := feeder{log: l, add: appender.Add, tree: t, guard: g}
	for {
		batch, err := l.read(ctx, l.c.FirstSeq+t.size(), batchSize)
		if err != nil {
			return nil, err
		}
		if len(batch) == 0 {
			break
		}
		if err := f.send(ctx, batch)(); err != nil {
			return nil, err
		}
	}
	if err := shutdown(inner); err != nil {
		return nil, crank.Wrap(crank.CodeStore, err, "the rebuilt log cannot be finished")
	}
	if err := g.refusal(); err != nil {
		return nil, err
	}
	at, err := l.treeAt(ctx, t.size(), t.size())
	if err != nil {
		return nil, err
	}
	if at.root() != t.root() {
		return nil, crank.E(crank.CodeInternal, "the rebuilt log has not the root of its leaves")
	}
	return t, nil
}

// replace puts the rebuilt log where dir is, with what was signed and published there.
func (l *Log) replace(dir string, signed *notesign.Checkpoint, published []byte) error {
	var text []byte
	if signed != nil {
		text = []byte(signed.Text())
	}
	for name, data := range map[string][]byte{signedFile: text, checkpointFile: published} {
		path := filepath.Join(l.c.Dir, name)
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if data == nil {
			continue
		}
		if err := atomicfile.Write(path, data, 0o644); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(dir + replacedSuffix); err != nil {
		return err
	}
	if err := os.Rename(dir, dir+replacedSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(l.c.Dir, dir); err != nil {
		return err
	}
	return atomicfile.SyncDir(filepath.Dir(dir))
}

// recoverRebuild puts the old log back where a crash came between taking it away
// and putting the new one there.
func recoverRebuild(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(dir+replacedSuffix, dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
