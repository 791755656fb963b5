package app

import (
	"context"
	"encoding/json"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/dispatch"
	"github.com/crank-platform/crank/platform/jobs"
	jobsql "github.com/crank-platform/crank/platform/jobs/sqlite"
)

func (h *House) buildJobs(ctx context.Context, _ Options) error {
	store, err := jobsql.Open(ctx, h.path("jobs.db"))
	if err != nil {
		return err
	}
	h.closes(store.Close)
	h.jobs = jobs.New(jobs.Config{
		Store: store, Runner: jobRunner{h.Dispatch}, Receipts: byCall{h.journal}, Holds: h.Ledger, Blobs: h.Blobs,
		ShutdownGrace: h.Config.ShutdownGrace, Log: h.Log,
	})
	h.Jobs = h.jobs
	return nil
}

// jobRunner is dispatch in the words of package jobs.
type jobRunner struct{ dispatch.Service }

func (r jobRunner) Perform(ctx context.Context, call crank.Call, o crank.Opened, sink func(crank.Chunk) error, keep func(json.RawMessage) error) (crank.Answer, error) {
	return r.Service.Perform(ctx, call, o, sink, keep)
}
