package notesign_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/crank-platform/crank/kit/notesign"
)

const name = "log.example/node"

// dice is a source of keys that a test can repeat.
func dice(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

func pair(t testing.TB, name string, seed byte) []*notesign.Signer {
	t.Helper()
	random := dice(seed)
	var pair []*notesign.Signer
	for _, alg := range notesign.Algorithms() {
		s, err := notesign.Generate(alg, name, random)
		if err != nil {
			t.Fatal(err)
		}
		pair = append(pair, s)
	}
	return pair
}

func verifiers(signers []*notesign.Signer) (vs []*notesign.Verifier) {
	for _, s := range signers {
		vs = append(vs, s.Verifier())
	}
	return vs
}

func TestKeysReadBackAsTheyWereWritten(t *testing.T) {
	for _, s := range pair(t, name, 1) {
		again, err := notesign.ParseSigner(s.Private())
		if err != nil {
			t.Fatal(err)
		}
		if again.Private() != s.Private() || again.String() != s.String() {
			t.Errorf("%s: the private key read back differs", s)
		}
		v, err := notesign.ParseVerifier(s.Verifier().String())
		if err != nil {
			t.Fatal(err)
		}
		if v.String() != s.Verifier().String() || v.KeyHash() != s.KeyHash() || v.Name() != name {
			t.Errorf("%s: the verifier key read back differs", s)
		}
	}
}

func TestEd25519KeysAreThoseOfSumdbNote(t *testing.T) {
	ours := pair(t, name, 2)[0]
	theirs, err := note.NewSigner(ours.Private())
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(ours.Verifier().String())
	if err != nil {
		t.Fatal(err)
	}
	a, _ := ours.Sign([]byte("text\n"))
	b, _ := theirs.Sign([]byte("text\n"))
	if !bytes.Equal(a, b) || !verifier.Verify([]byte("text\n"), a) || theirs.KeyHash() != ours.KeyHash() {
		t.Error("the two packages do not agree on an Ed25519 signature or id")
	}
	private, public, err := note.GenerateKey(dice(3), name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := notesign.ParseSigner(private)
	if err != nil || s.Private() != private || s.String() != public {
		t.Errorf("a key that sumdb/note made reads as %v, %v", s, err)
	}
}

func TestAnMLDSAKeyHasTheBytesThatThePackageDocSays(t *testing.T) {
	s := pair(t, name, 4)[1]
	parts := strings.Split(s.String(), "+")
	raw, err := base64.StdEncoding.DecodeString(strings.Join(parts[2:], "+"))
	if err != nil {
		t.Fatal(err)
	}
	kind := "\xffcrank.dev/ml-dsa-65"
	if len(kind) != 20 || !strings.HasPrefix(string(raw), kind) || len(raw) != len(kind)+1952 {
		t.Fatalf("the key's %d bytes are not type and public key", len(raw))
	}
	sum := sha256.Sum256([]byte(name + "\n" + string(raw)))
	if parts[1] != fmt.Sprintf("%x", sum[:4]) || s.KeyHash() != binary.BigEndian.Uint32(sum[:4]) {
		t.Errorf("the id is %s; want %x", parts[1], sum[:4])
	}
	sig, err := s.Sign([]byte("text\n"))
	if err != nil || len(sig) != 3309 {
		t.Fatalf("a signature of %d bytes, %v", len(sig), err)
	}
	if !s.Verifier().Verify([]byte("text\n"), sig) || s.Verifier().Verify([]byte("test\n"), sig) {
		t.Error("the signature does not verify over its text alone")
	}
}

func TestANoteMustBeSignedWithEveryAlgorithm(t *testing.T) {
	both, other := pair(t, name, 5), pair(t, name, 6)
	keys := verifiers(both)
	signed := func(s ...*notesign.Signer) []byte {
		msg, err := notesign.Sign("a\nb\n", s...)
		if err != nil {
			t.Fatal(err)
		}
		return msg
	}
	text, by, err := notesign.Open(signed(append(both, other...)...), keys...)
	if err != nil || text != "a\nb\n" || len(by) != 2 {
		t.Fatalf("signed by both: %q, %v, %v", text, by, err)
	}
	for what, msg := range map[string][]byte{
		"by Ed25519 alone":     signed(both[0]),
		"by ML-DSA alone":      signed(both[1]),
		"by strangers":         signed(other...),
		"half by a stranger":   signed(both[0], other[1]),
		"another text's block": bytes.Replace(signed(both...), []byte("a\n"), []byte("c\n"), 1),
	} {
		if _, _, err := notesign.Open(msg, keys...); !errors.Is(err, notesign.ErrUnsigned) {
			t.Errorf("%s: %v; want ErrUnsigned", what, err)
		}
	}
	if _, _, err := notesign.Open(signed(both...)); !errors.Is(err, notesign.ErrUnsigned) {
		t.Errorf("with no keys at all: %v; want ErrUnsigned", err)
	}
}

func TestNoByteOfASignedNoteCanChange(t *testing.T) {
	both := pair(t, name, 7)
	msg, err := notesign.Sign("one\ntwo\n", both...)
	if err != nil {
		t.Fatal(err)
	}
	for i := range msg {
		for _, flip := range []byte{1, 0x20, 0x80} {
			bad := bytes.Clone(msg)
			bad[i] ^= flip
			if _, _, err := notesign.Open(bad, verifiers(both)...); err == nil {
				t.Fatalf("byte %d of %d flipped by %#x still opens", i, len(msg), flip)
			}
		}
	}
}

func TestAKeyUnderAnotherNameHasAnotherID(t *testing.T) {
	for _, s := range pair(t, name, 8) {
		below, err := s.As(name + "/epoch-2")
		if err != nil {
			t.Fatal(err)
		}
		if below.KeyHash() == s.KeyHash() || below.Name() != name+"/epoch-2" {
			t.Errorf("%s: the id does not bind the name", s)
		}
		if _, err := s.As("a b"); !errors.Is(err, notesign.ErrKey) {
			t.Errorf("a name with a space: %v; want ErrKey", err)
		}
	}
}

func TestAPrintedSignerTellsNoSecret(t *testing.T) {
	for _, s := range pair(t, name, 9) {
		if text := fmt.Sprintf("%v %s", s, s); strings.Contains(text, "PRIVATE") {
			t.Errorf("printing a signer gives %s", text)
		}
	}
}

func FuzzKeysAndNotesReadOnlyAsWritten(f *testing.F) {
	both := pair(f, name, 10)
	msg, err := notesign.Sign("a\n", both...)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(msg))
	for _, s := range both {
		f.Add(s.Private())
		f.Add(s.String())
	}
	keys := verifiers(both)
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := notesign.ParseSigner(text); err == nil && s.Private() != text {
			t.Errorf("a private key has a second form")
		}
		if v, err := notesign.ParseVerifier(text); err == nil && v.String() != text {
			t.Errorf("%q reads as %q", text, v)
		}
		if ks, err := notesign.ParseKeys(text); err == nil {
			if again, err := notesign.ParseKeys(ks.String()); err != nil || again.String() != ks.String() {
				t.Errorf("keys do not read back: %v", err)
			}
		}
		if got, _, err := notesign.Open([]byte(text), keys...); err == nil && got != "a\n" {
			t.Errorf("a text that was never signed opens: %q", got)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	for _, s := range pair(b, name, 11) {
		b.Run(string(s.Verifier().Algorithm()), func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Sign([]byte("log.example/node\n123456\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n")); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
