package auth

import (
	"context"
	"slices"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
)

// maxSecrets is how many secrets of a key are remembered, the newest first; one
// that is forgotten is answered as unknown instead of as ended.
const maxSecrets = 8

// Create implements Service.
func (k *Keyring) Create(ctx context.Context, spec KeySpec) (Key, string, error) {
	k.change.Lock()
	defer k.change.Unlock()
	return k.create(ctx, spec, func(string) error { return nil })
}

// Bootstrap implements Service.
func (k *Keyring) Bootstrap(ctx context.Context, keep func(secret string) error) (Key, error) {
	k.change.Lock()
	defer k.change.Unlock()
	if len(k.keys) > 0 {
		return Key{}, crank.E(crank.CodeExists, "this node has API keys already").Mending("Use one of them; an operator's makes others: `crank keys create`.")
	}
	key, _, err := k.create(ctx, KeySpec{Name: "first operator", Roles: []string{crank.RoleOperator}}, keep)
	return key, err
}

func (k *Keyring) create(ctx context.Context, spec KeySpec, keep func(string) error) (Key, string, error) {
	now := micro(k.now())
	spec, err := parse(spec, now)
	if err != nil {
		return Key{}, "", err
	}
	secret := newSecret()
	if err := keep(secret); err != nil {
		return Key{}, "", crank.Wrap(crank.CodeSecret, err, "the first key's secret could not be put down, so the key was not made")
	}
	r := Record{
		Key: Key{
			ID: ids.New("key"), Tenant: spec.Tenant, Team: spec.Team, App: spec.App, Name: spec.Name,
			Roles: spec.Roles, Labels: spec.Labels, Allow: spec.Allow,
			Tail: tail(secret), Created: now, Expires: spec.Expires,
		},
		Secrets: []Recognition{{Digest: k.hash.of(secret)}},
	}
	key, err := k.put(ctx, nil, r)
	if err != nil {
		return Key{}, "", err
	}
	return key, secret, nil
}

// Rotate implements Service.
func (k *Keyring) Rotate(ctx context.Context, tenant, id string, overlap time.Duration) (Key, string, error) {
	if overlap < 0 || overlap > MaxOverlap {
		return Key{}, "", crank.E(crank.CodeInvalidInput, "the overlap %s is not between 0 and %s", overlap, MaxOverlap).Mending("Choose a shorter overlap.")
	}
	k.change.Lock()
	defer k.change.Unlock()
	was, err := k.get(tenant, id)
	if err != nil {
		return Key{}, "", err
	}
	now := micro(k.now())
	r := was.Record
	if !r.Key.Revoked.IsZero() || !r.Key.Expires.IsZero() && !r.Key.Expires.After(now) {
		return Key{}, "", crank.E(crank.CodeInvalidInput, "the API key %s has ended, so it cannot be rotated", id).Mending("Make a new key: `crank keys create`.")
	}
	secret := newSecret()
	secrets, end, live := []Recognition{{Digest: k.hash.of(secret)}}, now.Add(overlap), 0
	for _, old := range r.Secrets {
		if old.Until.IsZero() || old.Until.After(end) {
			old.Until = end
		}
		if old.Until.After(now) {
			live++
		}
		secrets = append(secrets, old)
	}
	if live >= maxSecrets {
		return Key{}, "", crank.E(crank.CodeInvalidInput, "the API key %s has %d secrets that still serve", id, live).Mending("Wait until one has ended, or rotate with a shorter overlap.")
	}
	// The live ones are the newest: a rotation never lengthens what an older one left.
	r.Secrets = secrets[:min(len(secrets), maxSecrets)]
	r.Key.Rotated, r.Key.Tail = now, tail(secret)
	key, err := k.put(ctx, was, r)
	if err != nil {
		return Key{}, "", err
	}
	return key, secret, nil
}

// Revoke implements Service.
func (k *Keyring) Revoke(ctx context.Context, tenant, id string) (Key, error) {
	k.change.Lock()
	defer k.change.Unlock()
	was, err := k.get(tenant, id)
	if err != nil {
		return Key{}, err
	}
	if !was.Key.Revoked.IsZero() {
		return was.told(), nil
	}
	r := was.Record
	r.Key.Revoked = micro(k.now())
	return k.put(ctx, was, r)
}

// put makes r durable, then visible. The caller holds k.change. A caller that
// goes away does not stop it halfway, so that memory and store agree.
func (k *Keyring) put(ctx context.Context, was *entry, r Record) (Key, error) {
	e := &entry{r, &usage{}}
	if was != nil {
		e.used = was.used
	}
	e.Key = e.told()
	e.Secrets = slices.Clone(r.Secrets)
	if err := k.store.Put(context.WithoutCancel(ctx), e.Record); err != nil {
		return Key{}, crank.Wrap(crank.CodeStore, err, "the API key could not be kept")
	}
	k.index.replace(was, e)
	k.read.Lock()
	defer k.read.Unlock()
	k.keys[e.Key.ID] = e
	return e.told(), nil
}

func tail(secret string) string { return secret[len(secret)-4:] }
