package sqlite_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/auth"
	"github.com/crank-platform/crank/platform/auth/authtest"
	"github.com/crank-platform/crank/platform/auth/sqlite"
)

func TestTheSQLiteStoreConforms(t *testing.T) {
	authtest.Run(t, func(t testing.TB) func(auth.Config) (*auth.Keyring, error) {
		path := filepath.Join(t.TempDir(), "auth.db")
		return func(c auth.Config) (*auth.Keyring, error) {
			store, err := sqlite.Open(t.Context(), path)
			if err != nil {
				return nil, err
			}
			t.Cleanup(func() { store.Close() })
			c.Store = store
			return auth.New(t.Context(), c)
		}
	})
}

func TestAFailingStoreChangesNothing(t *testing.T) {
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "auth.db"))
	if err != nil {
		t.Fatal(err)
	}
	k, err := auth.New(t.Context(), auth.Config{Store: store, Pepper: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	spec := auth.KeySpec{Name: "x", Roles: []string{crank.RoleOperator}}
	key, secret, err := k.Create(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	store.Close()
	if _, err := k.Revoke(t.Context(), "", key.ID); !errors.Is(err, crank.E(crank.CodeStore, "")) {
		t.Errorf("revoking gives %v", err)
	}
	if _, _, err := k.Create(t.Context(), spec); !errors.Is(err, crank.E(crank.CodeStore, "")) {
		t.Errorf("creating gives %v", err)
	}
	if _, err := k.Identify(t.Context(), auth.Credential{Bearer: secret}); err != nil {
		t.Errorf("a revocation that was not acknowledged took effect: %v", err)
	}
	if err := k.Flush(t.Context()); !errors.Is(err, crank.E(crank.CodeStore, "")) {
		t.Errorf("flushing gives %v", err)
	}
}

func TestTheFileHoldsNoSecret(t *testing.T) {
	dir := t.TempDir()
	store, err := sqlite.Open(t.Context(), filepath.Join(dir, "auth.db"))
	if err != nil {
		t.Fatal(err)
	}
	k, err := auth.New(t.Context(), auth.Config{Store: store, Pepper: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	key, secret, err := k.Create(t.Context(), auth.KeySpec{Name: "x", Roles: []string{crank.RoleOperator}})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		found = found || bytes.Contains(b, []byte(key.ID))
		if bytes.Contains(b, []byte(secret[6:20])) || bytes.Contains(b, []byte(secret[20:40])) {
			t.Errorf("%s holds part of the secret", f.Name())
		}
	}
	if !found {
		t.Error("the key is not in the file, so nothing was tested")
	}
}
