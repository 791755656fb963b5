package verify

import (
	"encoding/base64"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/notesign"
	"github.com/crank-platform/crank/platform/receipts"
)

// BundleVersion is the version of Bundle. A higher one is refused.
const BundleVersion = 1

// MaxBundle is the largest exported receipt, in bytes.
const MaxBundle = 4 << 20

// Bundle is an exported receipt: all that is needed to check it offline, but for
// the keys that one trusts.
type Bundle struct {
	Version    int      `json:"version"`
	Origin     string   `json:"origin"` // of the epoch's log
	Epoch      uint64   `json:"epoch"`
	Record     Bytes    `json:"record"` // as the journal keeps it, deterministic CBOR
	Salt       Bytes    `json:"salt"`   // 32 bytes
	LeafIndex  uint64   `json:"leaf_index"`
	Proof      []Bytes  `json:"proof"`      // RFC 6962 hashes, from the leaf up
	Checkpoint string   `json:"checkpoint"` // the signed note
	Keys       []string `json:"keys"`       // verifier keys that signed it, as the sender says
}

// Bytes are standard base64 in JSON, written in the one way.
type Bytes []byte

// MarshalText writes base64.
func (b Bytes) MarshalText() ([]byte, error) {
	return base64.StdEncoding.AppendEncode(nil, b), nil
}

// UnmarshalText reads what MarshalText writes.
func (b *Bytes) UnmarshalText(text []byte) (err error) {
	*b, err = base64.StdEncoding.Strict().AppendDecode([]byte{}, text)
	if err == nil && base64.StdEncoding.EncodedLen(len(*b)) != len(text) {
		return base64.CorruptInputError(len(text))
	}
	return err
}

// NewBundle puts together what package tessera proved of a record.
func NewBundle(s receipts.Stored, origin string, index uint64, hashes [][]byte, checkpoint []byte, keys notesign.Keys) Bundle {
	b := Bundle{Version: BundleVersion, Origin: origin, Epoch: s.Epoch, Record: s.Bytes, Salt: s.Salt[:], LeafIndex: index, Proof: []Bytes{}, Checkpoint: string(checkpoint), Keys: []string{}}
	for _, h := range hashes {
		b.Proof = append(b.Proof, h)
	}
	text, err := notesign.Text(checkpoint)
	if err != nil {
		return b // it will not verify
	}
	cp, err := notesign.ParseCheckpoint(text)
	if err != nil {
		return b
	}
	for _, v := range keys.At(origin, s.Seq-index-1+cp.Size) {
		b.Keys = append(b.Keys, v.String())
	}
	return b
}

// Encode writes the bundle as indented JSON.
func (b Bundle) Encode() ([]byte, error) {
	data, err := json.Marshal(b, jsontext.WithIndent("  "))
	if err != nil {
		return nil, crank.Wrap(crank.CodeInternal, err, "the receipt cannot be written as JSON")
	}
	return append(data, '\n'), nil
}

// DecodeBundle reads an exported receipt. Unknown and duplicate members, loose
// base64 and other versions are CodeReceiptTampered; space between members is free.
func DecodeBundle(data []byte) (Bundle, error) {
	var b Bundle
	if len(data) > MaxBundle {
		return b, crank.E(crank.CodeReceiptTampered, "an exported receipt has at most %d bytes", MaxBundle)
	}
	if err := json.Unmarshal(data, &b, json.RejectUnknownMembers(true)); err != nil {
		return Bundle{}, crank.Wrap(crank.CodeReceiptTampered, err, "this is no exported receipt")
	}
	if b.Version != BundleVersion {
		return Bundle{}, crank.E(crank.CodeReceiptTampered, "the exported receipt is of version %d; this program reads %d", b.Version, BundleVersion)
	}
	return b, nil
}

// Receipt checks an exported receipt: that its bytes are a record, that its
// numbers add up, that its leaf is in the tree of the checkpoint, and that keys
// of every algorithm, which may speak for that log at that time, signed the
// checkpoint. With no trusted keys it takes the bundle's own word and says so in
// the report. A fault is an error; the report says what was checked until then.
func Receipt(b Bundle, trusted notesign.Keys) (Report, error) {
	var r Report
	if err := receipt(&r, b, trusted); err != nil {
		return r, err
	}
	return r, r.Err()
}

func receipt(r *Report, b Bundle, trusted notesign.Keys) error {
	tampered := func(format string, args ...any) error { return crank.E(crank.CodeReceiptTampered, format, args...) }
	rec, err := receipts.Decode(b.Record)
	if err != nil {
		return err
	}
	r.Record = &rec
	r.count("record decoded", 1)
	if rec.Epoch != b.Epoch || rec.Seq == 0 || b.LeafIndex > rec.Seq-1 {
		return tampered("the record is number %d of epoch %d and cannot be leaf %d of epoch %d", rec.Seq, rec.Epoch, b.LeafIndex, b.Epoch)
	}
	if len(b.Salt) != 32 {
		return tampered("the salt has %d bytes", len(b.Salt))
	}
	for _, reason := range arithmetic(rec) {
		r.fault(Fault{rec.Epoch, rec.Seq, crank.CodeReceiptTampered, reason})
	}
	r.count("arithmetic", 1)

	keys := trusted
	var given notesign.Keys
	for _, text := range b.Keys {
		v, err := notesign.ParseVerifier(text)
		if err != nil {
			return tampered("a key in it cannot be read: %v", err)
		}
		given = append(given, notesign.Key{Verifier: v})
	}
	if len(keys) == 0 {
		r.SelfAsserted, keys = true, given
	}
	first := rec.Seq - b.LeafIndex
	cp, by, err := notesign.OpenCheckpoint([]byte(b.Checkpoint), keys, func(size uint64) uint64 { return first - 1 + size })
	if err != nil {
		return crank.Wrap(crank.CodeReceiptTampered, err, "the checkpoint does not verify")
	}
	if cp.Origin != b.Origin {
		return tampered("the checkpoint is of the log %q and not of %q", cp.Origin, b.Origin)
	}
	r.signedBy(by)
	r.count("signatures", uint64(len(by)))
	s := receipts.Stored{Epoch: b.Epoch, Seq: rec.Seq, Salt: [32]byte(b.Salt), Bytes: b.Record}
	leaf := s.Leaf()
	hashes := make([][]byte, len(b.Proof))
	for i, h := range b.Proof {
		if len(h) != 32 {
			return tampered("hash %d of the proof has %d bytes", i+1, len(h))
		}
		hashes[i] = h
	}
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, b.LeafIndex, cp.Size, rfc6962.DefaultHasher.HashLeaf(leaf[:]), hashes, cp.Root[:]); err != nil {
		return tampered("the record is not in the checkpoint's tree: %v", err)
	}
	r.count("inclusion", 1)
	return nil
}
