// Package blobs keeps bytes that are too large to travel inside a call.
//
// It owns that bytes are what their digest says, when they come and when they
// go; that a blob belongs to one tenant (the same bytes of two tenants are two
// blobs, and a digest is no permission); tickets for those who are elsewhere;
// and when a blob that nobody needs is removed. It does not own who needs one
// (packages jobs and dispatch say so), names or media types of files, or who may
// use a tenant's store (the doors identify, policy decides).
package blobs

import (
	"context"
	"crypto/rand"
	"io"
	"iter"
	"log/slog"
	"time"

	"github.com/crank-platform/crank"
)

// Service is what the doors, the mesh and package jobs use. Blobs is its body.
//
// A blob of another tenant is CodeBlobUnknown, exactly as one that never was.
type Service interface {
	crank.BlobStore
	// Stat returns digest and size of a blob, or CodeBlobUnknown.
	Stat(ctx context.Context, tenant string, d crank.Digest) (crank.BlobRef, error)
	// Renew makes blobs as young as if they had just been put, so that Collect
	// leaves them until whoever asks has pinned them. It returns CodeBlobUnknown,
	// naming the first that is missing.
	Renew(ctx context.Context, tenant string, ds ...crank.Digest) error
	// Issue signs a ticket. It returns CodeInvalidInput for one that says nothing
	// that could be redeemed.
	Issue(t Ticket) (string, error)
	// Redeem reads a ticket for op; CodeTicket when it was not issued here, was
	// changed, has expired or is for the other op.
	Redeem(text string, op Op) (Ticket, error)
	// PutBy is Put for the bearer of a ticket, within what it allows.
	PutBy(ctx context.Context, ticket string, r io.Reader) (crank.BlobRef, error)
	// OpenBy is Open for the bearer of a ticket.
	OpenBy(ctx context.Context, ticket string) (io.ReadCloser, crank.BlobRef, error)
}

// Store keeps bytes under the digest that it is told; it computes none. Bodies
// pass the suite in blobstest. Errors are of code CodeBlobUnknown or, when the
// medium fails, CodeStore.
type Store interface {
	// Draft begins a blob. Nothing of it can be seen before it is kept.
	Draft(ctx context.Context, tenant string) (Draft, error)
	// Open streams a blob of that size.
	Open(ctx context.Context, tenant string, d crank.Digest) (r io.ReadCloser, size int64, err error)
	// Stat returns a blob's size.
	Stat(ctx context.Context, tenant string, d crank.Digest) (size int64, err error)
	// Renew sets a blob's age.
	Renew(ctx context.Context, tenant string, d crank.Digest, now time.Time) error
	// Tenants lists the tenants that may have blobs.
	Tenants(ctx context.Context) ([]string, error)
	// Older yields the blobs of a tenant that were kept and renewed before that
	// instant only, in no order.
	Older(ctx context.Context, tenant string, than time.Time) iter.Seq2[crank.Digest, error]
	// Remove deletes a blob unless it has been renewed at or after than, and says
	// what that freed; removed is false when it stays or is gone already. It is
	// atomic with Keep and Renew. Those who have it open read on, or it stays
	// (where the OS will not part with open files).
	Remove(ctx context.Context, tenant string, d crank.Digest, than time.Time) (size int64, removed bool, err error)
}

// Draft is a blob in the making, for one goroutine.
type Draft interface {
	io.Writer
	// Keep makes what was written the blob of that digest, durably, in place of
	// one that is there, and sets its age.
	Keep(d crank.Digest, now time.Time) error
	// Drop forgets what was written; after Keep it does nothing.
	Drop() error
}

// Config is what a Blobs is made of. Store is needed.
type Config struct {
	Store Store
	// Key signs tickets; 32 bytes of chance that the node keeps. Without one,
	// tickets end with the process.
	Key      []byte
	MaxBytes int64            // of one blob; default DefaultMaxBytes
	Grace    time.Duration    // age that a blob reaches before it may be collected; longer than any call. Default 24 hours
	Every    time.Duration    // how often Run collects; default 1 hour
	Now      func() time.Time // default time.Now
	Log      *slog.Logger     // default slog.Default()
}

// DefaultMaxBytes is the size of the largest blob where none is configured: 4 GiB.
const DefaultMaxBytes = 4 << 30

// Blobs is the body of Service.
type Blobs struct{ Config }

// New returns a Blobs; nothing is started.
func New(c Config) *Blobs {
	if len(c.Key) == 0 {
		c.Key = make([]byte, 32)
		rand.Read(c.Key) // never fails, see crypto/rand
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = DefaultMaxBytes
	}
	if c.Grace == 0 {
		c.Grace = 24 * time.Hour
	}
	if c.Every == 0 {
		c.Every = time.Hour
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return &Blobs{c}
}

var _ Service = (*Blobs)(nil)

// Stat implements Service.
func (b *Blobs) Stat(ctx context.Context, tenant string, d crank.Digest) (crank.BlobRef, error) {
	size, err := b.Store.Stat(ctx, tenant, d)
	if err != nil {
		return crank.BlobRef{}, err
	}
	return crank.BlobRef{Digest: d, Size: size}, nil
}

// Renew implements Service.
func (b *Blobs) Renew(ctx context.Context, tenant string, ds ...crank.Digest) error {
	for _, d := range ds {
		if err := b.Store.Renew(ctx, tenant, d, b.Now()); err != nil {
			return err
		}
	}
	return nil
}

// Unknown is the error of a blob that a tenant has not, for stores.
func Unknown(d crank.Digest) error {
	return crank.E(crank.CodeBlobUnknown, "there is no blob %s", d)
}

// CheckTenant is for stores: a tenant that could be more than the name of one
// folder, on any file system, has no blobs. Names are 1 to 128 of a-z 0-9 _ -.
func CheckTenant(tenant string) error {
	ok := tenant != "" && len(tenant) <= 128
	for _, c := range []byte(tenant) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-')
	}
	if !ok {
		return crank.E(crank.CodeInvalidInput, "%.80q cannot be a tenant's id", tenant)
	}
	return nil
}
