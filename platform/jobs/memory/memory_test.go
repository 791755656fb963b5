package memory_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/crank-platform/crank/platform/jobs"
	"github.com/crank-platform/crank/platform/jobs/jobstest"
	"github.com/crank-platform/crank/platform/jobs/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestJobs(t *testing.T) {
	jobstest.Run(t, func(*testing.T) func() jobs.Store {
		s := &memory.Store{}
		return func() jobs.Store { return s }
	})
}
