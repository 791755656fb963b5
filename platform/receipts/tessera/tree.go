package tessera

import (
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/crank-platform/crank"
)

var ranges = compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}

// tree computes the root that the log must have from the leaves alone. It keeps
// one hash a bit of the size.
type tree struct{ r *compact.Range }

// treeAt continues a tree of which the nodes of its perfect subtrees are given.
func treeAt(size uint64, nodes [][]byte) (*tree, error) {
	r, err := ranges.NewRange(0, size, nodes)
	return &tree{r}, err
}

func (t *tree) size() uint64 { return t.r.End() }

// add appends a leaf's entry.
func (t *tree) add(entry crank.Digest) {
	// Append fails only where a hash was given twice for a place: here there is none.
	if err := t.r.Append(leafHash(entry[:]), nil); err != nil {
		panic("tessera: " + err.Error())
	}
}

func (t *tree) root() (root [32]byte) {
	h, err := t.r.GetRootHash(nil)
	if err != nil {
		panic("tessera: " + err.Error()) // the range begins at 0
	}
	if t.size() == 0 {
		h = rfc6962.DefaultHasher.EmptyRoot()
	}
	return [32]byte(h)
}

func leafHash(entry []byte) []byte { return rfc6962.DefaultHasher.HashLeaf(entry) }
