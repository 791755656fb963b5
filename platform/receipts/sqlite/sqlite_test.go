package sqlite

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/crank-platform/crank/platform/receipts"
	"github.com/crank-platform/crank/platform/receipts/receiptstest"
)

type place struct {
	dir   string
	store *Store
}

func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (p *place) Open(t *testing.T) receipts.Store {
	p.store = open(t, p.dir)
	return p.store
}

// Crash copies the files as they lie: what a process that ends here leaves.
func (p *place) Crash(t *testing.T) receipts.Store {
	to := t.TempDir()
	files, err := filepath.Glob(filepath.Join(p.dir, "*.db*"))
	if err != nil || len(files) < 3 {
		t.Fatalf("the files are %v (%v)", files, err)
	}
	for _, f := range files {
		if filepath.Ext(f) == ".db-shm" {
			continue // shared memory: a new process makes its own
		}
		b, err := os.ReadFile(f)
		if err == nil {
			err = os.WriteFile(filepath.Join(to, filepath.Base(f)), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	p.dir = to
	return p.Open(t)
}

func (p *place) Fill(t *testing.T) bool {
	var pages int
	if err := p.store.journal.Write.QueryRow("PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	p.limit(t, pages+2)
	return true
}

func (p *place) Free(t *testing.T) { p.limit(t, 1<<30) }

func (p *place) limit(t *testing.T, pages int) {
	t.Helper()
	if _, err := p.store.journal.Write.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
		t.Fatal(err)
	}
}

func TestSQLiteKeepsAJournal(t *testing.T) {
	receiptstest.Run(t, func(t *testing.T) receiptstest.Place { return &place{dir: t.TempDir()} })
}

func TestAnErasedKeyIsNotOnTheDisk(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	fresh := receipts.SubjectKey{ID: [16]byte{1, 2, 3}, Key: [32]byte([]byte("a key that can be found again..."))}
	who := [32]byte{7}
	if _, err := s.SubjectKey(t.Context(), "tenant", who, fresh); err != nil {
		t.Fatal(err)
	}
	found := func() (n int) {
		files, _ := filepath.Glob(filepath.Join(dir, "vault.db*"))
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			n += bytes.Count(b, fresh.Key[:])
		}
		return n
	}
	if found() == 0 {
		t.Fatal("the key is nowhere before it is erased: this test cannot see it")
	}
	if err := s.EraseKey(t.Context(), "tenant", who); err != nil {
		t.Fatal(err)
	}
	if n := found(); n != 0 {
		t.Errorf("the erased key is still %d times on the disk", n)
	}
}
