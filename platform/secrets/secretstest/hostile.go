package secretstest

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
	"github.com/crank-platform/crank/platform/secrets"
)

// tamper takes a sealed secret from its place, changes one thing of it, and puts
// it back under the store's own rules.
func tamper(t *testing.T, body Body) {
	for name, change := range map[string]func(*secrets.Sealed){
		"another tenant":  func(s *secrets.Sealed) { s.Tenant += "x" },
		"another name":    func(s *secrets.Sealed) { s.Name += "x" },
		"another version": func(s *secrets.Sealed) { s.Version++ },
		"a name that borrows from the tenant": func(s *secrets.Sealed) {
			s.Tenant, s.Name = s.Tenant[:len(s.Tenant)-1], s.Tenant[len(s.Tenant)-1:]+s.Name
		},
		"the first bit": func(s *secrets.Sealed) { s.Box[0] ^= 1 },
		"the last bit":  func(s *secrets.Sealed) { s.Box[len(s.Box)-1] ^= 0x80 },
		"a byte less":   func(s *secrets.Sealed) { s.Box = s.Box[:len(s.Box)-1] },
		"a byte more":   func(s *secrets.Sealed) { s.Box = append(s.Box, 0) },
		"nothing left":  func(s *secrets.Sealed) { s.Box = []byte{} },
	} {
		store := body(t)()
		v := vault(t, store, master)
		set(t, v, "tenant", "mail", "value")
		s, err := store.Get(t.Context(), "tenant", "mail")
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(s.Box, []byte("value")) {
			t.Fatal("the value is not sealed")
		}
		s.Box = slices.Clone(s.Box)
		if err := store.Delete(t.Context(), "tenant", "mail"); err != nil {
			t.Fatal(err)
		}
		change(&s)
		at := s
		for at.Version = 1; at.Version <= s.Version; at.Version++ {
			if err := store.Put(t.Context(), at); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := v.Get(t.Context(), s.Tenant, s.Name); !errors.Is(err, crank.E(crank.CodeSecret, "")) {
			t.Errorf("%s gives %q, %v", name, got.Reveal(), err)
		}
		wants(t, v.RotateMaster(t.Context(), secrets.NewKey()), crank.CodeSecret)
	}
}

func compareAndSet(t *testing.T, s secrets.Store) {
	put := func(version int) error {
		return s.Put(t.Context(), secrets.Sealed{Meta: secrets.Meta{Name: "a", Version: version, Updated: time.UnixMicro(int64(version)).UTC()}, Box: []byte{1}})
	}
	for _, c := range []struct {
		version int
		want    error
	}{{2, secrets.ErrChanged}, {1, nil}, {1, secrets.ErrChanged}, {3, secrets.ErrChanged}, {2, nil}, {2, secrets.ErrChanged}} {
		if err := put(c.version); !errors.Is(err, c.want) {
			t.Errorf("version %d: %v, want %v", c.version, err, c.want)
		}
	}
	if got, err := s.Get(t.Context(), "", "a"); err != nil || got.Version != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

// isolation draws changes by two tenants under equal names and compares what each
// sees with a model of its own alone.
func isolation(t *testing.T, body Body) {
	rapid.Check(t, func(r *rapid.T) {
		v := vault(t, body(t)(), master)
		tenants := []string{ids.New("tenant"), ids.New("tenant")}
		models := []map[string]string{{}, {}}
		r.Repeat(map[string]func(*rapid.T){
			"set": func(r *rapid.T) {
				who, name := rapid.IntRange(0, 1).Draw(r, "who"), rapid.SampledFrom([]string{"a", "b"}).Draw(r, "name")
				value := rapid.StringN(1, 8, -1).Draw(r, "value")
				set(t, v, tenants[who], name, value)
				models[who][name] = value
			},
			"delete": func(r *rapid.T) {
				who, name := rapid.IntRange(0, 1).Draw(r, "who"), rapid.SampledFrom([]string{"a", "b"}).Draw(r, "name")
				_, there := models[who][name]
				if err := v.Delete(t.Context(), tenants[who], name); there != (err == nil) {
					r.Fatalf("there: %v, %v", there, err)
				}
				delete(models[who], name)
			},
			"": func(r *rapid.T) {
				for who, tenant := range tenants {
					all, err := v.List(t.Context(), tenant)
					if err != nil || len(all) != len(models[who]) {
						r.Fatalf("%+v, %v; want %v", all, err, models[who])
					}
					for _, name := range []string{"a", "b"} {
						want, there := models[who][name]
						s, err := v.Get(t.Context(), tenant, name)
						if there != (err == nil) || string(s.Reveal()) != want || !there && !errors.Is(err, crank.E(crank.CodeNotFound, "")) {
							r.Fatalf("%s reads %q, %v; want %q", name, s.Reveal(), err, want)
						}
					}
				}
			},
		})
	})
}

func race(t *testing.T, s secrets.Store) {
	v := vault(t, s, master)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			if _, err := v.Set(t.Context(), "", "mail", []byte{byte(i + 1)}); err != nil {
				t.Error(err)
			}
			if got, err := v.Get(t.Context(), "", "mail"); err != nil || len(got.Reveal()) != 1 {
				t.Errorf("%q, %v", got.Reveal(), err)
			}
			if i == 7 {
				if err := v.RotateMaster(t.Context(), secrets.NewKey()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got, err := v.Get(t.Context(), "", "mail"); err != nil || got.Meta().Version != 16 {
		t.Errorf("%+v, %v", got.Meta(), err)
	}
}
