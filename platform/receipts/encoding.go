package receipts

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/cbor"
)

// MaxRecord is the largest record, in bytes of its encoding.
const MaxRecord = 1 << 20

// envelope is the outer map of a record, see receipt.cddl.
type envelope struct {
	Version uint64           `cbor:"1,keyasint"`
	Epoch   uint64           `cbor:"2,keyasint"`
	Seq     uint64           `cbor:"3,keyasint"`
	Type    crank.RecordType `cbor:"4,keyasint"`
	Time    int64            `cbor:"5,keyasint"`
	Body    []byte           `cbor:"6,keyasint"`
}

// Encode returns the one encoding of a record: deterministic CBOR (RFC 8949
// section 4.2.1) as receipt.cddl describes it. It refuses, with CodeInternal,
// what Decode would not read back: a body that is not of the record's type, text
// that is not UTF-8, more than MaxRecord bytes.
func Encode(r crank.Record) ([]byte, error) {
	body, err := encodeBody(r)
	if err != nil {
		return nil, err
	}
	return appendEnvelope(make([]byte, 0, len(body)+64), r.Epoch, r.Seq, r.Type, r.Time, body), nil
}

// Decode reads what Encode wrote. Any other bytes are CodeReceiptTampered: no
// second encoding of a record passes.
func Decode(data []byte) (crank.Record, error) {
	tampered := func(cause error, what string) (crank.Record, error) {
		e := crank.E(crank.CodeReceiptTampered, "the bytes are not a record: %s", what)
		e.Cause = cause
		return crank.Record{}, e
	}
	if len(data) > MaxRecord {
		return tampered(nil, "they are too many")
	}
	var env envelope
	if err := cbor.Unmarshal(data, &env); err != nil {
		return tampered(err, "the envelope does not decode")
	}
	if env.Version != crank.FormatVersion {
		return tampered(nil, "they are of a version that this program does not know")
	}
	r := crank.Record{Epoch: env.Epoch, Seq: env.Seq, Type: env.Type, Time: env.Time}
	body := newBody(&r)
	if body == nil {
		return tampered(nil, "the type is unknown")
	}
	if err := cbor.Unmarshal(env.Body, body); err != nil {
		return tampered(err, "the body does not decode")
	}
	if r.Receipt != nil && r.Receipt.Version != crank.FormatVersion {
		return tampered(nil, "the receipt is of a version that this program does not know")
	}
	if o := r.Opened; o != nil && !o.Hold.Expires.IsZero() {
		o.Hold.Expires = o.Hold.Expires.UTC()
	}
	return r, nil
}

// newBody gives r an empty body of its type and returns it, nil for no type.
func newBody(r *crank.Record) any {
	switch r.Type {
	case crank.TypeOpened:
		r.Opened = new(crank.Opened)
		return r.Opened
	case crank.TypeClosed:
		r.Receipt = new(crank.Receipt)
		return r.Receipt
	case crank.TypeTransfer, crank.TypeAdjustment:
		r.Transfer = new(crank.Transfer)
		return r.Transfer
	case crank.TypeAdmin:
		r.Admin = new(crank.Admin)
		return r.Admin
	}
	return nil
}

// encodeBody encodes the body alone.
func encodeBody(r crank.Record) ([]byte, error) {
	bodies, body := 0, any(nil)
	if r.Opened != nil {
		bodies++
		if r.Type == crank.TypeOpened {
			body = r.Opened
		}
	}
	if r.Receipt != nil {
		bodies++
		if r.Type == crank.TypeClosed {
			body = r.Receipt
		}
	}
	if r.Transfer != nil {
		bodies++
		if r.Type == crank.TypeTransfer || r.Type == crank.TypeAdjustment {
			body = r.Transfer
		}
	}
	if r.Admin != nil {
		bodies++
		if r.Type == crank.TypeAdmin {
			body = r.Admin
		}
	}
	if bodies != 1 || body == nil {
		return nil, crank.E(crank.CodeInternal, "a record of type %q needs exactly the one body of that type", r.Type)
	}
	b, err := cbor.Marshal(body)
	if err == nil {
		err = readable(b)
	}
	if err != nil {
		return nil, crank.Wrap(crank.CodeInternal, err, "a record of type %q cannot be encoded", r.Type)
	}
	return b, nil
}

// appendEnvelope appends the envelope around an encoded body.
func appendEnvelope(dst []byte, epoch, seq uint64, kind crank.RecordType, time int64, body []byte) []byte {
	dst = append(dst, 0xa6, 1, crank.FormatVersion, 2)
	dst = appendHead(dst, majorUint, epoch)
	dst = appendHead(append(dst, 3), majorUint, seq)
	dst = appendHead(append(dst, 4), majorText, uint64(len(kind)))
	dst = append(append(dst, kind...), 5)
	if time < 0 {
		dst = appendHead(dst, majorNegative, uint64(^time))
	} else {
		dst = appendHead(dst, majorUint, uint64(time))
	}
	dst = appendHead(append(dst, 6), majorBytes, uint64(len(body)))
	return append(dst, body...)
}

// The tail of every receipt is its place in the tenant's chain: the keys 35 and
// 36 sort last. So a receipt can be encoded by the one who brings it, in
// parallel, and take its place in the chain when the writer knows it.
const blankTail = 2 + 1 + 2 + 2 + 32 // 35: 0, 36: 32 bytes

// placeReceipt appends to dst the body of a receipt that was encoded with
// TenantSeq 0 and no TenantPrev, as if it had been encoded with these.
func placeReceipt(dst, blank []byte, seq uint64, prev crank.Digest) []byte {
	dst = append(dst, blank[:len(blank)-blankTail]...)
	dst = appendHead(append(dst, 0x18, 35), majorUint, seq)
	dst = append(dst, 0x18, 36, majorBytes<<5|24, 32)
	return append(dst, prev[:]...)
}

// The major types of CBOR, RFC 8949 section 3.1.
const (
	majorUint = iota
	majorNegative
	majorBytes
	majorText
	majorArray
	majorMap
)

// appendHead appends the shortest head of a major type and argument.
func appendHead(dst []byte, major byte, n uint64) []byte {
	major <<= 5
	switch {
	case n < 24:
		return append(dst, major|byte(n))
	case n < 1<<8:
		return append(dst, major|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, major|25), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(dst, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, major|27), n)
}

var (
	errNotText = errors.New("text that is not UTF-8")
	errTooMany = errors.New("too many elements or bytes")
)

// readable walks the items of well-formed CBOR and refuses what package cbor
// would not decode again: the encoder does not look at these.
func readable(b []byte) error {
	if len(b) > MaxRecord-128 {
		return errTooMany
	}
	for len(b) > 0 {
		major, n, size := b[0]>>5, uint64(b[0]&31), 1
		if n >= 24 {
			size = 1 + 1<<(n-24)
			n = 0
			for _, c := range b[1:size] {
				n = n<<8 | uint64(c)
			}
		}
		b = b[size:]
		switch major {
		case majorBytes:
			b = b[n:]
		case majorText:
			if !utf8.Valid(b[:n]) {
				return errNotText
			}
			b = b[n:]
		case majorArray:
			if n > 1<<16 {
				return errTooMany
			}
		case majorMap:
			if n > 1<<12 {
				return errTooMany
			}
		}
	}
	return nil
}
