package receipts

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"hash"
	"io"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/cbor"
)

// ArchiveFormat names the archive: a CBOR sequence (RFC 8742) of byte strings,
// each holding one deterministic CBOR map of receipt.cddl: a header, the
// records, and a trailer with the SHA-256 of every byte before the trailer.
const ArchiveFormat = "crank/archive/v1"

type archiveHeader struct {
	Format string `cbor:"1,keyasint"`
	First  uint64 `cbor:"2,keyasint"` // seq of the first record
	Count  uint64 `cbor:"3,keyasint"`
}

type archiveRecord struct {
	Epoch uint64   `cbor:"1,keyasint"`
	Seq   uint64   `cbor:"2,keyasint"`
	Salt  [32]byte `cbor:"3,keyasint"`
	Bytes []byte   `cbor:"4,keyasint"`
}

type archiveTrailer struct {
	Digest [32]byte `cbor:"1,keyasint"`
}

// archive writes one archive.
type archive struct {
	w   *bufio.Writer
	sum hash.Hash
}

func newArchive(w io.Writer, first, last uint64) (*archive, error) {
	a := &archive{w: bufio.NewWriterSize(w, 1<<16), sum: sha256.New()}
	return a, a.put(archiveHeader{ArchiveFormat, first, last + 1 - first})
}

func (a *archive) write(s Stored) error {
	return a.put(archiveRecord{s.Epoch, s.Seq, s.Salt, s.Bytes})
}

func (a *archive) close() error {
	var t archiveTrailer
	a.sum.Sum(t.Digest[:0])
	return errors.Join(a.put(t), a.w.Flush())
}

func (a *archive) put(v any) error {
	b, err := cbor.Marshal(v)
	if err != nil {
		return err
	}
	framed := append(appendHead(nil, majorBytes, uint64(len(b))), b...)
	a.sum.Write(framed)
	_, err = a.w.Write(framed)
	return err
}

// ReadArchive calls f with each record of an archive, in order, and returns how
// many there were. An archive that is cut short or changed is
// CodeReceiptTampered, which may show only after f has seen its records.
func ReadArchive(r io.Reader, f func(Stored) error) (int, error) {
	a := archiveReader{bufio.NewReaderSize(r, 1<<16), sha256.New()}
	var header archiveHeader
	if err := a.next(&header); err != nil {
		return 0, err
	}
	if header.Format != ArchiveFormat {
		return 0, crank.E(crank.CodeReceiptTampered, "the file is no archive of this format")
	}
	n := 0
	for ; uint64(n) < header.Count; n++ {
		var e archiveRecord
		if err := a.next(&e); err != nil {
			return n, err
		}
		if e.Seq != header.First+uint64(n) {
			return n, crank.E(crank.CodeReceiptTampered, "the archive has record %d in the place of %d", e.Seq, header.First+uint64(n))
		}
		if err := f(Stored{Epoch: e.Epoch, Seq: e.Seq, Salt: e.Salt, Bytes: e.Bytes}); err != nil {
			return n, err
		}
	}
	want := a.sum.Sum(nil)
	var trailer archiveTrailer
	if err := a.next(&trailer); err != nil {
		return n, err
	}
	if [32]byte(want) != trailer.Digest {
		return n, crank.E(crank.CodeReceiptTampered, "the archive's digest does not fit its records")
	}
	if _, err := a.r.ReadByte(); err != io.EOF {
		return n, crank.E(crank.CodeReceiptTampered, "the archive goes on after its end")
	}
	return n, nil
}

type archiveReader struct {
	r   *bufio.Reader
	sum hash.Hash
}

// next reads one framed map.
func (a archiveReader) next(v any) error {
	frame := func() error {
		head := make([]byte, 1, 9)
		if _, err := io.ReadFull(a.r, head); err != nil {
			return err
		}
		if head[0]>>5 != majorBytes || head[0]&31 > 27 {
			return errors.New("not a byte string")
		}
		n := uint64(head[0] & 31)
		if n >= 24 {
			head = head[:1+1<<(n-24)]
			if _, err := io.ReadFull(a.r, head[1:]); err != nil {
				return err
			}
			n = 0
			for _, c := range head[1:] {
				n = n<<8 | uint64(c)
			}
		}
		if n > MaxRecord+128 {
			return errTooMany
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(a.r, body); err != nil {
			return err
		}
		a.sum.Write(head)
		a.sum.Write(body)
		return cbor.Unmarshal(body, v)
	}
	if err := frame(); err != nil {
		e := crank.E(crank.CodeReceiptTampered, "the archive is cut short or is none")
		e.Cause = err
		return e
	}
	return nil
}
