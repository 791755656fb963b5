package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"hash/crc32"
	"math/big"
	"strings"
	"sync"

	"github.com/crank-platform/crank"
)

// A secret is "crank_", 256 random bits in base 62 (43 digits), and the CRC-32
// of all that in base 62 (6 digits): no punctuation inside, so that a double
// click selects it; a fixed beginning, so that scanners find leaked ones; a
// check, so that a typing error is told from a key that nobody knows.
const (
	secretPrefix = "crank_"
	secretDigits = 43 // 62^43 > 2^256
	checkDigits  = 6  // 62^6 > 2^32
	secretLen    = len(secretPrefix) + secretDigits + checkDigits
	alphabet     = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// newSecret makes a secret from the system's random source, which cannot fail.
func newSecret() string {
	var raw [32]byte
	rand.Read(raw[:])
	// big.Int's base 62 has its digits in another order; that is of no matter.
	digits := new(big.Int).SetBytes(raw[:]).Text(62)
	body := secretPrefix + strings.Repeat("0", secretDigits-len(digits)) + digits
	return body + check(body)
}

func check(body string) string {
	var b [checkDigits]byte
	sum := crc32.ChecksumIEEE([]byte(body))
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = alphabet[sum%62]
		sum /= 62
	}
	return string(b[:])
}

// ParseSecret reports whether s has the form of a secret, and if not why, without
// repeating any of it. It needs no store: a client may call it before it asks.
func ParseSecret(s string) error {
	if !strings.HasPrefix(s, secretPrefix) {
		return crank.E(crank.CodeUnauthenticated, "this is no API key of Crank: those begin with %s", secretPrefix)
	}
	if len(s) != secretLen {
		return crank.E(crank.CodeUnauthenticated, "this API key is %d letters long, not %d: part of it is missing or doubled", len(s), secretLen)
	}
	body := s[:len(s)-checkDigits]
	for _, c := range []byte(s[len(secretPrefix):]) {
		if strings.IndexByte(alphabet, c) < 0 {
			return crank.E(crank.CodeUnauthenticated, "this API key holds something that is neither letter nor digit")
		}
	}
	if check(body) != s[len(body):] {
		return crank.E(crank.CodeUnauthenticated, "this API key was mistyped: its check does not fit")
	}
	return nil
}

// hasher computes digests under a pepper without allocating.
type hasher struct{ pool sync.Pool }

type state struct {
	mac hash.Hash
	in  [secretLen]byte
	out [sha256.Size]byte
}

func newHasher(pepper []byte) *hasher {
	pepper = append([]byte(nil), pepper...)
	return &hasher{sync.Pool{New: func() any { return &state{mac: hmac.New(sha256.New, pepper)} }}}
}

// of returns the digest of s, which is at most secretLen bytes.
func (h *hasher) of(s string) Digest {
	st := h.pool.Get().(*state)
	st.mac.Reset()
	st.mac.Write(st.in[:copy(st.in[:], s)])
	d := Digest(st.mac.Sum(st.out[:0]))
	clear(st.in[:])
	h.pool.Put(st)
	return d
}

// pepperCheck is what the digest of these bytes, which no secret begins like,
// tells of a pepper: whether it is the one before.
const pepperCheck = "pepper of crank, version 1"

// MarshalText writes hex digits.
func (d Digest) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(d[:])), nil }

// UnmarshalText reads 64 hex digits.
func (d *Digest) UnmarshalText(b []byte) error {
	if n, err := hex.Decode(d[:], b[:min(len(b), 64)]); err != nil || n != len(d) || len(b) != 64 {
		return fmt.Errorf("auth: %d bytes are no digest", len(b))
	}
	return nil
}
