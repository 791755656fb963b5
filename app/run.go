package app

import (
	"context"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/run"
)

// Run brings the node up, calls up once calls can be served, and runs until ctx
// ends; then it goes down in reverse, serving what is under way. Doors are added
// by the caller and come up last.
func (h *House) Run(ctx context.Context, up func(), doors ...run.Service) error {
	services := make([]run.Service, 0, len(h.run)+len(doors)+3)
	for _, r := range h.run {
		services = append(services, run.Service{Name: r.name, Run: func(ctx context.Context, ready func()) error {
			ready()
			return r.run(ctx)
		}})
	}
	services = append(services,
		run.Service{Name: "recovery", Run: h.recover},
		run.Service{Name: "dispatch", Run: h.calls.Run},
		run.Service{Name: "workers", Run: h.runWorkers},
		run.Service{Name: "jobs", Run: h.jobs.Run},
		run.Service{Name: "blobs", Run: func(ctx context.Context, ready func()) error {
			return h.Blobs.Run(ctx, ready, h.jobs.Pinned, h.claims.Pinned)
		}},
		run.Service{Name: "housekeeping", Run: h.keepHouse},
	)
	services = append(services, doors...)
	services = append(services, run.Service{Name: "readiness", Run: func(ctx context.Context, ready func()) error {
		h.up.Store(true)
		ready()
		<-ctx.Done()
		h.up.Store(false)
		return nil
	}})
	return run.InOrder(ctx, up, services...)
}

// recover brings the projections up to the journal, closes what a crash left
// open and, on a new data directory, makes the first keys.
func (h *House) recover(ctx context.Context, ready func()) error {
	applied, err := h.Ledger.Applied(ctx)
	if err != nil {
		return err
	}
	if err := h.journal.Follow(ctx, "ledger", applied, h.Ledger.Apply); err != nil {
		return err
	}
	_, head, err := h.journal.Head(ctx)
	if err != nil {
		return err
	}
	if err := h.journal.Follow(ctx, "merkle log", head, h.wakeMerkle); err != nil {
		return err
	}
	if err := h.journal.Follow(ctx, "metrics", head, h.countOutcomes); err != nil {
		return err
	}
	open, err := h.journal.Open(ctx)
	if err != nil {
		return err
	}
	opened := make([]crank.Opened, len(open))
	for i, r := range open {
		opened[i] = *r.Opened
	}
	closed, err := h.calls.Recover(ctx, opened, h.jobs.Keeps)
	if err != nil {
		return err
	}
	if closed > 0 {
		h.Log.Warn("calls were under way when the node stopped; their outcome is unknown and nothing is charged", "calls", closed)
	}
	if err := h.firstStart(ctx); err != nil {
		return err
	}
	ready()
	<-ctx.Done()
	return nil
}

// keepHouse prunes what retention allows.
func (h *House) keepHouse(ctx context.Context, ready func()) error {
	ready()
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			h.retain(ctx)
		}
	}
}
