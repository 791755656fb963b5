package secrets

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"

	"github.com/crank-platform/crank"
)

// KeySize is the length of a master key in bytes.
const KeySize = 32

// box seals with AES-256-GCM under random 96-bit nonces (NIST SP 800-38D section
// 8.2.2: at most 2^32 sealings a key).
type box struct{ aead cipher.AEAD }

func newBox(key []byte) (*box, error) {
	if len(key) != KeySize {
		return nil, crank.E(crank.CodeSecret, "the master key is %d bytes, not %d", len(key), KeySize).
			Mending("Put the master.key of this data directory back, from a backup.")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, crank.Wrap(crank.CodeInternal, err, "AES-256 is not to be had")
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, crank.Wrap(crank.CodeInternal, err, "AES-256-GCM is not to be had")
	}
	return &box{aead}, nil
}

func (b *box) seal(s Sealed, value []byte) []byte { return b.aead.Seal(nil, nil, value, bound(s)) }

func (b *box) open(s Sealed) ([]byte, error) {
	value, err := b.aead.Open(nil, nil, s.Box, bound(s))
	if err != nil {
		return nil, crank.E(crank.CodeSecret, "what is stored of the secret %q was changed, or is another's", s.Name)
	}
	return value, nil
}

// bound is what a sealing is bound to: domain, tenant, name and version, each
// told apart by its length.
func bound(s Sealed) []byte {
	aad := []byte("crank/secret/v1\x00")
	for _, part := range []string{s.Tenant, s.Name} {
		aad = binary.BigEndian.AppendUint32(aad, uint32(len(part)))
		aad = append(aad, part...)
	}
	return binary.BigEndian.AppendUint64(aad, uint64(s.Version))
}

var checkDomain = []byte("crank/master/v1\x00")

// check seals nothing: what only the same key opens.
func (b *box) check() []byte { return b.aead.Seal(nil, nil, nil, checkDomain) }

func (b *box) fits(check []byte) bool {
	_, err := b.aead.Open(nil, nil, check, checkDomain)
	return err == nil
}
