package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/api/wire"
	discoveryrpc "github.com/crank-platform/crank/platform/discovery/rpc"
	ledgerrpc "github.com/crank-platform/crank/platform/ledger/rpc"
)

// wire puts modules behind rpc: those that configuration says run elsewhere, or,
// for `crank up --wire`, every module that can, on a loopback listener of this
// process, so that hidden sharing is found.
func (h *House) wire(ctx context.Context, o Options) error {
	c := h.Config
	token := ""
	if c.WireToken != "" {
		text, err := os.ReadFile(c.WireToken)
		if err != nil {
			return crank.Wrap(crank.CodeConfig, err, "wire_token_file cannot be read")
		}
		token = strings.TrimSpace(string(text))
	}
	if (c.LedgerURL != "" || c.DiscoveryURL != "") && token == "" {
		return crank.E(crank.CodeConfig, "ledger_url and discovery_url need wire_token_file: no module listens to strangers")
	}
	if o.Wire {
		url, secret, err := h.loopback(ctx)
		if err != nil {
			return err
		}
		c.LedgerURL, c.DiscoveryURL, token = url, url, secret
	}
	if c.LedgerURL != "" {
		h.Ledger = ledgerrpc.New(c.LedgerURL, token, wire.NewHTTP())
	}
	if c.DiscoveryURL != "" {
		far := discoveryrpc.New(c.DiscoveryURL, token, wire.NewHTTP())
		h.Discovery = far
		h.runs("discovery client", far.Run)
	}
	return nil
}

// loopback serves the modules of this process by rpc, behind a token of its own.
func (h *House) loopback(ctx context.Context) (url, token string, err error) {
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return "", "", crank.Wrap(crank.CodeInternal, err, "no token can be made")
	}
	token = hex.EncodeToString(secret)
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", crank.Wrap(crank.CodeInternal, err, "the modules cannot listen on loopback")
	}
	mux := http.NewServeMux()
	mux.Handle(ledgerrpc.Handler(h.Ledger, token))
	mux.Handle(discoveryrpc.Handler(h.directory, token))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	h.runs("module rpc", func(ctx context.Context) error {
		stop := context.AfterFunc(ctx, func() { _ = server.Close() })
		defer stop()
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	h.closes(func() error {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return "http://" + l.Addr().String(), token, nil
}
