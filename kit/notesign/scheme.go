package notesign

import (
	"crypto/ed25519"
	"fmt"

	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
)

// scheme is what this package asks of a signature algorithm. Moving ML-DSA to
// the standard library, once it has it, is a change to this file alone.
type scheme struct {
	alg  Algorithm
	kind string // the signature type's bytes
	// derive returns the public key of a seed, and how to sign with it.
	derive func(seed [seedSize]byte) (public []byte, sign func(msg []byte) ([]byte, error))
	// verifier returns how to check signatures of a public key; ErrKey when the
	// bytes are none.
	verifier func(public []byte) (func(msg, sig []byte) bool, error)
}

var schemes = [...]*scheme{
	{Ed25519, "\x01", deriveEd25519, verifierEd25519},
	{MLDSA65, "\xffcrank.dev/ml-dsa-65", deriveMLDSA65, verifierMLDSA65},
}

func schemeOf(alg Algorithm) (*scheme, error) {
	for _, s := range schemes {
		if s.alg == alg {
			return s, nil
		}
	}
	return nil, fmt.Errorf("notesign: algorithm %q is not known", alg)
}

func deriveEd25519(seed [seedSize]byte) ([]byte, func([]byte) ([]byte, error)) {
	private := ed25519.NewKeyFromSeed(seed[:])
	return private[ed25519.SeedSize:], func(msg []byte) ([]byte, error) { return ed25519.Sign(private, msg), nil }
}

func verifierEd25519(public []byte) (func(msg, sig []byte) bool, error) {
	if len(public) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%w: an Ed25519 key of %d bytes", ErrKey, len(public))
	}
	return func(msg, sig []byte) bool {
		return len(sig) == ed25519.SignatureSize && ed25519.Verify(public, msg, sig)
	}, nil
}

func deriveMLDSA65(seed [seedSize]byte) ([]byte, func([]byte) ([]byte, error)) {
	public, private := mldsa65.NewKeyFromSeed(&seed)
	return public.Bytes(), func(msg []byte) ([]byte, error) {
		sig := make([]byte, mldsa65.SignatureSize)
		return sig, mldsa65.SignTo(private, msg, nil, true, sig)
	}
}

func verifierMLDSA65(public []byte) (func(msg, sig []byte) bool, error) {
	key := new(mldsa65.PublicKey)
	if err := key.UnmarshalBinary(public); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return func(msg, sig []byte) bool {
		return len(sig) == mldsa65.SignatureSize && mldsa65.Verify(key, msg, nil, sig)
	}, nil
}
