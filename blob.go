package crank

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Digest is a SHA-256, written "sha256:<64 hex digits>" in text. The zero value
// means none.
type Digest [sha256.Size]byte

// DigestOf hashes bytes under a domain, such as "crank/plan/v1", so that a
// digest of one kind of thing is never one of another.
func DigestOf(domain string, parts ...[]byte) Digest {
	buf := scratch.Get().(*[]byte)
	b := append((*buf)[:0], domain...)
	b = append(b, 0)
	for _, p := range parts {
		b = append(b, p...)
	}
	d := Digest(sha256.Sum256(b))
	if cap(b) <= MaxInline {
		*buf = b
		scratch.Put(buf)
	}
	return d
}

// scratch keeps what is hashed off the heap: a hash.Hash escapes, a sum does not.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

// String writes the digest as text, "" for the zero value.
func (d Digest) String() string {
	if d == (Digest{}) {
		return ""
	}
	return "sha256:" + hex.EncodeToString(d[:])
}

// ParseDigest reads "sha256:<hex>"; "" gives the zero value.
func ParseDigest(s string) (d Digest, err error) {
	if s == "" {
		return d, nil
	}
	b, err := hex.DecodeString(strings.TrimPrefix(s, "sha256:"))
	if err != nil || len(b) != len(d) || !strings.HasPrefix(s, "sha256:") {
		return d, E(CodeBlobDigest, "%q is no sha256:<64 hex digits>", clip(s))
	}
	return Digest(b), nil
}

// MarshalText writes the digest as text.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (d *Digest) UnmarshalText(b []byte) (err error) { *d, err = ParseDigest(string(b)); return err }

// IsZero reports whether there is no digest.
func (d Digest) IsZero() bool { return d == Digest{} }

// BlobRef stands for bytes inside an input or output. It is an object whose
// "$blob" is the plain SHA-256 of the bytes.
type BlobRef struct {
	Digest    Digest `json:"$blob"`
	Size      int64  `json:"size"`
	MediaType string `json:"media_type,omitempty"`
	Name      string `json:"name,omitempty"` // as the sender calls it; never a path
}

// BlobStore is how the platform and the workers reach bytes that are too large
// to travel inside a call. Blobs belong to a tenant: a digest is no permission.
type BlobStore interface {
	// Put streams r into the tenant's store. A non-zero want must match what
	// arrives (CodeBlobDigest). The bytes are durable when it returns.
	Put(ctx context.Context, tenant string, r io.Reader, want Digest) (BlobRef, error)
	// Open streams a blob; CodeBlobUnknown when the tenant has none such. Each
	// read verifies: bytes that do not match their digest end in an error.
	Open(ctx context.Context, tenant string, d Digest) (io.ReadCloser, BlobRef, error)
}

// BlobRefs finds the references inside a JSON value, each once, in the
// order of the value's sorted keys.
func BlobRefs(value json.RawMessage) ([]BlobRef, error) {
	if !bytes.Contains(value, []byte(`"$blob"`)) {
		return nil, nil
	}
	var v any
	if err := json.Unmarshal(value, &v); err != nil {
		return nil, Wrap(CodeMalformedJSON, err, "the value is not well-formed JSON")
	}
	var refs []BlobRef
	seen := map[Digest]bool{}
	var walk func(any) error
	walk = func(v any) error {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				if err := walk(e); err != nil {
					return err
				}
			}
		case map[string]any:
			if text, ok := v["$blob"].(string); ok {
				d, err := ParseDigest(text)
				if err != nil {
					return err
				}
				size, _ := v["size"].(float64)
				media, _ := v["media_type"].(string)
				file, _ := v["name"].(string)
				if !seen[d] {
					seen[d] = true
					refs = append(refs, BlobRef{d, int64(size), media, file})
				}
				return nil
			}
			for _, k := range slices.Sorted(maps.Keys(v)) {
				if err := walk(v[k]); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err := walk(v); err != nil {
		return nil, err
	}
	return refs, nil
}
