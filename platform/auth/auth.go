// Package auth says who calls: it makes API keys, keeps them and recognises them.
//
// It owns keys, their secrets (stored as HMAC-SHA-256 under a pepper, shown once),
// their rotation and end, and what a role is allowed to hand on. It does not own
// what a caller may do with a capability (package policy), whether a tenant, team
// or app exists (tenancy), or what may be spent (ledger). Tokens of identity
// providers are verified by its body jwks.
package auth

import (
	"context"
	"time"

	"github.com/crank-platform/crank"
)

// Key is what is known of an API key: everything but its secret. Times are UTC
// and zero where the thing has not happened or never will.
type Key struct {
	ID       string            `json:"id"`
	Tenant   string            `json:"tenant,omitempty"` // empty: the node's own, an operator's
	Team     string            `json:"team,omitempty"`
	App      string            `json:"app,omitempty"`
	Name     string            `json:"name"` // for people; need not be unique
	Roles    []string          `json:"roles"`
	Labels   map[string]string `json:"labels,omitempty"` // policy may read them
	Allow    []string          `json:"allow,omitempty"`  // globs of capabilities; empty allows all
	Tail     string            `json:"tail"`             // last 4 letters of the newest secret, to tell keys apart
	Created  time.Time         `json:"created"`
	Expires  time.Time         `json:"expires,omitzero"`
	Rotated  time.Time         `json:"rotated,omitzero"` // last
	Revoked  time.Time         `json:"revoked,omitzero"`
	LastUsed time.Time         `json:"last_used,omitzero"` // up to a minute stale across a restart
}

// KeySpec asks for a key. Tenant is an id; a spec without one can only be an
// operator's. The zero Expires means never.
type KeySpec struct {
	Tenant  string            `json:"tenant,omitempty"`
	Team    string            `json:"team,omitempty"`
	App     string            `json:"app,omitempty"`
	Name    string            `json:"name"`  // 1 to 100 bytes of printable text
	Roles   []string          `json:"roles"` // at least one of package crank's
	Expires time.Time         `json:"expires,omitzero"`
	Labels  map[string]string `json:"labels,omitempty"` // at most 16, 64 bytes a name, 256 a value; not "crank."
	Allow   []string          `json:"allow,omitempty"`  // at most 64 globs, such as "document/*"
}

// Credential is what a caller shows.
type Credential struct {
	Bearer string // the API key or token of an Authorization header, without "Bearer "
}

// Service is what the module offers. Where a method takes a tenant it is an id
// ("" for the node's own keys), and a key of another tenant is CodeNotFound just
// as one that does not exist. A change is durable when it returns, and Identify
// knows of it. Safe for concurrent use.
type Service interface {
	// Identify says who shows the credential. CodeUnauthenticated when nobody
	// knows it, CodeKeyRevoked when it is revoked, expired or rotated away,
	// CodeTokenInvalid when a token does not verify. An API key costs no IO. The
	// principal's maps and slices are shared: never change them.
	Identify(ctx context.Context, c Credential) (crank.Principal, error)

	// Create makes a key and returns its secret, which is never to be had again.
	Create(ctx context.Context, spec KeySpec) (Key, string, error)
	// Get returns a key, List all of a tenant, the oldest first, ended ones included.
	Get(ctx context.Context, tenant, id string) (Key, error)
	List(ctx context.Context, tenant string) ([]Key, error)
	// Rotate gives a key a new secret. Its id, and so its budgets and bills, stay.
	// The secrets before serve for at most overlap (0 to MaxOverlap) more.
	Rotate(ctx context.Context, tenant, id string, overlap time.Duration) (Key, string, error)
	// Revoke ends a key at once and for good. Repeating it is harmless.
	Revoke(ctx context.Context, tenant, id string) (Key, error)
	// Bootstrap makes the node's first key, an operator's, where there has never
	// been any key: CodeExists otherwise. keep gets the secret before the key is
	// committed, so that a crash between the two cannot lock everybody out.
	Bootstrap(ctx context.Context, keep func(secret string) error) (Key, error)
}

// Verifier recognises tokens of identity providers; body jwks is one.
type Verifier interface {
	// Verify returns the principal that a token names, or CodeTokenInvalid.
	Verify(ctx context.Context, token string) (crank.Principal, error)
}

// Store keeps keys. Put and Pepper are durable when they return.
type Store interface {
	// Load returns every record, in any order.
	Load(ctx context.Context) ([]Record, error)
	// Put adds a record or replaces the one of its key's id.
	Put(ctx context.Context, r Record) error
	// Touch sets when keys, by id, were last used, where that is later than what
	// stands. It need not be durable at once.
	Touch(ctx context.Context, used map[string]time.Time) error
	// Pepper keeps check if none is kept yet, and returns the one that is.
	Pepper(ctx context.Context, check Digest) (Digest, error)
}

// Record is a key as it is stored, with what recognises its secrets, the newest
// first: at most maxSecrets.
type Record struct {
	Key     Key           `json:"key"`
	Secrets []Recognition `json:"secrets"`
}

// Recognition recognises one secret of a key.
type Recognition struct {
	Digest Digest    `json:"digest"`
	Until  time.Time `json:"until,omitzero"` // zero: as long as the key
}

// Digest is the HMAC-SHA-256 of a secret under the node's pepper.
type Digest [32]byte
