// Package doctest holds what the tests of the document library share: where
// the corpora lie and how two trees are compared.
//
// It owns no documents.
package doctest

import (
	"os"
	"path/filepath"
	"testing"
)

// Corpus is the path of a file or folder under the corpora; the test is
// skipped where it is absent. CRANK_CORPORA names the place, by default
// ../shared/corpora beside the repository.
func Corpus(t testing.TB, name string) string {
	t.Helper()
	base := os.Getenv("CRANK_CORPORA")
	if base == "" {
		dir, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				break
			}
			up := filepath.Dir(dir)
			if up == dir {
				t.Fatal("no go.mod above the test")
			}
			dir = up
		}
		base = filepath.Join(dir, "..", "shared", "corpora")
	}
	p := filepath.Join(base, name)
	if _, err := os.Stat(p); err != nil {
		t.Skipf("the corpus %s is not here (set CRANK_CORPORA): %v", name, err)
	}
	return p
}
