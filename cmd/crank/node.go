package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/app"
	"github.com/crank-platform/crank/app/config"
	client "github.com/crank-platform/crank/sdk/go"
)

// Whose key a command uses where none is given: the data folder has one of each.
const (
	asCaller   = app.CLIKeyFile
	asOperator = app.OperatorKeyFile
)

// patience is how long a command waits for the data folder while another process
// opens or leaves it.
const patience = 20 * time.Second

// with runs f with a node: the one at --url, else the one that holds the data
// folder, else one of its own on the data folder for as long as f takes.
func (p *program) with(ctx context.Context, who string, f func(context.Context, *client.Client) error) error {
	c, err := p.config()
	if err != nil {
		return err
	}
	if p.url == "" {
		p.url = p.getenv("CRANK_URL")
	}
	if p.url != "" {
		return p.remote(ctx, c, who, f)
	}
	socket := app.SocketPath(c.DataDir)
	for wait, until := 20*time.Millisecond, time.Now().Add(patience); ; wait = min(2*wait, 500*time.Millisecond) {
		if x := answering(ctx, socket); x != nil {
			defer x.Close() // its connection makes a node that is another command's stay
			return p.through(c, who, client.Config{Socket: socket}, func(x *client.Client) error { return f(ctx, x) })
		}
		err := p.embedded(ctx, c, who, f)
		if !locked(err) || time.Now().After(until) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

func locked(err error) bool {
	e, ok := errors.AsType[*crank.Error](err)
	return ok && e.Code == crank.CodeDataDirLocked
}

// answering returns a client of the node at a socket, or nil where none answers.
func answering(ctx context.Context, socket string) *client.Client {
	if _, err := os.Stat(socket); err != nil {
		return nil
	}
	x := client.New(client.Config{Socket: socket})
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if x.Live(ctx) != nil {
		x.Close()
		return nil
	}
	return x
}

// remote talks to a node by URL. The data folder's key goes to this machine only.
func (p *program) remote(ctx context.Context, c config.Config, who string, f func(context.Context, *client.Client) error) error {
	u, err := url.Parse(p.url)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return usage("%q is no URL of a node, such as http://127.0.0.1:7272", p.url)
	}
	ip := net.ParseIP(u.Hostname())
	if u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		if u.Scheme == "http" {
			return usage("%s would send the key in the clear", p.url)
		}
		who = ""
	}
	return p.through(c, who, client.Config{URL: p.url}, func(x *client.Client) error { return f(ctx, x) })
}

// through makes the client, with a key.
func (p *program) through(c config.Config, who string, to client.Config, f func(*client.Client) error) error {
	key, err := p.key(c, who)
	if err != nil {
		return err
	}
	to.Key, to.Agent = key, "crank/"+version()
	x := client.New(to)
	defer x.Close()
	return f(x)
}

// key is the one in --key-file, in CRANK_KEY, or the data folder's own.
func (p *program) key(c config.Config, who string) (string, error) {
	if p.keyFile != "" {
		text, err := os.ReadFile(p.keyFile)
		if err != nil {
			return "", fileError(err)
		}
		return strings.TrimSpace(string(text)), nil
	}
	if k := p.getenv("CRANK_KEY"); k != "" {
		return k, nil
	}
	if who == "" {
		return "", crank.E(crank.CodeUnauthenticated, "no key is given").Mending("Name a file with --key-file, or set CRANK_KEY.")
	}
	path := filepath.Join(c.DataDir, filepath.FromSlash(who))
	text, err := os.ReadFile(path)
	if err != nil {
		return "", crank.Wrap(crank.CodeUnauthenticated, err, "no key is given and %s cannot be read", path).
			Mending("Name a file with --key-file, or set CRANK_KEY.")
	}
	return strings.TrimSpace(string(text)), nil
}

// embedded runs a node on the data folder while f does, and for as long as others
// are connected after that.
func (p *program) embedded(ctx context.Context, c config.Config, who string, f func(context.Context, *client.Client) error) error {
	h, err := app.Open(ctx, c, p.keys, app.Options{Log: p.quietLog(c)})
	if err != nil {
		return err
	}
	socket := app.SocketPath(c.DataDir)
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	up, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- h.Run(running, func() { close(up) }, h.SocketDoor()) }()
	select {
	case err := <-ended:
		return errors.Join(err, h.Close())
	case <-up:
	}
	err = p.through(c, who, client.Config{Socket: socket}, func(x *client.Client) error { return f(ctx, x) })
	p.linger(ctx, h, socket)
	stop()
	failed := errors.Join(<-ended, h.Close())
	if err == nil {
		return failed
	}
	return err
}

// linger waits until nobody is connected. Then it takes the socket away, so that
// no one else comes, and waits for those who came meanwhile.
func (p *program) linger(ctx context.Context, h *app.House, socket string) {
	for calm, removed := 0, false; ctx.Err() == nil; {
		if h.Connections() > 0 {
			calm = 0
		} else if calm++; calm >= 3 {
			if removed {
				return
			}
			if err := os.Remove(socket); err != nil {
				return
			}
			calm, removed = 0, true
		}
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// quietLog is the log of a node that nobody asked for by name: what fails is told
// as the command's own error, so it is silent unless log_level is set.
func (p *program) quietLog(c config.Config) *slog.Logger {
	for _, k := range p.keys {
		if k.Name == "log_level" && k.From != "default" {
			return newLog(p.err, c, logLevel(c))
		}
	}
	return slog.New(slog.DiscardHandler)
}

func logLevel(c config.Config) slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return slog.LevelInfo
	}
	return level
}

func newLog(w io.Writer, c config.Config, level slog.Level) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
