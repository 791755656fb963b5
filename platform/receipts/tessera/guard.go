package tessera

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/atomicfile"
	"github.com/crank-platform/crank/kit/notesign"
)

// signedFile, in the log's folder, holds the text of the newest checkpoint that
// was signed, written before it is.
const signedFile = ".signed"

// guard decides what the log signs: only a size and root that the log computed
// from the journal, never less than it signed before, and nothing at all until
// the log has been checked against what it signed.
type guard struct {
	log  *Log
	mu   sync.Mutex
	past []notesign.Checkpoint // signed before, or anchored; the tree must continue each
	last string                // the newest text that may be signed again
	// roots holds the root that the tree must have at each size that may be
	// signed; nil until the guard is armed.
	roots   map[uint64][32]byte
	refused *crank.Error // a contradiction; the log must stop
	closed  bool
}

// openGuard reads what was signed before.
func (l *Log) openGuard() (*guard, error) {
	g := &guard{log: l}
	if err := recoverRebuild(l.c.Dir); err != nil {
		return nil, crank.Wrap(crank.CodeStore, err, "the log's folder cannot be used")
	}
	signed, published, anchors, err := l.past()
	if err != nil {
		return nil, err
	}
	if published != nil {
		c, err := l.verified(published)
		if err != nil {
			return nil, err
		}
		g.past = append(g.past, c)
	}
	g.past = append(g.past, anchors...)
	if signed != nil {
		g.past = append(g.past, *signed)
	}
	return g, nil
}

// past returns what this log is bound to: the checkpoint it last wrote down
// before signing, the note that is published (not verified yet), and the anchors.
func (l *Log) past() (signed *notesign.Checkpoint, published []byte, anchors []notesign.Checkpoint, err error) {
	text, err := optional(filepath.Join(l.c.Dir, signedFile))
	if err != nil {
		return nil, nil, nil, err
	}
	if text != nil {
		c, err := notesign.ParseCheckpoint(string(text))
		if err == nil && c.Origin != l.c.Origin {
			err = errors.New("it is another log's")
		}
		if err != nil {
			return nil, nil, nil, crank.Wrap(crank.CodeReceiptTampered, err, "what the log last signed cannot be read")
		}
		signed = &c
	}
	if published, err = optional(filepath.Join(l.c.Dir, checkpointFile)); err != nil {
		return nil, nil, nil, err
	}
	for _, raw := range l.c.Anchors {
		c, err := l.verified(raw)
		if err != nil {
			return nil, nil, nil, err
		}
		anchors = append(anchors, c)
	}
	return signed, published, anchors, nil
}

// NextPosition is the first position in the journal for which the log has signed
// nothing yet: where new keys may take over. The log must not run.
func (l *Log) NextPosition() (uint64, error) {
	g, err := l.openGuard()
	if err != nil {
		return 0, err
	}
	size := uint64(0)
	for _, p := range g.past {
		size = max(size, p.Size)
	}
	return l.position(size + 1), nil
}

// optional reads a file that need not be there.
func optional(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, crank.Wrap(crank.CodeStore, err, "the log's folder cannot be read")
	}
	return data, nil
}

// arm lets the guard sign the tree as it stands.
func (g *guard) arm(t *tree) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.roots = map[uint64][32]byte{t.size(): t.root()}
}

// expect lets the guard sign a tree of this size and root.
func (g *guard) expect(size uint64, root [32]byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.roots[size] = root
}

func (g *guard) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}

// refusal returns why the log must stop, or nil.
func (g *guard) refusal() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.refused == nil {
		return nil
	}
	return g.refused
}

var (
	errClosed = errors.New("the log has stopped")
	errEarly  = errors.New("the log has not been checked yet")
	errUnfed  = errors.New("the tree is between two batches")
)

// allow decides on one text, and writes it down before anybody signs it.
func (g *guard) allow(text string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return errClosed
	}
	if g.refused != nil {
		return g.refused
	}
	if text == g.last {
		return nil // the second signer
	}
	refuse := func(e *crank.Error) error {
		g.refused = e
		return e
	}
	c, err := notesign.ParseCheckpoint(text)
	if err != nil || c.Origin != g.log.c.Origin {
		return refuse(crank.E(crank.CodeInternal, "the log was asked to sign what is no checkpoint of it"))
	}
	for _, p := range g.past {
		if c.Size < p.Size {
			return refuse(crank.E(crank.CodeRollback, "the log holds %d leaves, but %d were under a checkpoint", c.Size, p.Size).Mending(mendRollback))
		}
		if c.Size == p.Size && c.Root != p.Root {
			return refuse(crank.E(crank.CodeReceiptTampered, "the log has another root at size %d than it signed before", c.Size))
		}
	}
	switch root, known := g.roots[c.Size]; {
	case g.roots == nil && c.Size > 0:
		return errEarly
	case g.roots != nil && !known:
		return errUnfed
	case known && root != c.Root:
		return refuse(crank.E(crank.CodeReceiptTampered, "the log's tiles do not have the journal's root at size %d", c.Size).Mending(mendRebuild))
	}
	position := g.log.position(c.Size)
	for _, s := range g.log.signers {
		if !slices.ContainsFunc(g.log.keys.At(c.Origin, position), func(v *notesign.Verifier) bool { return v.String() == s.String() }) {
			return refuse(crank.E(crank.CodeConfig, "the log's %s key does not speak for position %d of the journal", s.Verifier().Algorithm(), position))
		}
	}
	if err := atomicfile.Write(filepath.Join(g.log.c.Dir, signedFile), []byte(text), 0o644); err != nil {
		return err
	}
	g.last, g.past = text, []notesign.Checkpoint{c}
	for size := range g.roots {
		if size < c.Size {
			delete(g.roots, size)
		}
	}
	return nil
}

const (
	mendRollback = "Restore the newest copy of the data directory, rebuild the log from the journal, or start a new log epoch."
	mendRebuild  = "Keep a copy of the log's folder, then rebuild the log from the journal."
)

// guarded is a signer that asks the guard first.
type guarded struct {
	*notesign.Signer
	guard *guard
}

// Sign signs what the guard allows.
func (s guarded) Sign(msg []byte) ([]byte, error) {
	if err := s.guard.allow(string(msg)); err != nil {
		return nil, err
	}
	return s.Signer.Sign(msg)
}
