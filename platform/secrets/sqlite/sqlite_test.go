package sqlite_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/secrets"
	"github.com/crank-platform/crank/platform/secrets/secretstest"
	"github.com/crank-platform/crank/platform/secrets/sqlite"
)

func open(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

func TestTheSQLiteStoreConforms(t *testing.T) {
	secretstest.Run(t, func(t testing.TB) func() secrets.Store {
		path := filepath.Join(t.TempDir(), "secrets.db")
		return func() secrets.Store { return open(t, path) }
	})
}

func TestAFailingStoreSaysSo(t *testing.T) {
	store := open(t, filepath.Join(t.TempDir(), "secrets.db"))
	v, err := secrets.New(t.Context(), secrets.Config{Store: store, Key: secrets.NewKey()})
	if err != nil {
		t.Fatal(err)
	}
	store.Close()
	_, set := v.Set(t.Context(), "", "a", []byte("x"))
	_, get := v.Get(t.Context(), "", "a")
	_, list := v.List(t.Context(), "")
	for _, err := range []error{set, get, list, v.Delete(t.Context(), "", "a"), v.RotateMaster(t.Context(), secrets.NewKey())} {
		if !errors.Is(err, crank.E(crank.CodeStore, "")) {
			t.Errorf("got %v", err)
		}
	}
}
