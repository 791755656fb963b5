package sqlite_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/tenancy"
	"github.com/crank-platform/crank/platform/tenancy/sqlite"
	"github.com/crank-platform/crank/platform/tenancy/tenancytest"
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
	tenancytest.Run(t, func(t testing.TB) func() tenancy.Service {
		path := filepath.Join(t.TempDir(), "tenancy.db")
		return func() tenancy.Service {
			d, err := tenancy.New(t.Context(), tenancy.Config{Store: open(t, path)})
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
	})
}

func TestTheFileItselfRefusesASecondLiveSiblingOfAName(t *testing.T) {
	store := open(t, filepath.Join(t.TempDir(), "tenancy.db"))
	one := tenancy.Unit{ID: "a", Level: crank.LevelTenant, Tenant: "a", Name: "acme", Created: time.UnixMicro(1)}
	two := one
	two.ID, two.Tenant = "b", "b"
	if err := store.Put(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	if err := store.Put(t.Context(), two); !errors.Is(err, tenancy.ErrNameTaken) {
		t.Errorf("got %v", err)
	}
	two.Archived = time.UnixMicro(2)
	if err := store.Put(t.Context(), two); err != nil {
		t.Errorf("an archived one of the same name: %v", err)
	}
}

func TestAFailingStoreChangesNothing(t *testing.T) {
	store := open(t, filepath.Join(t.TempDir(), "tenancy.db"))
	d, err := tenancy.New(t.Context(), tenancy.Config{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	u, err := d.CreateTenant(t.Context(), "acme", tenancy.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	store.Close()
	if _, err := d.Rename(t.Context(), u.ID, u.ID, "zeta"); !errors.Is(err, crank.E(crank.CodeStore, "")) {
		t.Errorf("got %v", err)
	}
	if got, err := d.Get(t.Context(), u.ID, u.ID); err != nil || got != u {
		t.Errorf("%+v became %+v, %v", u, got, err)
	}
}
