package blobs

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"sync"

	"github.com/crank-platform/crank"
)

// copyBuffer is how much of a blob is in memory while it streams.
const copyBuffer = 64 << 10

var buffers = sync.Pool{New: func() any { return new([copyBuffer]byte) }}

// Put implements crank.BlobStore. It reads r to its end, but no further than one
// byte past the largest size (CodeTooLarge). Bytes that do not arrive whole, or
// are not those wanted, are CodeBlobDigest; nothing is kept of them.
func (b *Blobs) Put(ctx context.Context, tenant string, r io.Reader, want crank.Digest) (crank.BlobRef, error) {
	return b.put(ctx, tenant, r, want, b.MaxBytes)
}

func (b *Blobs) put(ctx context.Context, tenant string, r io.Reader, want crank.Digest, most int64) (ref crank.BlobRef, err error) {
	draft, err := b.Store.Draft(ctx, tenant)
	if err != nil {
		return ref, err
	}
	defer func() {
		if dropped := draft.Drop(); err == nil && dropped != nil {
			err = dropped
		}
	}()
	digest, size, err := fill(ctx, draft, r, most)
	switch {
	case err != nil:
		return ref, err
	case !want.IsZero() && digest != want:
		return ref, crank.E(crank.CodeBlobDigest, "the %d bytes are %s, not %s", size, digest, want)
	}
	if err := draft.Keep(digest, b.Now()); err != nil {
		return ref, err
	}
	return crank.BlobRef{Digest: digest, Size: size}, nil
}

// fill copies at most most bytes of r and says what they were.
func fill(ctx context.Context, w io.Writer, r io.Reader, most int64) (d crank.Digest, size int64, err error) {
	buffer := buffers.Get().(*[copyBuffer]byte)
	defer buffers.Put(buffer)
	h := sha256.New()
	for {
		if err := ctx.Err(); err != nil {
			return d, size, crank.Wrap(crank.CodeCancelled, err, "the upload ended after %d bytes", size)
		}
		n, err := r.Read(buffer[:])
		if size += int64(n); size > most {
			return d, size, crank.E(crank.CodeTooLarge, "the blob is larger than %d bytes", most)
		}
		if n > 0 {
			h.Write(buffer[:n])
			if _, err := w.Write(buffer[:n]); err != nil {
				return d, size, err
			}
		}
		if err == io.EOF {
			h.Sum(d[:0])
			return d, size, nil
		}
		if err != nil {
			return d, size, crank.Wrap(crank.CodeBlobDigest, err, "the bytes stopped after %d", size)
		}
	}
}

// Open implements crank.BlobStore. What is read has been verified only when the
// reader says io.EOF: bytes that are not the digest's end in CodeBlobDigest in
// its place.
func (b *Blobs) Open(ctx context.Context, tenant string, d crank.Digest) (io.ReadCloser, crank.BlobRef, error) {
	r, size, err := b.Store.Open(ctx, tenant, d)
	if err != nil {
		return nil, crank.BlobRef{}, err
	}
	return &verified{ctx: ctx, r: r, want: d, hash: sha256.New()}, crank.BlobRef{Digest: d, Size: size}, nil
}

// verified hashes what it lets through.
type verified struct {
	ctx  context.Context
	r    io.ReadCloser
	want crank.Digest
	hash hash.Hash
	size int64
	end  error
}

func (v *verified) Read(p []byte) (n int, err error) {
	if v.end != nil {
		return 0, v.end
	}
	if err := v.ctx.Err(); err != nil {
		return 0, crank.Wrap(crank.CodeCancelled, err, "reading the blob ended after %d bytes", v.size)
	}
	n, err = v.r.Read(p)
	v.hash.Write(p[:n])
	v.size += int64(n)
	switch {
	case err == nil:
		return n, nil
	case !errors.Is(err, io.EOF):
		v.end = crank.Wrap(crank.CodeStore, err, "the blob %s cannot be read beyond byte %d", v.want, v.size)
	case crank.Digest(v.hash.Sum(nil)) != v.want:
		v.end = crank.E(crank.CodeBlobDigest, "the %d bytes kept for %s are not its own", v.size, v.want)
	default:
		v.end = io.EOF
	}
	return n, v.end
}

func (v *verified) Close() error { return v.r.Close() }
