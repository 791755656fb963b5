package blobs

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"io"
	"strings"
	"time"

	"github.com/crank-platform/crank"
)

// Op is what a ticket is good for.
type Op string

// The ops.
const (
	OpGet Op = "get"
	OpPut Op = "put"
)

// Ticket lets its bearer read one blob or write one, without being the tenant:
// a worker on another machine. It is good until it expires, any number of times.
type Ticket struct {
	Tenant string
	Op     Op
	// Digest of the blob. Zero in a ticket to put means whichever comes.
	Digest crank.Digest
	// MaxBytes of a blob to put; 0 means the store's own limit.
	MaxBytes int64
	Expires  time.Time // in whole microseconds
}

// A ticket's text is "tick_" and base64url of: version 1, op (1 get, 2 put),
// expiry (8 bytes, microseconds), most bytes (8), digest (32), tenant, and
// HMAC-SHA256 (32) over "crank/ticket/v1", 0 and all of that.
const (
	ticketPrefix = "tick_"
	ticketHead   = 1 + 1 + 8 + 8 + 32
	maxTenant    = 255
	maxTicket    = 600 // bytes of text
)

var ticketText = base64.RawURLEncoding.Strict()

// Issue implements Service.
func (b *Blobs) Issue(t Ticket) (string, error) {
	var op byte
	switch {
	case t.Tenant == "" || len(t.Tenant) > maxTenant:
		return "", crank.E(crank.CodeInvalidInput, "a ticket's tenant has 1 to %d bytes", maxTenant)
	case t.MaxBytes < 0 || t.Expires.UnixMicro() <= 0:
		return "", crank.E(crank.CodeInvalidInput, "a ticket needs a time to expire and no negative size")
	case t.Op == OpGet && !t.Digest.IsZero():
		op = 1
	case t.Op == OpPut:
		op = 2
	default:
		return "", crank.E(crank.CodeInvalidInput, "a ticket is to get a blob or to put one")
	}
	p := make([]byte, 0, ticketHead+len(t.Tenant)+sha256.Size)
	p = append(p, 1, op)
	p = binary.BigEndian.AppendUint64(p, uint64(t.Expires.UnixMicro()))
	p = binary.BigEndian.AppendUint64(p, uint64(t.MaxBytes))
	p = append(p, t.Digest[:]...)
	p = append(p, t.Tenant...)
	p = append(p, b.sign(p)...)
	return ticketPrefix + ticketText.EncodeToString(p), nil
}

// Redeem implements Service. Its sentence is the same whatever is wrong with a
// ticket that was not issued here.
func (b *Blobs) Redeem(text string, op Op) (Ticket, error) {
	forged := crank.E(crank.CodeTicket, "the ticket was not issued here, or was changed")
	body, ok := strings.CutPrefix(text, ticketPrefix)
	if !ok || len(text) > maxTicket || strings.ContainsAny(body, "\r\n") { // base64 would skip line ends
		return Ticket{}, forged
	}
	p, err := ticketText.DecodeString(body)
	if err != nil || len(p) <= ticketHead+sha256.Size {
		return Ticket{}, forged
	}
	p, mac := p[:len(p)-sha256.Size], p[len(p)-sha256.Size:]
	if !hmac.Equal(mac, b.sign(p)) || p[0] != 1 {
		return Ticket{}, forged
	}
	t := Ticket{
		Tenant: string(p[ticketHead:]), Op: OpGet, Digest: crank.Digest(p[18:ticketHead]),
		MaxBytes: int64(binary.BigEndian.Uint64(p[10:])), Expires: time.UnixMicro(int64(binary.BigEndian.Uint64(p[2:]))),
	}
	if p[1] == 2 {
		t.Op = OpPut
	}
	switch {
	case !b.Now().Before(t.Expires):
		return Ticket{}, crank.E(crank.CodeTicket, "the ticket expired at %s", t.Expires.UTC().Format(time.RFC3339))
	case t.Op != op:
		return Ticket{}, crank.E(crank.CodeTicket, "the ticket is to %s a blob, not to %s one", t.Op, op)
	}
	return t, nil
}

func (b *Blobs) sign(payload []byte) []byte {
	m := hmac.New(sha256.New, b.Key)
	m.Write([]byte("crank/ticket/v1\x00"))
	m.Write(payload)
	return m.Sum(nil)
}

// PutBy implements Service.
func (b *Blobs) PutBy(ctx context.Context, ticket string, r io.Reader) (crank.BlobRef, error) {
	t, err := b.Redeem(ticket, OpPut)
	if err != nil {
		return crank.BlobRef{}, err
	}
	most := b.MaxBytes
	if t.MaxBytes > 0 {
		most = min(most, t.MaxBytes)
	}
	return b.put(ctx, t.Tenant, r, t.Digest, most)
}

// OpenBy implements Service.
func (b *Blobs) OpenBy(ctx context.Context, ticket string) (io.ReadCloser, crank.BlobRef, error) {
	t, err := b.Redeem(ticket, OpGet)
	if err != nil {
		return nil, crank.BlobRef{}, err
	}
	return b.Open(ctx, t.Tenant, t.Digest)
}
