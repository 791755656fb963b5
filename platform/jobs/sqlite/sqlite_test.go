package sqlite_test

import (
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/crank-platform/crank/platform/jobs"
	"github.com/crank-platform/crank/platform/jobs/jobstest"
	"github.com/crank-platform/crank/platform/jobs/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, path string) *sqlite.Store {
	s, err := sqlite.Open(t.Context(), path)
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

func TestJobs(t *testing.T) {
	jobstest.Run(t, func(t *testing.T) func() jobs.Store {
		path := filepath.Join(t.TempDir(), "jobs.db")
		return func() jobs.Store { return open(t, path) }
	})
}
