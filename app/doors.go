package app

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/gateway/rest"
	"github.com/crank-platform/crank/harness"
	"github.com/crank-platform/crank/kit/httpedge"
	"github.com/crank-platform/crank/kit/run"
	"github.com/crank-platform/crank/platform/receipts/tessera"
	"github.com/crank-platform/crank/workers/all"
)

// ServeChild makes this process a worker's child when it was started as one. It
// must be called early in main, after child.Main.
func ServeChild() (served bool, err error) { return harness.Serve(all.Workers) }

// SocketPath is where the node of a data directory listens for this machine's
// own callers. Paths of Unix sockets are short on every system, so a long
// directory gets one in the temporary folder, named by its digest.
func SocketPath(dataDir string) string {
	path := filepath.Join(dataDir, "crank.sock")
	if len(path) < 100 {
		return path
	}
	sum := sha256.Sum256([]byte(dataDir))
	return filepath.Join(os.TempDir(), "crank-"+hex.EncodeToString(sum[:8])+".sock")
}

// Version is the program's version as its build says.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}

// Handler returns the REST door.
func (h *House) Handler() http.Handler {
	m := newMetrics(h)
	return rest.New(rest.Config{
		Identity: h.Auth, Calls: h.calling(), Jobs: h.Jobs, Catalogue: h.Discovery, Books: h.Books(), Files: h.Blobs,
		Office: h.Office(), Ready: h.ready, Metrics: m.handler(), Observe: m.observe,
		OpenMetrics: h.Config.TLSCert == "", // without TLS the door listens on loopback alone
		MaxBody:     h.Config.MaxBody, Version: Version(), Log: h.Log,
	})
}

// ready reports whether calls can be served.
func (h *House) ready(ctx context.Context) error {
	if !h.up.Load() {
		return crank.E(crank.CodeDraining, "the node is starting or stopping")
	}
	if lag := h.Merkle.Lag(); lag.Age > tessera.MaxMergeDelay {
		return crank.E(crank.CodeJournal, "the Merkle log is %s behind the journal", lag.Age.Round(time.Second))
	}
	_, _, err := h.Receipts.Head(ctx)
	return err
}

// Doors returns the REST door on the configured address and on the Unix socket.
func (h *House) Doors() []run.Service {
	handler := h.Handler()
	doors := []run.Service{h.socketDoor(handler)}
	if h.Config.Listen != "" {
		doors = append(doors, run.Service{Name: "rest", Run: func(ctx context.Context, ready func()) error {
			l, err := h.listen(ctx)
			if err != nil {
				return err
			}
			return h.serve(ctx, l, handler, ready)
		}})
	}
	return doors
}

// SocketDoor returns the door for this machine's own callers alone.
func (h *House) SocketDoor() run.Service { return h.socketDoor(h.Handler()) }

func (h *House) socketDoor(handler http.Handler) run.Service {
	return run.Service{Name: "socket", Run: func(ctx context.Context, ready func()) error {
		path := SocketPath(h.Config.DataDir)
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) { // ours: we hold the directory's lock
			return crank.Wrap(crank.CodeStore, err, "the old socket cannot be removed")
		}
		var listen net.ListenConfig
		l, err := listen.Listen(ctx, "unix", path)
		if err != nil {
			return crank.Wrap(crank.CodeStore, err, "the node cannot listen on %s", path)
		}
		if err := os.Chmod(path, 0o600); err != nil {
			return errors.Join(crank.Wrap(crank.CodeStore, err, "the socket cannot be made private"), l.Close())
		}
		return h.serve(ctx, l, handler, ready)
	}}
}

func (h *House) listen(ctx context.Context) (net.Listener, error) {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", h.Config.Listen)
	if err != nil {
		return nil, crank.Wrap(crank.CodeConfig, err, "the node cannot listen on %s", h.Config.Listen)
	}
	h.Address.Store(new(l.Addr().String()))
	if h.Config.TLSCert == "" {
		return l, nil
	}
	pair, err := tls.LoadX509KeyPair(h.Config.TLSCert, h.Config.TLSKey)
	if err != nil {
		return nil, errors.Join(crank.Wrap(crank.CodeConfig, err, "tls_cert and tls_key cannot be read"), l.Close())
	}
	return tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"}}), nil
}

// serve answers until ctx ends, then lets calls under way end.
func (h *House) serve(ctx context.Context, l net.Listener, handler http.Handler, ready func()) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(h.Log.Handler(), slog.LevelDebug),
		ConnState: func(_ net.Conn, s http.ConnState) {
			switch s {
			case http.StateNew:
				h.conns.Add(1)
			case http.StateClosed, http.StateHijacked:
				h.conns.Add(-1)
			}
		},
	}
	failed := make(chan error, 1)
	edge := httpedge.New(l, func(why string) { h.Log.Debug("a request was refused at the edge", "why", why) })
	go func() { failed <- server.Serve(edge) }()
	ready()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.Config.ShutdownGrace)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		h.Log.Warn("calls were still under way when the grace ended", "err", err)
		_ = server.Close()
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Connections counts the callers that are connected now.
func (h *House) Connections() int64 { return h.conns.Load() }

type doorState struct {
	Address atomic.Pointer[string] // of the REST door, once it listens
	conns   atomic.Int64
	up      atomic.Bool
}
