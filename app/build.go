package app

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"

	"k8s.io/klog/v2"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/notesign"
	"github.com/crank-platform/crank/platform/auth"
	authsql "github.com/crank-platform/crank/platform/auth/sqlite"
	"github.com/crank-platform/crank/platform/blobs"
	"github.com/crank-platform/crank/platform/blobs/folder"
	"github.com/crank-platform/crank/platform/discovery"
	"github.com/crank-platform/crank/platform/dispatch"
	claimsql "github.com/crank-platform/crank/platform/dispatch/sqlite"
	"github.com/crank-platform/crank/platform/ledger"
	ledgersql "github.com/crank-platform/crank/platform/ledger/sqlite"
	"github.com/crank-platform/crank/platform/market"
	"github.com/crank-platform/crank/platform/policy"
	"github.com/crank-platform/crank/platform/policy/opa"
	"github.com/crank-platform/crank/platform/receipts"
	journalsql "github.com/crank-platform/crank/platform/receipts/sqlite"
	"github.com/crank-platform/crank/platform/receipts/tessera"
	"github.com/crank-platform/crank/platform/receipts/verify"
	"github.com/crank-platform/crank/platform/routing"
	"github.com/crank-platform/crank/platform/secrets"
	secretsql "github.com/crank-platform/crank/platform/secrets/sqlite"
	"github.com/crank-platform/crank/platform/tenancy"
	tenancysql "github.com/crank-platform/crank/platform/tenancy/sqlite"
)

// runner is something that lives while the node does.
type runner struct {
	name string
	run  func(ctx context.Context) error
}

func (h *House) runs(name string, run func(context.Context) error) {
	h.run = append(h.run, runner{name, run})
}

