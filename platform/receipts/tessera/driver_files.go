package tessera

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api/layout"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/atomicfile"
)

// What a driver keeps for itself: which tree its files hold, in which version of
// that, and up to which leaf superseded files are removed.
const (
	stateFile   = ".state/treeState"
	versionFile = ".state/version"
	clearedFile = ".state/gcState"
	version     = "1"
)

type treeState struct {
	Size uint64 `json:"size"`
	Root []byte `json:"root"`
}

type clearedState struct {
	FromSize uint64 `json:"fromSize"`
}

// open makes the folder what it must be before anything is added.
func (p *portable) open(ctx context.Context) error {
	if v, err := p.get(versionFile); err == nil && string(v) != version {
		return crank.E(crank.CodeStore, "the log's files are of version %q and not %s", v, version)
	}
	if _, err := p.load(); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := p.put(versionFile, []byte(version)); err != nil {
		return err
	}
	if err := p.putJSON(stateFile, treeState{Root: rfc6962.DefaultHasher.EmptyRoot()}); err != nil {
		return err
	}
	_, err := p.publish(ctx)
	return err
}

// load reads which tree the files hold.
func (p *portable) load() (s treeState, err error) {
	if err = p.getJSON(stateFile, &s); err == nil {
		p.size.Store(s.Size)
	}
	return s, err
}

// write puts a batch at the log's end and returns its first index.
func (p *portable) write(ctx context.Context, batch []*adding) (uint64, error) {
	state, err := p.load()
	if err != nil {
		return 0, err
	}
	old, size := p.log.tilesOf(state.Size), state.Size+uint64(len(batch))
	tree, err := p.log.treeAt(ctx, state.Size, state.Size)
	if err != nil {
		return 0, err
	}
	if root := tree.root(); !bytes.Equal(root[:], state.Root) {
		return 0, crank.E(crank.CodeReceiptTampered, "the log's tiles have another root at size %d than was built", state.Size).Mending(mendRebuild)
	}
	var bundle []byte
	if n := uint8(state.Size % layout.EntryBundleWidth); n > 0 {
		if bundle, err = p.get(layout.EntriesPath(state.Size/layout.EntryBundleWidth, n)); err != nil {
			return 0, err
		}
	}
	var rows [8][]byte // of tiles: the new hashes of each level
	visit := func(id compact.NodeID, hash []byte) {
		if id.Level%layout.TileHeight == 0 {
			rows[id.Level/layout.TileHeight] = append(rows[id.Level/layout.TileHeight], hash...)
		}
	}
	for i, a := range batch {
		at := state.Size + uint64(i)
		bundle = append(bundle, a.entry.MarshalBundleData(at)...)
		if err := tree.r.Append(a.entry.LeafHash(), visit); err != nil {
			return 0, err
		}
		if n := at + 1; n%layout.EntryBundleWidth == 0 || n == size {
			if err := p.put(layout.EntriesPath(at/layout.EntryBundleWidth, uint8(n%layout.EntryBundleWidth)), bundle); err != nil {
				return 0, err
			}
			bundle = bundle[:0]
		}
	}
	for level := range uint64(len(rows)) {
		had, has := state.Size>>(level*layout.TileHeight), size>>(level*layout.TileHeight)
		if had == has {
			break // and so is every level above
		}
		var row []byte
		if n := uint8(had % layout.TileWidth); n > 0 {
			if row, err = old.read(ctx, level, had/layout.TileWidth, n); err != nil {
				return 0, old.damaged(err)
			}
		}
		row = append(row, rows[level]...)
		for index := had / layout.TileWidth; index*layout.TileWidth < has; index++ {
			n := min(has-index*layout.TileWidth, layout.TileWidth)
			if err := p.put(layout.TilePath(level, index, uint8(n%layout.TileWidth)), row[:n*32]); err != nil {
				return 0, err
			}
			row = row[n*32:]
		}
	}
	root := tree.root()
	if err := p.putJSON(stateFile, treeState{Size: size, Root: root[:]}); err != nil {
		return 0, err
	}
	p.size.Store(size)
	return state.Size, nil
}

// publish replaces the checkpoint, unless it is of the tree as it stands.
// Windows refuses that while somebody reads the file: a later try succeeds.
func (p *portable) publish(ctx context.Context) (published bool, err error) {
	state, err := p.load()
	if err != nil {
		return false, err
	}
	switch _, c, err := p.log.checkpoint(); {
	case err == nil && c.Size == state.Size:
		return false, nil
	case err != nil && crank.AsError(err).Code != crank.CodeReceiptUnknown:
		return false, err
	}
	raw, err := p.sign(ctx, state.Size, state.Root)
	if err == nil {
		err = p.put(checkpointFile, raw)
	}
	return err == nil, err
}

// collect removes partial files whose full ones are under the published
// checkpoint, of a hundred bundles at a time.
func (p *portable) collect() error {
	_, c, err := p.log.checkpoint()
	if err != nil {
		return err
	}
	var cleared clearedState
	if err := p.getJSON(clearedFile, &cleared); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	from := cleared.FromSize / layout.EntryBundleWidth
	to := min(c.Size/layout.EntryBundleWidth, from+100)
	if from >= to {
		return nil
	}
	for n := from; n < to; n++ {
		full := []string{layout.EntriesPath(n, 0), layout.TilePath(0, n, 0)}
		for level, index := uint64(1), n; index%layout.TileWidth == layout.TileWidth-1; level++ {
			index /= layout.TileWidth
			full = append(full, layout.TilePath(level, index, 0))
		}
		for _, path := range full {
			if err := os.RemoveAll(p.path(path) + ".p"); err != nil {
				return err
			}
		}
	}
	return p.putJSON(clearedFile, clearedState{to * layout.EntryBundleWidth})
}

func (p *portable) path(name string) string {
	return filepath.Join(p.log.dir, filepath.FromSlash(name))
}

func (p *portable) get(name string) ([]byte, error) { return os.ReadFile(p.path(name)) }

func (p *portable) getJSON(name string, v any) error {
	raw, err := p.get(name)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, v)
}

func (p *portable) putJSON(name string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return p.put(name, raw)
}

// put writes a file, and the folders above it, so that they survive a power cut.
func (p *portable) put(name string, data []byte) error {
	path := p.path(name)
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return err
	}
	return atomicfile.Write(path, data, 0o644)
}

func makeFolder(dir string) error {
	parent := filepath.Dir(dir)
	if _, err := os.Stat(dir); err == nil || dir == parent {
		return err
	}
	if err := makeFolder(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	return atomicfile.SyncDir(parent)
}
