package rpc

import (
	"context"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/api/wire"
	"github.com/crank-platform/crank/platform/discovery"
)

// readYourWrites is how long a change waits to be seen in the client's own
// snapshot before it is answered all the same.
const readYourWrites = 2 * time.Second

// Client is a discovery.Service whose facts are kept elsewhere. Run must run for
// its snapshot to be fed.
type Client struct {
	publish  func(context.Context, publish) (done, error)
	renew    func(context.Context, renew) (done, error)
	withdraw func(context.Context, withdraw) (done, error)
	news     func(context.Context, since) (news, error)
	board    discovery.Board

	mu     sync.Mutex // guards what follows, and is held while the board is changed
	epoch  string     // of the snapshot on the board
	failed error
}

var _ discovery.Service = (*Client)(nil)

// New returns the Service behind baseURL ("http://127.0.0.1:7070"). Without an
// httpClient it has one that keeps enough connections open. A service that does
// not answer is CodeStore.
func New(baseURL, token string, httpClient wire.HTTP) *Client {
	if httpClient == nil {
		httpClient = wire.NewHTTP() // one for all procedures
	}
	c := wire.Client{URL: baseURL, Token: token, HTTP: httpClient, Failed: crank.CodeStore}
	return &Client{
		publish:  wire.Procedure[publish, done](c, Path+"Publish"),
		renew:    wire.Procedure[renew, done](c, Path+"Renew"),
		withdraw: wire.Procedure[withdraw, done](c, Path+"Withdraw"),
		news:     wire.Procedure[since, news](c, Path+"News"),
		failed:   crank.E(crank.CodeStore, "the discovery service has not been asked yet"),
	}
}

// Snapshot returns what is known here. Before the first news it is empty.
func (c *Client) Snapshot() *discovery.Snapshot { return c.board.Snapshot() }

// Watch sends what changes in the client's own snapshot.
func (c *Client) Watch(ctx context.Context) <-chan discovery.Event { return c.board.Watch(ctx) }

// Changed returns a channel that is closed at the next change of Snapshot.
func (c *Client) Changed() <-chan struct{} { return c.board.Changed() }

// Publish announces an offer. It returns when the client's own snapshot shows
// it, or after two seconds.
func (c *Client) Publish(ctx context.Context, op crank.Operation, o crank.Offer) (discovery.Lease, error) {
	d, err := c.publish(ctx, publish{op, o})
	if err == nil {
		c.await(ctx, d)
	}
	return d.Lease, err
}

// Renew keeps a lease, and returns as Publish does.
func (c *Client) Renew(ctx context.Context, lease string, incarnation uint64, slo crank.SLO, healthy bool) (discovery.Lease, error) {
	d, err := c.renew(ctx, renew{lease, incarnation, slo, healthy})
	if err == nil {
		c.await(ctx, d)
	}
	return d.Lease, err
}

// Withdraw ends a lease, and returns as Publish does.
func (c *Client) Withdraw(ctx context.Context, lease string) error {
	d, err := c.withdraw(ctx, withdraw{lease})
	if err == nil {
		c.await(ctx, d)
	}
	return err
}

// Err says why the snapshot is not being fed; nil while it is.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

// Run feeds the snapshot until ctx ends. It outlives every failure of the other
// end, asking again after a pause that grows to five seconds.
func (c *Client) Run(ctx context.Context) error {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = 50*time.Millisecond, 5*time.Second
	var at since
	for ctx.Err() == nil {
		n, err := c.news(ctx, at)
		if err == nil {
			at = since{n.Epoch, n.Event.Version}
			c.show(n)
			pause.Reset()
			continue
		}
		c.mu.Lock()
		c.failed = err
		c.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(pause.NextBackOff()):
		}
	}
	return nil
}

func (c *Client) show(n news) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = nil
	if n.Epoch == c.epoch && n.Event.Version == c.board.Snapshot().Version() && !n.Event.Full {
		return // nothing is new
	}
	c.epoch = n.Epoch
	c.board.Show(c.board.Snapshot().Apply(n.Event))
}

// await waits until the snapshot holds what was done.
func (c *Client) await(ctx context.Context, d done) {
	limit := time.NewTimer(readYourWrites)
	defer limit.Stop()
	for {
		changed := c.board.Changed()
		c.mu.Lock()
		seen := c.epoch == d.Epoch && c.board.Snapshot().Version() >= d.Version
		c.mu.Unlock()
		if seen {
			return
		}
		select {
		case <-changed:
		case <-limit.C:
			return
		case <-ctx.Done():
			return
		}
	}
}
