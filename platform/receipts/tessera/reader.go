package tessera

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/client"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/notesign"
)

const checkpointFile = layout.CheckpointPath

// Reader answers from the files of one epoch's log. It never answers what does
// not verify: damaged files are CodeReceiptTampered. Safe for concurrent use.
type Reader struct {
	dir    string
	origin string
	first  uint64
	keys   notesign.Keys

	mu    sync.Mutex
	known []byte // the checkpoint that was verified last, so that it is verified once
	value notesign.Checkpoint
}

// Proof shows that a record is in the log: RFC 6962 hashes from its leaf to the
// root of the checkpoint.
type Proof struct {
	Index      uint64   // of the leaf, from 0
	Size       uint64   // of the checkpoint's tree
	Hashes     [][]byte // 32 bytes each, from the leaf up
	Checkpoint []byte   // the signed note
}

// OpenReader reads the log in a folder whose first leaf is the record first. Keys
// are by position, see Config. It touches no file yet.
func OpenReader(dir, origin string, first uint64, keys notesign.Keys) (*Reader, error) {
	if origin == "" || dir == "" || first == 0 {
		return nil, crank.E(crank.CodeConfig, "a log needs a folder, an origin and a first seq of 1 or more")
	}
	return &Reader{dir: dir, origin: origin, first: first, keys: keys}, nil
}

func (r *Reader) position(size uint64) uint64 { return r.first - 1 + size }

// verified reads a checkpoint of this log that is signed by its keys.
func (r *Reader) verified(raw []byte) (notesign.Checkpoint, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if bytes.Equal(raw, r.known) {
		return r.value, nil
	}
	c, _, err := notesign.OpenCheckpoint(raw, r.keys, r.position)
	if err != nil {
		return c, crank.Wrap(crank.CodeReceiptTampered, err, "a checkpoint of the log does not verify")
	}
	if c.Origin != r.origin {
		return c, crank.E(crank.CodeReceiptTampered, "a checkpoint is of the log %q and not of %q", c.Origin, r.origin)
	}
	r.known, r.value = raw, c
	return c, nil
}

func (r *Reader) checkpoint() ([]byte, notesign.Checkpoint, error) {
	raw, err := os.ReadFile(filepath.Join(r.dir, checkpointFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notesign.Checkpoint{}, crank.E(crank.CodeReceiptUnknown, "the log has no checkpoint yet")
	}
	if err != nil {
		return nil, notesign.Checkpoint{}, crank.Wrap(crank.CodeStore, err, "the log's checkpoint cannot be read")
	}
	c, err := r.verified(raw)
	return raw, c, err
}

// Checkpoint returns the newest published checkpoint, a signed note, and its
// size; CodeReceiptUnknown before there is one.
func (r *Reader) Checkpoint(context.Context) (checkpoint []byte, size uint64, err error) {
	raw, c, err := r.checkpoint()
	return raw, c.Size, err
}

// Inclusion proves that the record seq is under the newest checkpoint;
// CodeReceiptUnknown when it is not yet, or is of another epoch.
func (r *Reader) Inclusion(ctx context.Context, seq uint64) (Proof, error) {
	raw, c, err := r.checkpoint()
	if err != nil {
		return Proof{}, err
	}
	if seq < r.first {
		return Proof{}, crank.E(crank.CodeReceiptUnknown, "record %d is of an epoch before that of the log %s", seq, r.origin)
	}
	p := Proof{Index: seq - r.first, Size: c.Size, Checkpoint: raw}
	if p.Index >= c.Size {
		return Proof{}, crank.E(crank.CodeReceiptUnknown, "record %d is not under a checkpoint yet", seq).
			Mending("Ask again in %s, or take a promise.", MaxMergeDelay).After(MaxMergeDelay)
	}
	tiles := r.tilesOf(c.Size)
	builder, err := client.NewProofBuilder(ctx, c.Size, tiles.read)
	if err != nil {
		return Proof{}, tiles.damaged(err)
	}
	if p.Hashes, err = builder.InclusionProof(ctx, p.Index); err != nil {
		return Proof{}, tiles.damaged(err)
	}
	leaf, err := r.leaf(ctx, p.Index, c.Size)
	if err != nil {
		return Proof{}, err
	}
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, p.Index, p.Size, leaf, p.Hashes, c.Root[:]); err != nil {
		return Proof{}, tiles.damaged(err)
	}
	return p, nil
}

