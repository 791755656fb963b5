// Package app builds the house: it introduces the modules to one another, by
// hand, from configuration, and runs them.
//
// It owns which body stands behind each interface, the order of start and stop,
// the data directory's lock and first contents, and the acts that touch more
// than one module (package-level files office.go and backup.go). It owns no rule
// of any module.
package app

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/app/config"
	"github.com/crank-platform/crank/kit/ids"
	"github.com/crank-platform/crank/kit/notesign"
	"github.com/crank-platform/crank/mesh/inproc"
	"github.com/crank-platform/crank/platform/auth"
	"github.com/crank-platform/crank/platform/blobs"
	"github.com/crank-platform/crank/platform/discovery"
	"github.com/crank-platform/crank/platform/dispatch"
	"github.com/crank-platform/crank/platform/jobs"
	"github.com/crank-platform/crank/platform/ledger"
	"github.com/crank-platform/crank/platform/market"
	"github.com/crank-platform/crank/platform/policy/opa"
	"github.com/crank-platform/crank/platform/receipts"
	"github.com/crank-platform/crank/platform/receipts/tessera"
	"github.com/crank-platform/crank/platform/routing"
	"github.com/crank-platform/crank/platform/secrets"
	"github.com/crank-platform/crank/platform/tenancy"
)

// House is a node: every module, built and introduced, not yet running.
type House struct {
	Config config.Config
	Node   string       // names this data directory's logs, for ever
	Keys   []config.Key // the configuration as it was found
	Log    *slog.Logger

	Auth      auth.Service
	Tenancy   tenancy.Service
	Secrets   secrets.Service
	Policy    *opa.Engine
	Discovery discovery.Service
	Routing   *routing.Router
	Market    *market.Quoter
	Ledger    ledger.Service
	Receipts  receipts.Service
	Merkle    *tessera.Log
	Ring      *notesign.Ring
	Blobs     *blobs.Blobs
	Jobs      jobs.Service
	Dispatch  dispatch.Service

	doorState

	First *First // what the very first start made; nil at later ones

	mesh      inproc.Mesh
	workers   []*host
	calls     *dispatch.Dispatcher
	claims    dispatch.Claims
	jobs      *jobs.Jobs
	directory *discovery.Directory // behind Discovery, here or through rpc
	journal   *receipts.Journal
	lock      *flock.Flock
	run       []runner // started in this order
	closers   []func() error
	outcomes  *prometheus.CounterVec
	wake      chan struct{} // a commit for the Merkle log to see
}

// CollectAt is the garbage collector's percentage (GOGC) that suits a process
// which is a node and nothing else: a call leaves much behind and little of it
// lives on. It serves 17 % to 94 % more calls a second than 100, as measured in
// docs/explanation/performance.md.
const CollectAt = 400

// Options are what a caller of Open chooses beside the configuration.
type Options struct {
	Wire bool // put every module that has an rpc body behind loopback rpc
	Log  *slog.Logger
	// Workers are Go functions of the calling program that become services, beside
	// the built-in workers and those in folders. They run in this process.
	Workers []crank.Worker
}

// Open builds a node on its data directory. CodeDataDirLocked when another
// process has it.
func Open(ctx context.Context, c config.Config, keys []config.Key, o Options) (*House, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	h := &House{Config: c, Keys: keys, Log: o.Log, wake: make(chan struct{}, 1), outcomes: newOutcomes()}
	if err := h.build(ctx, o); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// Close lets go of files and the lock. It must not be called while Run runs.
func (h *House) Close() error {
	var failed []error
	for i := len(h.closers) - 1; i >= 0; i-- {
		failed = append(failed, h.closers[i]())
	}
	h.closers = nil
	return errors.Join(failed...)
}

func (h *House) path(name ...string) string {
	return filepath.Join(append([]string{h.Config.DataDir}, name...)...)
}

func (h *House) closes(f func() error) { h.closers = append(h.closers, f) }

// Lock takes the data directory for this process, making it where there is none.
func (h *House) takeDir() error {
	if err := os.MkdirAll(h.Config.DataDir, 0o700); err != nil {
		return crank.Wrap(crank.CodeStore, err, "the data directory %s cannot be made", h.Config.DataDir)
	}
	h.lock = flock.New(h.path("lock"))
	ok, err := h.lock.TryLock()
	if err != nil {
		return crank.Wrap(crank.CodeStore, err, "the data directory %s cannot be locked", h.Config.DataDir)
	}
	if !ok {
		return crank.E(crank.CodeDataDirLocked, "another process uses %s", h.Config.DataDir)
	}
	h.closes(h.lock.Unlock)
	if err := h.checkVersion(); err != nil {
		return err
	}
	h.Node, err = nodeName(h.Config.DataDir)
	return err
}

// nodeName reads the name of a data directory's node, and makes one for a new
// directory. It is not secret; it tells logs apart.
func nodeName(dir string) (string, error) {
	path := filepath.Join(dir, "node")
	have, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		name := ids.New("node")
		if err := writePrivate(path, name+"\n"); err != nil {
			return "", crank.Wrap(crank.CodeStore, err, "the node's name cannot be kept")
		}
		return name, nil
	}
	if err != nil {
		return "", crank.Wrap(crank.CodeStore, err, "the node's name cannot be read")
	}
	name := strings.TrimSpace(string(have))
	if !ids.Valid("node", name) {
		return "", crank.E(crank.CodeConfig, "%s does not hold a node's name", path)
	}
	return name, nil
}

// dirVersion is the version of the data directory's layout.
const dirVersion = "1\n"

func (h *House) checkVersion() error {
	path := h.path("version")
	have, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		err = os.WriteFile(path, []byte(dirVersion), 0o600)
	case err == nil && string(have) != dirVersion:
		return crank.E(crank.CodeConfig, "%s was written by another version of Crank (%.20q)", h.Config.DataDir, have)
	}
	if err != nil {
		return crank.Wrap(crank.CodeStore, err, "the data directory's version cannot be kept")
	}
	return nil
}
