package receipts

import (
	"github.com/crank-platform/crank"
)

// The domains of the digests: a record is never taken for a leaf, or either for
// anything else that Crank hashes.
const (
	RecordDomain = "crank/record/v1"
	LeafDomain   = "crank/leaf/v1"
)

// Stored is a record as the journal keeps it: the bytes first written, never
// encoded again, and the salt that hides them in the Merkle log.
type Stored struct {
	Epoch, Seq uint64
	Salt       [32]byte // random; who does not know it cannot guess content from the leaf
	Bytes      []byte   // see Encode; nil once pruned
	// Pruned is the leaf of a record whose bytes and salt are gone; zero otherwise.
	Pruned crank.Digest
}

// Digest names the record: the next receipt of its tenant points at it. It is
// zero for a pruned record.
func (s Stored) Digest() crank.Digest {
	if s.Bytes == nil {
		return crank.Digest{}
	}
	return crank.DigestOf(RecordDomain, s.Bytes)
}

// Leaf is the record's entry in the Merkle log: a commitment, never content. It
// outlives pruning, so that the log can always be built again.
func (s Stored) Leaf() crank.Digest {
	if s.Bytes == nil {
		return s.Pruned
	}
	d := s.Digest()
	return crank.DigestOf(LeafDomain, s.Salt[:], d[:])
}

// Record decodes the bytes, strictly, and checks that they are of this place in
// the journal: CodeReceiptTampered when they are not, CodeReceiptUnknown when
// they were pruned.
func (s Stored) Record() (crank.Record, error) {
	if s.Bytes == nil {
		return crank.Record{}, crank.E(crank.CodeReceiptUnknown, "record %d was archived and pruned", s.Seq)
	}
	r, err := Decode(s.Bytes)
	if err != nil {
		return crank.Record{}, err
	}
	if r.Epoch != s.Epoch || r.Seq != s.Seq {
		return crank.Record{}, crank.E(crank.CodeReceiptTampered, "the bytes kept as record %d of epoch %d are of record %d of epoch %d", s.Seq, s.Epoch, r.Seq, r.Epoch)
	}
	return r, nil
}
