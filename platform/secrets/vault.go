package secrets

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/crank-platform/crank"
)

// Config is what a Vault needs.
type Config struct {
	Store Store
	Key   []byte           // the master key, KeySize bytes
	Now   func() time.Time // nil means time.Now
}

// Vault is the Service in this process.
type Vault struct {
	store Store
	now   func() time.Time

	mu  sync.RWMutex // read: box is used; write: a change is under way
	box *box
}

var _ Service = (*Vault)(nil)

// New checks the key against the store, or marks an empty store with it.
// CodeSecret when the store was sealed under another key.
func New(ctx context.Context, c Config) (*Vault, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	b, err := newBox(c.Key)
	if err != nil {
		return nil, err
	}
	check, err := c.Store.Check(ctx, b.check())
	if err != nil {
		return nil, crank.Wrap(crank.CodeStore, err, "the secrets cannot be read")
	}
	if !b.fits(check) {
		return nil, crank.E(crank.CodeSecret, "the secrets were sealed under another master key").
			Mending("Put the master.key of this data directory back, from a backup.")
	}
	return &Vault{store: c.Store, now: c.Now, box: b}, nil
}

// Set implements Service.
func (v *Vault) Set(ctx context.Context, tenant, name string, value []byte) (Meta, error) {
	return v.put(ctx, tenant, name, value, false)
}

// Rotate implements Service.
func (v *Vault) Rotate(ctx context.Context, tenant, name string, value []byte) (Meta, error) {
	return v.put(ctx, tenant, name, value, true)
}

func (v *Vault) put(ctx context.Context, tenant, name string, value []byte, known bool) (Meta, error) {
	if err := errors.Join(parseName(name), parseValue(value)); err != nil {
		return Meta{}, crank.AsError(err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	stands, err := v.store.Get(ctx, tenant, name)
	if err != nil && (known || !errors.Is(err, ErrNone)) {
		return Meta{}, told(err, name)
	}
	s := Sealed{Tenant: tenant, Meta: Meta{Name: name, Version: stands.Version + 1, Updated: v.now().UTC().Truncate(time.Microsecond)}}
	s.Box = v.box.seal(s, value)
	if err := v.store.Put(ctx, s); err != nil {
		return Meta{}, told(err, name)
	}
	return s.Meta, nil
}

// Get implements Service.
func (v *Vault) Get(ctx context.Context, tenant, name string) (Secret, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	s, err := v.store.Get(ctx, tenant, name)
	if err != nil {
		return Secret{}, told(err, name)
	}
	value, err := v.box.open(s)
	if err != nil {
		return Secret{}, err
	}
	return newSecret(s.Meta, value), nil
}

// List implements Service.
func (v *Vault) List(ctx context.Context, tenant string) ([]Meta, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	all, err := v.store.List(ctx, tenant)
	if err != nil {
		return nil, told(err, "")
	}
	metas := make([]Meta, len(all))
	for i, s := range all {
		metas[i] = s.Meta
	}
	return metas, nil
}

// Delete implements Service.
func (v *Vault) Delete(ctx context.Context, tenant, name string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.store.Delete(ctx, tenant, name); err != nil {
		return told(err, name)
	}
	return nil
}

// RotateMaster implements Service.
func (v *Vault) RotateMaster(ctx context.Context, next []byte) error {
	b, err := newBox(next)
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	err = v.store.Reseal(context.WithoutCancel(ctx), b.check(), func(s Sealed) ([]byte, error) {
		value, err := v.box.open(s)
		if err != nil {
			return nil, err
		}
		defer clear(value)
		return b.seal(s, value), nil
	})
	if err != nil {
		return told(err, "")
	}
	v.box = b
	return nil
}

// told says a Store's error in the caller's words.
func told(err error, name string) error {
	switch {
	case errors.Is(err, ErrNone):
		return crank.E(crank.CodeNotFound, "there is no secret %.80q here", name)
	case errors.Is(err, ErrChanged):
		return crank.E(crank.CodeExists, "the secret %q was changed by another meanwhile", name).Mending("Look at it again, then set it.")
	}
	return crank.Wrap(crank.CodeStore, err, "the secrets could not be read or kept")
}
