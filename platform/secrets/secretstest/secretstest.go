// Package secretstest is the conformance suite of package secrets: every body of
// its Store passes it.
package secretstest

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
	"github.com/crank-platform/crank/platform/secrets"
)

// Body begins an empty store and returns how to open it. Each further opening is
// a restart: the one before is not used again.
type Body func(t testing.TB) (open func() secrets.Store)

// Run runs the suite.
func Run(t *testing.T, body Body) {
	t.Run("WhatIsSetIsGotAndVersionsCountOn", func(t *testing.T) { versions(t, body(t)) })
	t.Run("BadNamesAndValuesAreRefused", func(t *testing.T) { bad(t, body(t)) })
	t.Run("TheWrongMasterKeyIsRefused", func(t *testing.T) { wrongKey(t, body(t)) })
	t.Run("ARotatedMasterReadsEverythingAndTheOldOneNothing", func(t *testing.T) { rotateMaster(t, body(t)) })
	t.Run("AFailedMasterRotationChangesNothing", func(t *testing.T) { failedRotation(t, body(t)()) })
	t.Run("TamperingIsFound", func(t *testing.T) { tamper(t, body) })
	t.Run("APutOverAnotherVersionIsRefused", func(t *testing.T) { compareAndSet(t, body(t)()) })
	t.Run("TwoTenantsWithEqualNamesNeverSeeEachOther", func(t *testing.T) { isolation(t, body) })
	t.Run("ConcurrentSetsLoseNoVersion", func(t *testing.T) { race(t, body(t)()) })
}

var master = bytes.Repeat([]byte{1}, secrets.KeySize)

func vault(t testing.TB, s secrets.Store, key []byte) *secrets.Vault {
	t.Helper()
	v, err := secrets.New(t.Context(), secrets.Config{Store: s, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func set(t testing.TB, v *secrets.Vault, tenant, name, value string) secrets.Meta {
	t.Helper()
	m, err := v.Set(t.Context(), tenant, name, []byte(value))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func reads(t testing.TB, v *secrets.Vault, tenant, name, want string) {
	t.Helper()
	s, err := v.Get(t.Context(), tenant, name)
	if err != nil || string(s.Reveal()) != want || s.Meta().Name != name {
		t.Errorf("%s reads %q, %v; want %q", name, s.Reveal(), err, want)
	}
}

func wants(t testing.TB, err error, code crank.Code) {
	t.Helper()
	if !errors.Is(err, crank.E(code, "")) {
		t.Errorf("got %v, want %s", err, code)
	}
}

func versions(t *testing.T, open func() secrets.Store) {
	v := vault(t, open(), master)
	tenant := ids.New("tenant")
	_, err := v.Rotate(t.Context(), tenant, "mail", []byte("x"))
	wants(t, err, crank.CodeNotFound)
	_, err = v.Get(t.Context(), tenant, "mail")
	wants(t, err, crank.CodeNotFound)
	one := set(t, v, tenant, "mail", "first")
	set(t, v, tenant, "api-key", strings.Repeat("\x00\xff", secrets.MaxValue/2))
	two := set(t, v, tenant, "mail", "second")
	three, err := v.Rotate(t.Context(), tenant, "mail", []byte("third"))
	if err != nil || one.Version != 1 || two.Version != 2 || three.Version != 3 || three.Updated.Before(one.Updated) {
		t.Errorf("%+v, %+v, %+v, %v", one, two, three, err)
	}
	v = vault(t, open(), master)
	reads(t, v, tenant, "mail", "third")
	reads(t, v, tenant, "api-key", strings.Repeat("\x00\xff", secrets.MaxValue/2))
	all, err := v.List(t.Context(), tenant)
	if err != nil || len(all) != 2 || all[0].Name != "api-key" || all[1] != three {
		t.Errorf("%+v, %v", all, err)
	}
	if err := v.Delete(t.Context(), tenant, "mail"); err != nil {
		t.Error(err)
	}
	wants(t, v.Delete(t.Context(), tenant, "mail"), crank.CodeNotFound)
	_, err = v.Get(t.Context(), tenant, "mail")
	wants(t, err, crank.CodeNotFound)
	if m := set(t, v, tenant, "mail", "anew"); m.Version != 1 {
		t.Errorf("a deleted name goes on with %+v", m)
	}
}

func bad(t *testing.T, open func() secrets.Store) {
	v := vault(t, open(), master)
	for _, name := range []string{"", "A", "1a", "_a", "a b", "a/b", "a\x00", "ä", strings.Repeat("a", 64)} {
		_, err := v.Set(t.Context(), "", name, []byte("x"))
		wants(t, err, crank.CodeSecret)
	}
	for _, value := range [][]byte{nil, {}, make([]byte, secrets.MaxValue+1)} {
		_, err := v.Set(t.Context(), "", "name", value)
		wants(t, err, crank.CodeSecret)
	}
	set(t, v, "", strings.Repeat("a", 63), "x")
}

func wrongKey(t *testing.T, open func() secrets.Store) {
	v := vault(t, open(), master)
	set(t, v, "", "mail", "value")
	for _, key := range [][]byte{nil, []byte("short"), bytes.Repeat([]byte{2}, secrets.KeySize)} {
		_, err := secrets.New(t.Context(), secrets.Config{Store: open(), Key: key})
		wants(t, err, crank.CodeSecret)
		if e := crank.AsError(err); e == nil || !strings.Contains(e.Mend, "backup") {
			t.Errorf("no mend in %+v", e)
		}
	}
	reads(t, vault(t, open(), master), "", "mail", "value")
}

func rotateMaster(t *testing.T, open func() secrets.Store) {
	v := vault(t, open(), master)
	tenants := []string{"", ids.New("tenant"), ids.New("tenant")}
	for _, tenant := range tenants {
		for _, name := range []string{"a", "b", "c"} {
			set(t, v, tenant, name, tenant+name)
		}
	}
	next := secrets.NewKey()
	if err := v.RotateMaster(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	set(t, v, "", "d", "d")
	for range 2 {
		for _, tenant := range tenants {
			for _, name := range []string{"a", "b", "c"} {
				reads(t, v, tenant, name, tenant+name)
			}
		}
		v = vault(t, open(), next)
	}
	_, err := secrets.New(t.Context(), secrets.Config{Store: open(), Key: master})
	wants(t, err, crank.CodeSecret)
	wants(t, v.RotateMaster(t.Context(), next[1:]), crank.CodeSecret)
}

func failedRotation(t *testing.T, s secrets.Store) {
	v := vault(t, s, master)
	set(t, v, "", "a", "a")
	set(t, v, "", "b", "b")
	full, seen := errors.New("the disk is full"), 0
	err := s.Reseal(t.Context(), []byte("other"), func(x secrets.Sealed) ([]byte, error) {
		if seen++; seen == 2 {
			return nil, full
		}
		return []byte("rubbish"), nil
	})
	if !errors.Is(err, full) || seen != 2 {
		t.Errorf("%v after %d", err, seen)
	}
	v = vault(t, s, master)
	reads(t, v, "", "a", "a")
	reads(t, v, "", "b", "b")
}
