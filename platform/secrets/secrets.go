// Package secrets keeps what workers need and nobody should read: upstream keys,
// mail passwords.
//
// It owns their encryption at rest (AES-256-GCM under the node's master key, each
// value bound to its tenant, name and version), their versions, and a type that
// cannot be printed by accident. It does not own who may set or use them (package
// policy and the doors) or how they reach a worker (dispatch). Names are not
// secret. One who can write the store's file can put an older row back whole;
// that is for backups and anchors to find.
package secrets

import (
	"context"
	"errors"
	"time"

	"github.com/crank-platform/crank"
)

// MaxValue is the largest value, in bytes.
const MaxValue = 64 << 10

// Meta is what may be told of a secret.
type Meta struct {
	Name    string    `json:"name"`
	Version int       `json:"version"` // 1, 2, 3...; a deleted name begins anew
	Updated time.Time `json:"updated"` // UTC, to the microsecond
}

// Service is what the module offers. Tenant is an id, or "" for the node's own
// secrets. What one tenant set is CodeNotFound to every other. Changes are durable
// when they return. Safe for concurrent use.
type Service interface {
	// Set keeps value (1 to MaxValue bytes) under name, as version 1 or as the
	// version after the one that stands. Names match [a-z][a-z0-9_-]{0,62}.
	// CodeSecret when name or value cannot be taken.
	Set(ctx context.Context, tenant, name string, value []byte) (Meta, error)
	// Rotate is Set for a name that must be there already.
	Rotate(ctx context.Context, tenant, name string, value []byte) (Meta, error)
	// Get returns the newest version. CodeSecret when what is stored was changed
	// or does not belong to that name.
	Get(ctx context.Context, tenant, name string) (Secret, error)
	// List returns the tenant's secrets by name, never a value.
	List(ctx context.Context, tenant string) ([]Meta, error)
	// Delete forgets a secret.
	Delete(ctx context.Context, tenant, name string) error
	// RotateMaster encrypts everything anew under next (KeySize bytes), all or
	// nothing. RotateKeyFile does it safely together with the key's file.
	RotateMaster(ctx context.Context, next []byte) error
}

// Sealed is a secret as it is stored.
type Sealed struct {
	Tenant string
	Meta
	Box []byte // nonce, ciphertext, tag
}

// The answers of a Store.
var (
	ErrNone    = errors.New("secrets: no such secret")
	ErrChanged = errors.New("secrets: another version stands")
)

// Store keeps sealed secrets. Every change is durable when it returns.
type Store interface {
	// Check keeps fresh if nothing is kept yet, and returns what is: bytes by
	// which the master key is recognised.
	Check(ctx context.Context, fresh []byte) ([]byte, error)
	// Put keeps s if the version before it is what stands (for version 1:
	// nothing), else ErrChanged.
	Put(ctx context.Context, s Sealed) error
	// Get returns a secret or ErrNone.
	Get(ctx context.Context, tenant, name string) (Sealed, error)
	// List returns a tenant's by name; Box may be left out.
	List(ctx context.Context, tenant string) ([]Sealed, error)
	// Delete forgets a secret; ErrNone when there is none.
	Delete(ctx context.Context, tenant, name string) error
	// Reseal replaces the check and every Box by what reseal returns, all or nothing.
	Reseal(ctx context.Context, check []byte, reseal func(Sealed) ([]byte, error)) error
}

func parseName(name string) error {
	ok := name != "" && len(name) <= 63 && name[0] >= 'a' && name[0] <= 'z'
	for _, c := range []byte(name) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-')
	}
	if !ok {
		return crank.E(crank.CodeSecret, "%.80q cannot name a secret", name).
			With(crank.Fault{Path: "name", Reason: "not 1 to 63 of a-z 0-9 _ - beginning with a letter"}).
			Mending("Choose a name such as openai-key.")
	}
	return nil
}

func parseValue(value []byte) error {
	if len(value) == 0 || len(value) > MaxValue {
		return crank.E(crank.CodeSecret, "the value is %d bytes, not 1 to %d", len(value), MaxValue).
			With(crank.Fault{Path: "value", Reason: "empty or too long"})
	}
	return nil
}
