package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/app"
	"github.com/crank-platform/crank/app/config"
	client "github.com/crank-platform/crank/sdk/go"
)

// node is a whole node in this process, with its REST door on loopback.
type node struct {
	*app.House
	key  string
	stop context.CancelFunc
	done chan error
}

// openNode brings a node up on a directory, with the echo beside the workers that
// are built in.
func openNode(ctx context.Context, dir string, flags map[string]string) (*node, error) {
	all := map[string]string{"data_dir": dir, "listen": "127.0.0.1:0"}
	for k, v := range flags {
		all[k] = v
	}
	c, keys, err := config.Load(config.Source{Flags: all})
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	house, err := app.Open(ctx, c, keys, app.Options{Log: log, Workers: []crank.Worker{echo{}}})
	if err != nil {
		return nil, err
	}
	n := &node{House: house, done: make(chan error, 1)}
	ctx, n.stop = context.WithCancel(ctx)
	up := make(chan struct{})
	go func() { n.done <- house.Run(ctx, func() { close(up) }, house.Doors()...) }()
	select {
	case <-up:
	case err := <-n.done:
		n.stop()
		return nil, errors.Join(errors.New("the node does not come up"), err, house.Close())
	}
	key, err := os.ReadFile(filepath.Join(dir, app.CLIKeyFile))
	if err != nil {
		return nil, errors.Join(err, n.close())
	}
	n.key = strings.TrimSpace(string(key))
	return n, nil
}

// startNode is the role: a node with the HTTP worker beside the built-in ones
// and a budget on each of the four levels.
func startNode(ctx context.Context, s setup) (role, error) {
	worker := filepath.Join(s.Dir, "worker")
	if err := os.MkdirAll(worker, 0o700); err != nil {
		return nil, err
	}
	flags := map[string]string{"isolation": s.Isolation}
	if s.Upstream != "" {
		text := fmt.Sprintf(echoManifest, s.Upstream)
		if err := os.WriteFile(filepath.Join(worker, "worker.yaml"), []byte(text), 0o600); err != nil {
			return nil, err
		}
		flags["workers"] = worker
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(app.CollectAt) // as `crank up` does
	}
	n, err := openNode(ctx, filepath.Join(s.Dir, "data"), flags)
	if err != nil {
		return nil, err
	}
	if err := n.budgets(ctx); err != nil {
		return nil, errors.Join(err, n.close())
	}
	return n, nil
}

// budgets sets one on every level of the key's path, larger than any bench.
func (n *node) budgets(ctx context.Context) error {
	c := n.client()
	defer c.Close()
	p, err := c.WhoAmI(ctx)
	if err != nil {
		return err
	}
	for level, id := range map[crank.Level]string{
		crank.LevelTenant: p.Tenant, crank.LevelTeam: p.Team, crank.LevelApp: p.Team + "/" + p.App, crank.LevelKey: p.Key,
	} {
		if _, err := c.SetBudget(ctx, crank.Budget{
			Level: level, ID: id, Tenant: p.Tenant, Period: crank.PeriodMonth,
			Limit: crank.Money{Micros: 1_000_000_000_000, Asset: "USD"},
		}); err != nil {
			return fmt.Errorf("the budget of the %s: %w", level, err)
		}
	}
	return nil
}

func (n *node) client() *client.Client {
	return client.New(client.Config{URL: "http://" + *n.Address.Load(), Key: n.key})
}

func (n *node) hello() hello { return hello{Address: *n.Address.Load(), Key: n.key} }

func (n *node) close() error {
	n.stop()
	return errors.Join(<-n.done, n.Close())
}
