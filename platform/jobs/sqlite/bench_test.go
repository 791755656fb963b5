package sqlite_test

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
	"github.com/crank-platform/crank/platform/jobs"
)

// BenchmarkLife adds a job of 1 KiB, begins it, keeps its output and ends it:
// four durable commits.
func BenchmarkLife(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "jobs.db"))
	input, _ := json.Marshal(make([]byte, 768))
	now := time.Now()
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			e := jobs.Entry{Call: crank.Call{Input: input}, Job: crank.Job{ID: ids.New("job"), Tenant: "t", State: crank.JobQueued, Submitted: now}}
			if _, added, err := s.Add(b.Context(), e, now); err != nil || !added {
				b.Error(added, err)
			}
			from, attempt := e.Job.State, 0
			for _, next := range []crank.JobState{crank.JobRunning, crank.JobRunning, crank.JobDone} {
				e.Job.State, e.Job.Attempt, e.Job.Ended = next, 1, now
				if ok, err := s.Swap(b.Context(), e, from, attempt); err != nil || !ok {
					b.Error(ok, err)
				}
				from, attempt = next, 1
				e.Job.Output = input
			}
		}
	})
}
