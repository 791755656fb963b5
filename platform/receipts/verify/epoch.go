package verify

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/notesign"
)

// epoch compares one log with the leaves that the journal gives it.
type epoch struct {
	number    uint64
	first     uint64 // seq of its first record
	dir       string
	origin    string
	before    *notesign.Checkpoint // the last of the epoch before
	published *notesign.Checkpoint // nil where there is none that verifies
	tree      *compact.Range
	claims    map[uint64][]claim // by size
	claimed   uint64             // the largest size
	tiles     tiles
}

// claim is that the tree has a root at a size, and who says so.
type claim struct {
	root [32]byte
	who  string
}

var ranges = compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}

func newEpoch(number, first uint64, dir, origin string) *epoch {
	return &epoch{number: number, first: first, dir: dir, origin: origin, tree: ranges.NewEmptyRange(0), claims: map[uint64][]claim{}, tiles: tiles{dir: dir}}
}

// open reads what the log says of itself and what others kept of it.
func (e *epoch) open(v *verifier) error {
	msg, err := optional(filepath.Join(e.dir, "checkpoint"))
	if err != nil {
		return err
	}
	if msg == nil {
		v.tampered(0, "the log has no checkpoint")
	} else if cp, ok := e.signed(v, msg, "the checkpoint"); ok {
		e.published, e.tiles.covered = &cp, cp.Size
	}
	text, err := optional(filepath.Join(e.dir, ".signed"))
	if err != nil {
		return err
	}
	if text != nil {
		cp, err := notesign.ParseCheckpoint(string(text))
		if err != nil || cp.Origin != e.origin {
			v.tampered(0, "what the log last signed cannot be read")
		} else {
			e.claim(cp, "what the log last signed")
		}
	}
	for _, a := range v.anchors[e.origin] {
		if _, ok := e.signed(v, a.msg, "an anchor"); ok {
			v.report.count("anchors", 1)
		}
	}
	delete(v.anchors, e.origin)
	return e.compare(v)
}

// signed verifies a checkpoint of this log and holds the tree to it.
func (e *epoch) signed(v *verifier, msg []byte, who string) (notesign.Checkpoint, bool) {
	cp, by, err := notesign.OpenCheckpoint(msg, v.in.Keys, func(size uint64) uint64 { return e.first - 1 + size })
	if err != nil {
		v.tampered(0, "%s does not verify: %s", who, why(err))
		return cp, false
	}
	if cp.Origin != e.origin {
		v.tampered(0, "%s is of the log %q and not of %q", who, cp.Origin, e.origin)
		return cp, false
	}
	v.report.signedBy(by)
	v.report.count("signatures", uint64(len(by)))
	e.claim(cp, who)
	return cp, true
}

func (e *epoch) claim(cp notesign.Checkpoint, who string) {
	e.claims[cp.Size] = append(e.claims[cp.Size], claim{cp.Root, who})
	e.claimed = max(e.claimed, cp.Size)
}

// leaf appends the next record's leaf.
func (e *epoch) leaf(v *verifier, entry crank.Digest) error {
	var fault error
	if err := e.tiles.entry(v, entry[:]); err != nil {
		return err
	}
	err := e.tree.Append(rfc6962.DefaultHasher.HashLeaf(entry[:]), func(id compact.NodeID, hash []byte) {
		if id.Level%8 == 0 && fault == nil {
			fault = e.tiles.node(v, int(id.Level/8), hash)
		}
	})
	if err = errors.Join(err, fault); err != nil {
		return crank.Wrap(crank.CodeStore, err, "the log's tiles cannot be read")
	}
	return e.compare(v)
}

// compare holds the tree as it stands to what was claimed of its size.
func (e *epoch) compare(v *verifier) error {
	size := e.tree.End()
	if len(e.claims[size]) == 0 {
		return nil
	}
	root, err := e.tree.GetRootHash(nil)
	if err != nil {
		return crank.Wrap(crank.CodeInternal, err, "the root at size %d cannot be computed", size)
	}
	if size == 0 {
		root = rfc6962.DefaultHasher.EmptyRoot()
	}
	for _, c := range e.claims[size] {
		if c.root != [32]byte(root) {
			v.tampered(0, "at size %d the records have another root than %s", size, c.who)
		}
		v.report.count("roots", 1)
	}
	delete(e.claims, size)
	return nil
}

// close compares what is left when the epoch's records are over.
func (e *epoch) close(v *verifier) error {
	if e.claimed > e.tree.End() {
		for size, cs := range e.claims {
			for _, c := range cs {
				v.rolledBack("the journal has %d records of the epoch, but %s covers %d", e.tree.End(), c.who, size)
			}
		}
	}
	return e.tiles.finish(v)
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
