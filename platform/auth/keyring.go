package auth

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/crank-platform/crank"
)

// Config is what a Keyring needs.
type Config struct {
	Store  Store
	Pepper []byte           // 32 random bytes, kept outside the store; another pepper knows no key
	Tokens Verifier         // nil: no tokens are taken
	Now    func() time.Time // nil means time.Now
	Log    *slog.Logger     // what Run could not write; nil says nothing
}

// Keyring is the Service in this process: every key in memory, every change in
// the store before it is told.
type Keyring struct {
	store  Store
	tokens Verifier
	now    func() time.Time
	log    *slog.Logger
	hash   *hasher
	index  index

	change sync.Mutex   // held through a change, the store's fsync included
	read   sync.RWMutex // guards keys, held for moments
	keys   map[string]*entry
	flush  sync.Mutex // held through Flush
}

// entry is one state of a key. A change makes another that shares used.
type entry struct {
	Record
	used *usage
}

// usage is when a key was last used, in microseconds since 1970; 0 = never.
type usage struct {
	at      atomic.Int64
	flushed int64 // what the store has; guarded by Keyring.flush
}

var _ Service = (*Keyring)(nil)

// New reads the store into memory. CodeSecret when the pepper is not the one that
// the store's keys were made under, CodeStore when it cannot be read.
func New(ctx context.Context, c Config) (*Keyring, error) {
	if len(c.Pepper) != 32 {
		return nil, crank.E(crank.CodeSecret, "the pepper of API keys is %d bytes, not 32", len(c.Pepper)).Mending("Give the node the pepper file that it was begun with.")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	k := &Keyring{store: c.Store, tokens: c.Tokens, now: c.Now, log: c.Log, hash: newHasher(c.Pepper), keys: map[string]*entry{}}
	mine := k.hash.of(pepperCheck)
	switch theirs, err := c.Store.Pepper(ctx, mine); {
	case err != nil:
		return nil, crank.Wrap(crank.CodeStore, err, "the API keys cannot be read")
	case theirs != mine:
		return nil, crank.E(crank.CodeSecret, "the API keys were made under another pepper").Mending("Put the pepper file of this data directory back, from a backup.")
	}
	all, err := c.Store.Load(ctx)
	if err != nil {
		return nil, crank.Wrap(crank.CodeStore, err, "the API keys cannot be read")
	}
	for _, r := range all {
		used := &usage{}
		if !r.Key.LastUsed.IsZero() {
			used.flushed = r.Key.LastUsed.UnixMicro()
			used.at.Store(used.flushed)
		}
		k.keys[r.Key.ID] = &entry{r, used}
	}
	k.index.build(k.keys)
	return k, nil
}

// Identify implements Service.
func (k *Keyring) Identify(ctx context.Context, c Credential) (crank.Principal, error) {
	s := c.Bearer
	if len(s) == secretLen && strings.HasPrefix(s, secretPrefix) {
		if found := k.index.find(k.hash.of(s)); found != nil {
			now := k.now().UnixMicro()
			if found.until != 0 && now >= found.until {
				return crank.Principal{}, crank.E(crank.CodeKeyRevoked, "the API key %s %s", found.principal.Key, found.ending)
			}
			if last := found.used.at.Load(); now-last >= int64(time.Second/time.Microsecond) {
				found.used.at.CompareAndSwap(last, now)
			}
			return found.principal, nil
		}
	}
	switch {
	case s == "":
		return crank.Principal{}, crank.E(crank.CodeUnauthenticated, "no key was sent")
	case looksLikeToken(s) && k.tokens != nil:
		return k.tokens.Verify(ctx, s)
	case looksLikeToken(s):
		return crank.Principal{}, crank.E(crank.CodeUnauthenticated, "this node takes API keys only, not tokens")
	}
	if err := ParseSecret(s); err != nil {
		return crank.Principal{}, err
	}
	return crank.Principal{}, crank.E(crank.CodeUnauthenticated, "nobody here knows this API key")
}

// looksLikeToken reports whether s could be a signed JWT (RFC 7519 section 3.1
// in the compact form of RFC 7515): three parts, the first of which is the base64
// of a JSON object.
func looksLikeToken(s string) bool {
	return strings.HasPrefix(s, "ey") && strings.Count(s, ".") == 2
}

// Get implements Service.
func (k *Keyring) Get(_ context.Context, tenant, id string) (Key, error) {
	e, err := k.get(tenant, id)
	if err != nil {
		return Key{}, err
	}
	return e.told(), nil
}

func (k *Keyring) get(tenant, id string) (*entry, error) {
	k.read.RLock()
	defer k.read.RUnlock()
	e, ok := k.keys[id]
	if !ok || e.Key.Tenant != tenant {
		return nil, crank.E(crank.CodeNotFound, "there is no API key %.80q here", id)
	}
	return e, nil
}

// List implements Service.
func (k *Keyring) List(_ context.Context, tenant string) ([]Key, error) {
	k.read.RLock()
	var all []Key
	for _, e := range k.keys {
		if e.Key.Tenant == tenant {
			all = append(all, e.told())
		}
	}
	k.read.RUnlock()
	slices.SortFunc(all, func(a, b Key) int {
		if c := a.Created.Compare(b.Created); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return all, nil
}

// told returns the key as it is now, sharing nothing.
func (e *entry) told() Key {
	key := e.Key
	key.Roles, key.Allow, key.Labels = slices.Clone(key.Roles), slices.Clone(key.Allow), cloneLabels(key.Labels)
	if at := e.used.at.Load(); at != 0 {
		key.LastUsed = time.UnixMicro(at).UTC()
	}
	return key
}

func cloneLabels(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	return maps.Clone(m)
}

// micro brings a time to what every store keeps: microseconds, UTC.
func micro(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}