// Consistency proves that the tree of size to continues the tree of size from:
// RFC 6962 hashes. Both are at most the newest checkpoint's size.
func (r *Reader) Consistency(ctx context.Context, from, to uint64) ([][]byte, error) {
	_, c, err := r.checkpoint()
	if err != nil {
		return nil, err
	}
	if from > to || to > c.Size {
		return nil, crank.E(crank.CodeReceiptUnknown, "there is no proof from size %d to %d: the log's checkpoint has %d", from, to, c.Size)
	}
	if from == 0 || from == to {
		return nil, nil
	}
	tiles := r.tilesOf(c.Size)
	builder, err := client.NewProofBuilder(ctx, c.Size, tiles.read)
	if err != nil {
		return nil, tiles.damaged(err)
	}
	hashes, err := builder.ConsistencyProof(ctx, from, to)
	if err != nil {
		return nil, tiles.damaged(err)
	}
	before, err := r.treeAt(ctx, from, c.Size)
	if err != nil {
		return nil, err
	}
	after, err := r.treeAt(ctx, to, c.Size)
	if err != nil {
		return nil, err
	}
	a, b := before.root(), after.root()
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, from, to, hashes, a[:], b[:]); err != nil {
		return nil, tiles.damaged(err)
	}
	return hashes, nil
}

// tileReader reads tiles of a log that holds size leaves. It keeps apart a disk
// that fails from files that are not what they must be.
type tileReader struct {
	r      *Reader
	size   uint64
	failed error
}

func (r *Reader) tilesOf(size uint64) *tileReader { return &tileReader{r: r, size: size} }

// read is a client.TileFetcherFunc. What is asked for at a smaller size comes
// from the tile as it stands now: partial tiles of smaller sizes may be gone.
func (t *tileReader) read(_ context.Context, level, index uint64, want uint8) ([]byte, error) {
	data, err := t.wide(func(p uint8) string { return layout.TilePath(level, index, p) }, layout.PartialTileSize(level, index, t.size))
	if err != nil {
		return nil, err
	}
	if n := int(want) * 32; want != 0 && len(data) > n {
		data = data[:n]
	}
	return data, nil
}

// wide reads a partial file, or the full one that has taken its place.
func (t *tileReader) wide(path func(p uint8) string, p uint8) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(t.r.dir, filepath.FromSlash(path(p))))
	if p != 0 && errors.Is(err, fs.ErrNotExist) {
		data, err = os.ReadFile(filepath.Join(t.r.dir, filepath.FromSlash(path(0))))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.failed = err
	}
	return data, err
}

func (t *tileReader) damaged(err error) error {
	if t.failed != nil {
		return crank.Wrap(crank.CodeStore, t.failed, "the log's tiles cannot be read")
	}
	return crank.E(crank.CodeReceiptTampered, "the log's tiles are damaged: %v", err).Mending(mendRebuild)
}

// treeAt is the tree of the first at leaves, from the tiles of a log of size.
func (r *Reader) treeAt(ctx context.Context, at, size uint64) (*tree, error) {
	tiles := r.tilesOf(size)
	nodes, err := client.FetchRangeNodes(ctx, at, tiles.read)
	if err != nil {
		return nil, tiles.damaged(err)
	}
	t, err := treeAt(at, nodes)
	if err != nil {
		return nil, tiles.damaged(err)
	}
	return t, nil
}

// leaf is the hash of a leaf, from the tiles of a log of size.
func (r *Reader) leaf(ctx context.Context, index, size uint64) ([]byte, error) {
	tiles := r.tilesOf(size)
	hashes, err := client.FetchLeafHashes(ctx, tiles.read, index, 1, size)
	if err != nil {
		return nil, tiles.damaged(err)
	}
	return hashes[0], nil
}

// entry is what was logged at an index, from the entries of a log of size.
func (r *Reader) entry(index, size uint64) ([]byte, error) {
	tiles, bundle := r.tilesOf(size), index/layout.EntryBundleWidth
	data, err := tiles.wide(func(p uint8) string { return layout.EntriesPath(bundle, p) }, layout.PartialTileSize(0, bundle, size))
	if err != nil {
		return nil, tiles.damaged(err)
	}
	var entries api.EntryBundle
	if err := entries.UnmarshalText(data); err != nil {
		return nil, tiles.damaged(err)
	}
	if i := int(index % layout.EntryBundleWidth); i < len(entries.Entries) {
		return entries.Entries[i], nil
	}
	return nil, tiles.damaged(fs.ErrNotExist)
}
