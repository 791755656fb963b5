// Package client speaks to a Crank node over HTTP, by URL or over the Unix
// socket of its data directory.
//
// It owns how requests are written and answers read. It decides nothing and
// keeps nothing but connections: no retry, no cache, no global. Every failure is
// a *crank.Error, as the node sent it or, where no node answered, of
// crank.KindUnavailable; package api/status turns it into an exit code.
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/crank-platform/crank"
)

// DefaultURL is where a node listens unless told otherwise.
const DefaultURL = "http://127.0.0.1:7272"

// Config says where a node is and who asks.
type Config struct {
	URL    string      // of the node; "" means DefaultURL, ignored with Socket
	Socket string      // path of a Unix socket; "" means URL
	Key    string      // an API key or a token; "" asks for public things only
	TLS    *tls.Config // nil means the system's roots and TLS 1.3
	Agent  string      // User-Agent; "" means "crank-go"
}

// Client is a caller of one node. It is safe for concurrent use.
type Client struct {
	base  string
	key   string
	agent string
	where string // for people
	http  *http.Client
}

// New returns a client. It connects to nothing yet.
func New(c Config) *Client {
	x := &Client{base: strings.TrimRight(c.URL, "/"), key: strings.TrimSpace(c.Key), agent: c.Agent}
	if x.base == "" {
		x.base = DefaultURL
	}
	if x.agent == "" {
		x.agent = "crank-go"
	}
	x.where = x.base
	dial := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dial.DialContext, ForceAttemptHTTP2: true,
		MaxIdleConns: 512, MaxIdleConnsPerHost: 512, IdleConnTimeout: 90 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second, DisableCompression: true,
		ReadBufferSize: 64 << 10, WriteBufferSize: 64 << 10, TLSClientConfig: c.TLS,
	}
	if t.TLSClientConfig == nil {
		t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS13}
	}
	if c.Socket != "" {
		x.base, x.where = "http://crank", c.Socket
		t.Proxy = nil
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dial.DialContext(ctx, "unix", c.Socket)
		}
	}
	// A redirect could carry the key somewhere else; a node sends none.
	x.http = &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return x
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Where names the node for people: its URL or socket.
func (c *Client) Where() string { return c.where }

// send makes a request and returns an answer of status 2xx; any other is an
// error. The caller closes the body.
func (c *Client) send(ctx context.Context, method, path string, query url.Values, header http.Header, body io.Reader) (*http.Response, error) {
	target := c.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		if open, ok := body.(io.Closer); ok {
			open.Close()
		}
		return nil, crank.Wrap(crank.CodeUsage, err, "%s is no address of a node", c.where)
	}
	for k, v := range header {
		r.Header[k] = v
	}
	r.Header.Set("User-Agent", c.agent)
	if c.key != "" {
		r.Header.Set("Authorization", "Bearer "+c.key)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, c.broken(ctx, method, err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	return resp, problem(resp)
}

// maxDocument bounds what is read of an answer that is one JSON document.
const maxDocument = 256 << 20

// ask sends in as JSON (nil: nothing) and reads the answer into out (nil: drops it).
func (c *Client) ask(ctx context.Context, method, path string, query url.Values, in, out any) error {
	return c.document(ctx, method, path, query, http.Header{"Accept": {"application/json"}}, in, out)
}

// document is ask with headers.
func (c *Client) document(ctx context.Context, method, path string, query url.Values, header http.Header, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return crank.Wrap(crank.CodeMalformedJSON, err, "the request cannot be written")
		}
		body = bytes.NewReader(text)
		header.Set("Content-Type", "application/json")
	}
	resp, err := c.send(ctx, method, path, query, header, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return c.read(ctx, resp, out)
}

func (c *Client) read(ctx context.Context, resp *http.Response, out any) error {
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument))
	if err != nil {
		return c.broken(ctx, resp.Request.Method, err)
	}
	if out == nil {
		return nil
	}
	if raw, ok := out.(*[]byte); ok {
		*raw = text
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return crank.Wrap(crank.CodeInternal, err, "%s answered what this client cannot read", c.where).
			Mending("Use a client and a node of the same version.")
	}
	return nil
}

// get reads a document.
func get[T any](ctx context.Context, c *Client, path string, query url.Values) (T, error) {
	var out T
	err := c.ask(ctx, http.MethodGet, path, query, nil, &out)
	return out, err
}

// values makes a query of pairs, leaving out what is empty.
func values(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	return v
}

// Live says whether a node answers at all.
func (c *Client) Live(ctx context.Context) error {
	return c.ask(ctx, http.MethodGet, "/health/live", nil, nil, nil)
}

// Ready says whether calls can be served.
func (c *Client) Ready(ctx context.Context) error {
	return c.ask(ctx, http.MethodGet, "/health/ready", nil, nil, nil)
}

// WhoAmI returns whom the key belongs to.
func (c *Client) WhoAmI(ctx context.Context) (crank.Principal, error) {
	return get[crank.Principal](ctx, c, "/v1/whoami", nil)
}
