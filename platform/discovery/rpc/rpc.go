// Package rpc is a discovery service in another process: Handler puts a
// Directory on a wire, Client is that Service at the other end.
//
// The client keeps a snapshot of its own, so that reading it takes no lock and
// no network. It is fed by asking "what is new since version n?", a question
// that the other end answers when there is something, or after a few seconds.
// While the other end cannot be reached the last snapshot stays, and its offers
// end with their leases; so the two clocks should agree to well within a lease's
// term.
package rpc

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/api/status"
	"github.com/crank-platform/crank/api/wire"
	"github.com/crank-platform/crank/kit/ids"
	"github.com/crank-platform/crank/platform/discovery"
)

// Path is below which all procedures lie.
const Path = "/crank.discovery.v1.Discovery/"

const (
	patience = 5 * time.Second // how long a question for news stays open
	kept     = 64              // snapshots that were sent, to tell only what is new since
)

type (
	publish struct {
		Operation crank.Operation
		Offer     crank.Offer
	}
	renew struct {
		Lease       string
		Incarnation uint64
		SLO         crank.SLO
		Healthy     bool
	}
	withdraw struct{ Lease string }
	// done names the snapshot that holds what was done.
	done struct {
		Lease   discovery.Lease
		Epoch   string // one for each start of the service: versions begin again
		Version uint64
	}
	since struct {
		Epoch   string
		Version uint64
	}
	news struct {
		Epoch string
		Event discovery.Event
	}
)

// Source is what Handler serves: a *discovery.Directory.
type Source interface {
	discovery.Service
	// Changed returns a channel that is closed at the next change of Snapshot.
	Changed() <-chan struct{}
}

// Handler serves svc to whoever sends the token, at the path and below it. An
// empty token lets nobody in.
func Handler(svc Source, token string) (path string, h http.Handler) {
	f := &feed{source: svc, epoch: ids.New("epoch"), sent: map[uint64]*discovery.Snapshot{}}
	s := &wire.Server{Token: token, Status: func(err error) uint32 { return status.Of(err).GRPC }}
	wire.Handle(s, Path+"Publish", func(ctx context.Context, r publish) (d done, err error) {
		d.Lease, err = svc.Publish(ctx, r.Operation, r.Offer)
		d.Epoch, d.Version = f.epoch, d.Lease.Version
		return d, err
	})
	wire.Handle(s, Path+"Renew", func(ctx context.Context, r renew) (d done, err error) {
		d.Lease, err = svc.Renew(ctx, r.Lease, r.Incarnation, r.SLO, r.Healthy)
		d.Epoch, d.Version = f.epoch, d.Lease.Version
		return d, err
	})
	wire.Handle(s, Path+"Withdraw", func(ctx context.Context, r withdraw) (d done, err error) {
		err = svc.Withdraw(ctx, r.Lease)
		d.Epoch, d.Version = f.epoch, svc.Snapshot().Version()
		return d, err
	})
	wire.Handle(s, Path+"News", f.news)
	return Path, s
}

// feed answers what is new. It keeps the snapshots that it has sent, which share
// nearly all of their memory; who has an older one is sent everything.
type feed struct {
	source Source
	epoch  string

	mu    sync.Mutex
	sent  map[uint64]*discovery.Snapshot
	order []uint64 // of sent, oldest first
}

func (f *feed) news(ctx context.Context, q since) (news, error) {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		changed, now := f.source.Changed(), f.source.Snapshot()
		has := f.keep(q, now)
		if has == nil || now.Version() != has.Version() {
			return news{f.epoch, now.Since(has)}, nil
		}
		select {
		case <-changed:
		case <-limit.C:
			return news{f.epoch, discovery.Event{Version: now.Version()}}, nil
		case <-ctx.Done():
			return news{}, ctx.Err()
		}
	}
}

// keep returns the snapshot that q has, nil where it is not known here, and
// remembers the one that it may be sent.
func (f *feed) keep(q since, now *discovery.Snapshot) *discovery.Snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	var has *discovery.Snapshot
	if q.Epoch == f.epoch {
		has = f.sent[q.Version]
	}
	if v := now.Version(); f.sent[v] == nil {
		f.sent[v] = now
		if f.order = append(f.order, v); len(f.order) > kept {
			delete(f.sent, f.order[0])
			f.order = f.order[1:]
		}
	}
	return has
}
