// Package notesign makes and checks the signatures on signed notes
// (https://c2sp.org/signed-note), with Ed25519 and with ML-DSA-65.
//
// It owns keys as text and as files, which key may speak for which name and
// when, how one generation of keys hands over to the next, and the text of a log's
// checkpoint. It does not own what other notes say.
//
// # Bytes
//
// A verifier key is <name>+<id>+<key>, where key is the standard base64 of the
// signature type's bytes and the public key, and id is the first four bytes, in
// hex, of SHA-256(name || 0x0A || type || public key). The same id begins each
// signature. A private key is PRIVATE+KEY+<name>+<id>+<key>, where key is the
// base64 of the type's bytes and a seed of 32 bytes.
//
//	Ed25519    type 0x01
//	           public key 32 bytes, signature 64 bytes over the note's text (RFC 8032)
//	ML-DSA-65  type 0xff "crank.dev/ml-dsa-65" (20 bytes)
//	           public key 1952 bytes, signature 3309 bytes over the note's text
//	           (FIPS 204, pure, hedged, with an empty context)
//
// The first is what golang.org/x/mod/sumdb/note reads and writes. The second
// uses the type that the specification reserves for algorithms it has not
// numbered; readers that do not know it ignore such signatures, as they must.
package notesign

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Algorithm names a signature scheme.
type Algorithm string

// The algorithms.
const (
	Ed25519 Algorithm = "ed25519"
	MLDSA65 Algorithm = "ml-dsa-65"
)

// Algorithms lists them all. A note that matters is signed with each.
func Algorithms() []Algorithm { return []Algorithm{Ed25519, MLDSA65} }

// ErrKey means that a text is no key of an algorithm that is known here.
var ErrKey = errors.New("notesign: malformed key")

const seedSize = 32

// Signer signs notes in a name. It is a note.Signer; safe for concurrent use.
type Signer struct {
	verifier *Verifier
	seed     [seedSize]byte
	sign     func(msg []byte) ([]byte, error)
}

// Verifier checks signatures of one key. It is a note.Verifier; safe for
// concurrent use.
type Verifier struct {
	scheme *scheme
	name   string
	id     uint32
	public []byte
	verify func(msg, sig []byte) bool
}

// Generate makes a new key from random, nil for the system's.
func Generate(alg Algorithm, name string, random io.Reader) (*Signer, error) {
	s, err := schemeOf(alg)
	if err != nil {
		return nil, err
	}
	if random == nil {
		random = rand.Reader
	}
	var seed [seedSize]byte
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		return nil, fmt.Errorf("notesign: %w", err)
	}
	return newSigner(s, name, seed)
}

// ParseSigner reads a private key as Signer.Private writes it.
func ParseSigner(text string) (*Signer, error) {
	rest, ok := strings.CutPrefix(text, "PRIVATE+KEY+")
	if !ok {
		return nil, fmt.Errorf("%w: no PRIVATE+KEY+ before it", ErrKey)
	}
	s, name, key, id, err := parse(rest)
	if err != nil {
		return nil, err
	}
	if len(key) != seedSize {
		return nil, fmt.Errorf("%w: a seed of %d bytes", ErrKey, len(key))
	}
	signer, err := newSigner(s, name, [seedSize]byte(key))
	if err == nil && signer.KeyHash() != id {
		return nil, fmt.Errorf("%w: the id does not match", ErrKey)
	}
	return signer, err
}

// ParseVerifier reads a verifier key as Verifier.String writes it.
func ParseVerifier(text string) (*Verifier, error) {
	s, name, key, id, err := parse(text)
	if err != nil {
		return nil, err
	}
	v, err := newVerifier(s, name, key)
	if err == nil && v.id != id {
		return nil, fmt.Errorf("%w: the id does not match", ErrKey)
	}
	return v, err
}

func newSigner(s *scheme, name string, seed [seedSize]byte) (*Signer, error) {
	public, sign := s.derive(seed)
	v, err := newVerifier(s, name, public)
	if err != nil {
		return nil, err
	}
	return &Signer{v, seed, sign}, nil
}

func newVerifier(s *scheme, name string, public []byte) (*Verifier, error) {
	if name == "" || !utf8.ValidString(name) || strings.Contains(name, "+") ||
		strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || unicode.IsSpace(r) }) {
		return nil, fmt.Errorf("%w: %q is no name", ErrKey, name)
	}
	verify, err := s.verifier(public)
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	io.WriteString(h, name+"\n"+s.kind)
	h.Write(public)
	return &Verifier{s, name, binary.BigEndian.Uint32(h.Sum(nil)), public, verify}, nil
}

// parse takes <name>+<id>+<key> apart. Only the one way to write it passes.
func parse(text string) (s *scheme, name string, key []byte, id uint32, err error) {
	name, rest, _ := strings.Cut(text, "+")
	idText, keyText, _ := strings.Cut(rest, "+")
	raw, err := base64.StdEncoding.Strict().DecodeString(keyText)
	if err != nil || base64.StdEncoding.EncodeToString(raw) != keyText {
		return nil, "", nil, 0, fmt.Errorf("%w: no base64", ErrKey)
	}
	if _, err := fmt.Sscanf(idText, "%08x", &id); err != nil || fmt.Sprintf("%08x", id) != idText {
		return nil, "", nil, 0, fmt.Errorf("%w: no id", ErrKey)
	}
	for _, s := range schemes {
		if key, ok := strings.CutPrefix(string(raw), s.kind); ok {
			return s, name, []byte(key), id, nil
		}
	}
	return nil, "", nil, 0, fmt.Errorf("%w: an unknown algorithm", ErrKey)
}

func encode(s *scheme, name string, id uint32, key []byte) string {
	return fmt.Sprintf("%s+%08x+%s", name, id, base64.StdEncoding.EncodeToString(append([]byte(s.kind), key...)))
}

// Name returns the name that the key signs in.
func (s *Signer) Name() string { return s.verifier.name }

// KeyHash returns the key's id.
func (s *Signer) KeyHash() uint32 { return s.verifier.id }

// Sign returns a signature of a note's text.
func (s *Signer) Sign(msg []byte) ([]byte, error) { return s.sign(msg) }

// Verifier returns the public side.
func (s *Signer) Verifier() *Verifier { return s.verifier }

// Private writes the key, its secret included. Nothing else in this package does.
func (s *Signer) Private() string {
	return "PRIVATE+KEY+" + encode(s.verifier.scheme, s.verifier.name, s.verifier.id, s.seed[:])
}

// String writes the public side only, so that a log line never tells the secret.
func (s *Signer) String() string { return s.verifier.String() }

// As returns the same key under another name: its id differs.
func (s *Signer) As(name string) (*Signer, error) {
	v, err := s.verifier.As(name)
	if err != nil {
		return nil, err
	}
	return &Signer{v, s.seed, s.sign}, nil
}

// Name returns the name that the key speaks for.
func (v *Verifier) Name() string { return v.name }

// KeyHash returns the key's id.
func (v *Verifier) KeyHash() uint32 { return v.id }

// Algorithm returns the key's algorithm.
func (v *Verifier) Algorithm() Algorithm { return v.scheme.alg }

// Verify reports whether sig is the key's signature of a note's text.
func (v *Verifier) Verify(msg, sig []byte) bool { return v.verify(msg, sig) }

// String writes the verifier key.
func (v *Verifier) String() string { return encode(v.scheme, v.name, v.id, v.public) }

// As returns the same key under another name: its id differs.
func (v *Verifier) As(name string) (*Verifier, error) { return newVerifier(v.scheme, name, v.public) }
