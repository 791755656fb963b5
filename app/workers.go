package app

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/harness"
	"github.com/crank-platform/crank/platform/discovery"
	"github.com/crank-platform/crank/platform/market"
	"github.com/crank-platform/crank/workers/all"
	"github.com/crank-platform/crank/workers/exec"
	"github.com/crank-platform/crank/workers/http"
)

// host is a worker of this node and the leases of what it offers.
type host struct {
	*harness.Host
	address     string
	instance    string
	incarnation uint64

	mu     sync.Mutex
	leases map[crank.Capability]string
}

func (h *House) buildWorkers(ctx context.Context, o Options) error {
	for _, w := range all.Workers() {
		if err := h.addWorker(w, h.Config.Isolation); err != nil {
			return err
		}
	}
	for _, w := range o.Workers { // no child process knows these
		if err := h.addWorker(w, harness.Inproc); err != nil {
			return err
		}
	}
	for _, dir := range h.Config.Workers {
		w, err := h.loadWorker(ctx, dir)
		if err != nil {
			return err
		}
		if err := h.addWorker(w, h.Config.Isolation); err != nil {
			return err
		}
	}
	return nil
}

// loadWorker reads a folder with a worker.yaml: one with a section "http" is an
// HTTP service's, any other a command's.
func (h *House) loadWorker(_ context.Context, dir string) (crank.Worker, error) {
	text, err := os.ReadFile(filepath.Join(dir, "worker.yaml"))
	if err != nil {
		return nil, crank.Wrap(crank.CodeManifest, err, "%s has no worker.yaml that can be read", dir)
	}
	var kind struct {
		HTTP yaml.Node `yaml:"http"`
	}
	if err := yaml.Unmarshal(text, &kind); err != nil {
		return nil, crank.Wrap(crank.CodeManifest, err, "%s cannot be read", filepath.Join(dir, "worker.yaml"))
	}
	if kind.HTTP.IsZero() {
		return exec.Load(dir)
	}
	return http.Load(dir, http.Config{Secret: h.workerSecret})
}

// workerSecret returns a secret of the node's own, for a worker's requests.
func (h *House) workerSecret(ctx context.Context, name string) (string, error) {
	s, err := h.Secrets.Get(ctx, "", name)
	if err != nil {
		return "", err
	}
	return string(s.Reveal()), nil
}

// addWorker gives a worker its harness and its address on the mesh.
func (h *House) addWorker(w crank.Worker, isolation string) error {
	hosted, err := harness.New(harness.Config{Blobs: h.Blobs, Isolation: isolation, Children: h.Config.Pool, Log: h.Log}, w)
	if err != nil {
		return err
	}
	h.closes(func() error {
		hosted.Close()
		if c, ok := w.(interface{ Close() }); ok {
			c.Close()
		}
		return nil
	})
	m := hosted.Manifest()
	for _, op := range m.Operations {
		if err := market.Validate(plan(op), op.Meters); err != nil {
			return fmt.Errorf("worker %s, %s: %w", m.Worker, op.Capability, err)
		}
	}
	x := &host{Host: hosted, address: "inproc:" + m.Worker, instance: m.Worker + "@" + h.Config.Zone, leases: map[crank.Capability]string{}}
	h.mesh.Listen(x.address, hosted.Handle)
	h.workers = append(h.workers, x)
	return nil
}

// plan is what an operation asks; one that asks nothing is free.
func plan(op crank.Operation) crank.Plan {
	p := op.Plan
	if p.Asset == "" {
		p.Asset = FirstBudget.Asset
	}
	return p
}

// runWorkers publishes every operation and keeps the leases.
func (h *House) runWorkers(ctx context.Context, ready func()) error {
	incarnation := uint64(time.Now().UnixNano())
	for _, w := range h.workers {
		w.incarnation = incarnation
		if err := h.publish(ctx, w); err != nil {
			return err
		}
	}
	ready()
	tick := time.NewTicker(discovery.DefaultTerm / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			h.withdraw(context.WithoutCancel(ctx))
			return nil
		case <-tick.C:
			for _, w := range h.workers {
				if err := h.renew(ctx, w); err != nil {
					h.Log.Error("a worker's lease cannot be renewed", "worker", w.Manifest().Worker, "err", err)
				}
			}
		}
	}
}

func (h *House) publish(ctx context.Context, w *host) error {
	m := w.Manifest()
	for _, op := range m.Operations {
		p := plan(op)
		provider := m.Provider
		if provider == "" || provider == "crank" {
			provider = h.Config.Provider
		}
		lease, err := h.Discovery.Publish(ctx, op, crank.Offer{
			Capability: op.Capability, Worker: m.Worker, Provider: provider,
			Instance: w.instance, Incarnation: w.incarnation, Address: w.address,
			Plan: p, PlanDigest: market.Digest(p), Zone: h.Config.Zone, Isolation: w.Isolation,
			Capacity: w.Calls, Healthy: true,
		})
		if err != nil {
			return err
		}
		w.mu.Lock()
		w.leases[op.Capability] = lease.ID
		w.mu.Unlock()
	}
	return nil
}

func (h *House) renew(ctx context.Context, w *host) error {
	w.mu.Lock()
	leases := maps.Clone(w.leases)
	w.mu.Unlock()
	for c, lease := range leases {
		_, err := h.Discovery.Renew(ctx, lease, w.incarnation, w.SLO(c), true)
		if crank.IsKind(err, crank.KindNotFound) {
			return h.publish(ctx, w) // it slept past its term
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (h *House) withdraw(ctx context.Context) {
	for _, w := range h.workers {
		w.mu.Lock()
		for _, lease := range w.leases {
			if err := h.Discovery.Withdraw(ctx, lease); err != nil {
				h.Log.Warn("an offer cannot be withdrawn", "err", err)
			}
		}
		w.mu.Unlock()
	}
}