// build makes every module, lowest first.
func (h *House) build(ctx context.Context, o Options) error {
	for _, step := range []func(context.Context, Options) error{
		func(context.Context, Options) error { return h.takeDir() },
		h.buildJournal, h.buildMerkle, h.buildPeople, h.buildPolicy, h.buildMarket, h.buildLedger,
		h.buildBlobs, h.buildDispatch, h.buildTracing, h.buildJobs, h.buildWorkers,
	} {
		if err := step(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

func (h *House) buildJournal(ctx context.Context, _ Options) error {
	store, err := journalsql.Open(ctx, h.Config.DataDir)
	if err != nil {
		return err
	}
	h.closes(store.Close)
	if h.journal, err = receipts.New(ctx, receipts.Config{Store: store, Log: h.Log}); err != nil {
		return err
	}
	h.Receipts = vetted{h.journal}
	h.runs("journal", h.journal.Run)
	return nil
}

func (h *House) buildMerkle(ctx context.Context, _ Options) error {
	quietTessera()
	epochs, err := h.journal.Epochs(ctx)
	if err != nil {
		return err
	}
	last := epochs[len(epochs)-1]
	if h.Ring, err = notesign.OpenRing(h.path("keys", "log"), h.Node, nil); err != nil {
		return crank.Wrap(crank.CodeStore, err, "the log's keys cannot be opened")
	}
	h.Merkle, err = tessera.New(tessera.Config{
		Dir: h.path("log", verify.Folder(last.Epoch)), Origin: verify.Origin(h.Node, last.Epoch), Epoch: last.Epoch, FirstSeq: last.FirstSeq,
		Signers: h.Ring.Signers(), Keys: h.Ring.Keys(), Source: h.journal, Wake: h.wake, Logger: h.Log,
		Published: h.anchor,
		Alarm: func(l tessera.Lag) {
			h.Log.Error("the Merkle log is behind the journal", "lag", l)
		},
	})
	if err != nil {
		return err
	}
	h.runs("merkle log", h.Merkle.Run)
	return nil
}

// quietTessera keeps the log's library from writing to stderr by itself: what
// matters it also returns.
var quietTessera = sync.OnceFunc(func() {
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
})

// wakeMerkle follows the journal: the log reads what was committed by itself.
func (h *House) wakeMerkle(context.Context, []crank.Record) error {
	select {
	case h.wake <- struct{}{}:
	default:
	}
	return nil
}

func (h *House) buildPeople(ctx context.Context, _ Options) error {
	ten, err := tenancysql.Open(ctx, h.path("tenancy.db"))
	if err != nil {
		return err
	}
	h.closes(ten.Close)
	if h.Tenancy, err = tenancy.New(ctx, tenancy.Config{Store: ten}); err != nil {
		return err
	}
	sec, err := secretsql.Open(ctx, h.path("secrets.db"))
	if err != nil {
		return err
	}
	h.closes(sec.Close)
	if h.Secrets, err = secrets.Open(ctx, h.path("master.key"), secrets.Config{Store: sec}); err != nil {
		return err
	}
	pepper, err := h.nodeSecret(ctx, "auth-pepper")
	if err != nil {
		return err
	}
	tokens, err := h.tokens(ctx)
	if err != nil {
		return err
	}
	keys, err := authsql.Open(ctx, h.path("auth.db"))
	if err != nil {
		return err
	}
	h.closes(keys.Close)
	ring, err := auth.New(ctx, auth.Config{Store: keys, Pepper: pepper, Tokens: tokens, Log: h.Log})
	if err != nil {
		return err
	}
	h.Auth = ring
	h.runs("auth", ring.Run)
	return nil
}

// nodeSecret returns 32 bytes of the node's own, made when first asked for.
func (h *House) nodeSecret(ctx context.Context, name string) ([]byte, error) {
	s, err := h.Secrets.Get(ctx, "", name)
	if crank.IsKind(err, crank.KindNotFound) {
		key := secrets.NewKey()
		_, err = h.Secrets.Set(ctx, "", name, key)
		return key, err
	}
	if err != nil {
		return nil, err
	}
	return s.Reveal(), nil
}

func (h *House) buildPolicy(ctx context.Context, _ Options) error {
	if _, err := os.Stat(h.Config.PolicyDir); errors.Is(err, os.ErrNotExist) {
		if _, err := opa.WriteStarter(h.Config.PolicyDir); err != nil {
			return err
		}
	}
	var err error
	h.Policy, err = opa.New(ctx, opa.Config{
		Dir: h.Config.PolicyDir, Observe: h.Config.Observe,
		Log: func(q policy.Question, d crank.Decision, err error) {
			if err != nil || !d.Allow || d.Observed {
				h.Log.Info("policy", "act", q.Action, "capability", q.Capability, "tenant", q.Principal.Tenant, "key", q.Principal.Key,
					"allow", d.Allow, "observed", d.Observed, "reasons", d.Reasons, "err", err)
			}
		},
		Loaded: func(s opa.Status, err error) {
			if err != nil {
				h.Log.Error("the changed policy does not load; the one before it keeps serving", "err", err)
				return
			}
			h.Log.Info("policy loaded", "digest", s.Digest)
			h.record(crank.Admin{Act: "policy.load", Object: s.Digest.String()})
		},
	})
	if err != nil {
		return err
	}
	h.runs("policy", h.Policy.Run)
	return nil
}

func (h *House) buildMarket(context.Context, Options) error {
	h.Market = market.NewQuoter(market.Config{})
	h.directory = discovery.New(discovery.Config{})
	h.Discovery = h.directory
	h.runs("discovery", h.directory.Run)
	return nil
}

func (h *House) buildLedger(ctx context.Context, o Options) error {
	store, err := ledgersql.Open(ctx, h.path("ledger.db"))
	if err != nil {
		return err
	}
	h.closes(store.Close)
	book, err := ledger.Open(ctx, ledger.Config{Store: store, Log: h.Log})
	if err != nil {
		return err
	}
	h.Ledger = book
	h.runs("ledger", book.Run)
	return h.wire(ctx, o)
}

func (h *House) buildBlobs(ctx context.Context, _ Options) error {
	key, err := h.nodeSecret(ctx, "blob-tickets")
	if err != nil {
		return err
	}
	store, err := folder.Open(h.path("blobs"))
	if err != nil {
		return err
	}
	h.closes(store.Close)
	h.Blobs = blobs.New(blobs.Config{Store: store, Key: key, MaxBytes: h.Config.MaxBody, Log: h.Log})
	return nil
}

func (h *House) buildDispatch(ctx context.Context, _ Options) error {
	claims, err := claimsql.Open(ctx, h.path("claims.db"))
	if err != nil {
		return err
	}
	h.closes(claims.Close)
	h.claims = claims
	h.Routing = routing.New(routing.Config{Offers: offers{h.Discovery}, Quoter: quoter{h.Market}, Zone: h.Config.Zone})
	h.calls = dispatch.New(dispatch.Config{
		Contracts: contracts{h.Discovery}, Policy: decider{h.Policy, h.Tenancy}, Router: router{h.Routing, h.Market},
		Biller: biller{}, Payer: h.Ledger, Journal: h.Receipts, Vault: h.journal, Sender: &h.mesh, Blobs: h.Blobs,
		Claims: claims, Receipts: byCall{h.journal}, Log: h.Log, PerTenant: h.Config.PerTenant,
	})
	h.Dispatch = h.calls
	return nil
}
