package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/ledger"
	"github.com/crank-platform/crank/platform/ledger/ledgertest"
	"github.com/crank-platform/crank/platform/ledger/sqlite"
)

// files remembers where each open store lies.
type files struct{ path sync.Map }

func (f *files) open(t ledgertest.TB, path string) ledger.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), path)
	if err != nil {
		t.Fatalf("%v", err)
	}
	f.path.Store(s, path)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
		if err := os.RemoveAll(filepath.Dir(path)); err != nil {
			t.Fatalf("clean up: %v", err)
		}
	})
	return s
}

func folder(t ledgertest.TB) string {
	dir, err := os.MkdirTemp("", "ledger-")
	if err != nil {
		t.Fatalf("%v", err)
	}
	return filepath.Join(dir, "ledger.db")
}

// copied opens a copy of the file and its log as they lie on the disk, as after a kill.
func (f *files) copied(t ledgertest.TB, s ledger.Store) ledger.Store {
	t.Helper()
	old, _ := f.path.Load(s)
	path := folder(t)
	for _, end := range []string{"", "-wal"} {
		b, err := os.ReadFile(old.(string) + end)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.WriteFile(path+end, b, 0o600)
		}
		if err != nil {
			t.Fatalf("copy: %v", err)
		}
	}
	return f.open(t, path)
}

func TestABookOverSQLiteKeepsTheContract(t *testing.T) {
	var f files
	ledgertest.Run(t, ledgertest.Body{
		Store:  func(t ledgertest.TB) ledger.Store { return f.open(t, folder(t)) },
		Reopen: f.copied,
	})
}

func TestAFileThatIsNoLedgerIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	if err := os.WriteFile(path, []byte("this is no database, however long it goes on, and on, and on"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := sqlite.Open(t.Context(), path); !errors.Is(err, crank.E(crank.CodeStore, "")) {
		t.Errorf("opened as %v, %v", s, err)
	}
}

func BenchmarkSaveThousandLevels(b *testing.B) {
	s, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "ledger.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	var d ledger.Delta
	for i := range 1000 {
		d.Tallies = append(d.Tallies, ledger.Tally{Tenant: "tenant_1", Level: crank.LevelKey, ID: fmt.Sprintf("key_%032d", i), Asset: "USD"})
	}
	b.ReportAllocs()
	for b.Loop() {
		d.Applied++
		if err := s.Save(b.Context(), d); err != nil {
			b.Fatal(err)
		}
	}
}
