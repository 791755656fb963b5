package receipts

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"sync"

	"github.com/crank-platform/crank"
)

// A sealed subject is: the key's id (16 bytes), a nonce (12), and AES-256-GCM
// over the subject with tenant and id as additional data. The id is random; it
// shows which receipts are of one person, as a pseudonym, and nothing more.
const (
	keyIDSize = 16
	nonceSize = 12
)

// maxCached bounds each cache of the vault; a full one is emptied.
const maxCached = 1 << 16

// vault caches what the store's Vault keeps.
type vault struct {
	store Vault
	mu    sync.RWMutex
	salts map[string][32]byte
	keys  map[subject]SubjectKey
}

type subject struct{ tenant, name string }

// Salt returns the tenant's salt; see Subjects.
func (j *Journal) Salt(ctx context.Context, tenant string) ([32]byte, error) {
	v := &j.vault
	v.mu.RLock()
	salt, ok := v.salts[tenant]
	v.mu.RUnlock()
	if ok {
		return salt, nil
	}
	var fresh [32]byte
	rand.Read(fresh[:])
	salt, err := v.store.TenantSalt(ctx, tenant, fresh)
	if err != nil {
		return salt, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.salts == nil || len(v.salts) >= maxCached {
		v.salts = map[string][32]byte{}
	}
	v.salts[tenant] = salt
	return salt, nil
}

// who names a subject in the store without telling it.
func (j *Journal) who(ctx context.Context, tenant, name string) (crank.Digest, error) {
	salt, err := j.Salt(ctx, tenant)
	return crank.DigestOf("crank/subject/v1", salt[:], []byte(name)), err
}

// Seal encrypts a subject; see Subjects.
func (j *Journal) Seal(ctx context.Context, tenant, name string) ([]byte, error) {
	v, s := &j.vault, subject{tenant, name}
	v.mu.RLock()
	key, ok := v.keys[s]
	v.mu.RUnlock()
	if !ok {
		var err error
		if key, err = j.subjectKey(ctx, s); err != nil {
			return nil, err
		}
	}
	sealed := make([]byte, keyIDSize+nonceSize, keyIDSize+nonceSize+len(name)+16)
	copy(sealed, key.ID[:])
	rand.Read(sealed[keyIDSize:])
	return key.aead().Seal(sealed, sealed[keyIDSize:], []byte(name), additional(tenant, key.ID)), nil
}

// subjectKey asks the store for a key and caches it. The lock is held throughout,
// so that an erasure cannot slip in between and leave the key cached.
func (j *Journal) subjectKey(ctx context.Context, s subject) (SubjectKey, error) {
	who, err := j.who(ctx, s.tenant, s.name)
	if err != nil {
		return SubjectKey{}, err
	}
	var fresh SubjectKey
	rand.Read(fresh.ID[:])
	rand.Read(fresh.Key[:])
	v := &j.vault
	v.mu.Lock()
	defer v.mu.Unlock()
	key, err := v.store.SubjectKey(ctx, s.tenant, who, fresh)
	if err != nil {
		return SubjectKey{}, err
	}
	if v.keys == nil || len(v.keys) >= maxCached {
		v.keys = map[subject]SubjectKey{}
	}
	v.keys[s] = key
	return key, nil
}

// Unseal decrypts a subject; see Subjects.
func (j *Journal) Unseal(ctx context.Context, tenant string, sealed []byte) (string, error) {
	if len(sealed) < keyIDSize+nonceSize {
		return "", crank.E(crank.CodeReceiptTampered, "the sealed subject is too short")
	}
	key, ok, err := j.vault.store.KeyByID(ctx, tenant, [16]byte(sealed))
	if err != nil {
		return "", err
	}
	if !ok {
		return "", crank.E(crank.CodeNotFound, "the subject's key is not here: it was erased, or is another tenant's")
	}
	name, err := key.aead().Open(nil, sealed[keyIDSize:keyIDSize+nonceSize], sealed[keyIDSize+nonceSize:], additional(tenant, key.ID))
	if err != nil {
		return "", crank.Wrap(crank.CodeReceiptTampered, err, "the sealed subject does not open")
	}
	return string(name), nil
}

// Erase destroys a subject's key; see Subjects.
func (j *Journal) Erase(ctx context.Context, tenant, name string) error {
	who, err := j.who(ctx, tenant, name)
	if err != nil {
		return err
	}
	v := &j.vault
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.keys, subject{tenant, name})
	return v.store.EraseKey(ctx, tenant, who)
}

func additional(tenant string, id [16]byte) []byte {
	return append([]byte("crank/subject/v1\x00"+tenant+"\x00"), id[:]...)
}

func (k SubjectKey) aead() cipher.AEAD {
	block, err := aes.NewCipher(k.Key[:])
	if err != nil {
		panic(err) // of a key that is not 32 bytes, which this type rules out
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // of a block that is not 16 bytes, which AES rules out
	}
	return aead
}
