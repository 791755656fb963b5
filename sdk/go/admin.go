package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/crank-platform/crank"
)

// Key is what is known of an API key: everything but its secret. Times are UTC,
// zero where the thing has not happened or never will.
type Key struct {
	ID       string            `json:"id"`
	Tenant   string            `json:"tenant,omitempty"`
	Team     string            `json:"team,omitempty"`
	App      string            `json:"app,omitempty"`
	Name     string            `json:"name"`
	Roles    []string          `json:"roles"`
	Labels   map[string]string `json:"labels,omitempty"`
	Allow    []string          `json:"allow,omitempty"`
	Tail     string            `json:"tail"` // last 4 letters of the newest secret
	Created  time.Time         `json:"created"`
	Expires  time.Time         `json:"expires,omitzero"`
	Rotated  time.Time         `json:"rotated,omitzero"`
	Revoked  time.Time         `json:"revoked,omitzero"`
	LastUsed time.Time         `json:"last_used,omitzero"`
	Secret   string            `json:"secret,omitempty"` // only where it was just made
}

// KeySpec asks for a key. Without a tenant it is one of the caller's own.
type KeySpec struct {
	Tenant  string            `json:"tenant,omitempty"`
	Team    string            `json:"team,omitempty"` // name or id
	App     string            `json:"app,omitempty"`  // name or id
	Name    string            `json:"name"`
	Roles   []string          `json:"roles"`
	Expires time.Time         `json:"expires,omitzero"`
	Labels  map[string]string `json:"labels,omitempty"`
	Allow   []string          `json:"allow,omitempty"` // globs of capabilities
}

// Keys lists a tenant's keys.
func (c *Client) Keys(ctx context.Context, tenant string) ([]Key, error) {
	out, err := get[struct{ Keys []Key }](ctx, c, "/v1/keys", values("tenant", tenant))
	return out.Keys, err
}

// CreateKey makes a key. Its secret is in the answer and never to be had again.
func (c *Client) CreateKey(ctx context.Context, s KeySpec) (k Key, err error) {
	return k, c.ask(ctx, http.MethodPost, "/v1/keys", nil, s, &k)
}

// RotateKey gives a key a new secret; the one before serves for overlap more.
func (c *Client) RotateKey(ctx context.Context, tenant, id string, overlap time.Duration) (k Key, err error) {
	in := map[string]string{"tenant": tenant, "overlap": overlap.String()}
	return k, c.ask(ctx, http.MethodPost, "/v1/keys/"+url.PathEscape(id)+"/rotate", nil, in, &k)
}

// RevokeKey ends a key at once.
func (c *Client) RevokeKey(ctx context.Context, tenant, id string) (k Key, err error) {
	return k, c.ask(ctx, http.MethodDelete, "/v1/keys/"+url.PathEscape(id), values("tenant", tenant), nil, &k)
}

// Settings are a tenant's own.
type Settings struct {
	Observe bool   `json:"observe,omitempty"` // policy's denials are logged, not enforced
	Region  string `json:"region,omitempty"`  // zone prefix; "" means any
}

// Unit is a tenant, a team or an app.
type Unit struct {
	ID       string      `json:"id"`
	Level    crank.Level `json:"level"`
	Tenant   string      `json:"tenant"`
	Team     string      `json:"team,omitempty"`
	Name     string      `json:"name"`
	Settings Settings    `json:"settings,omitzero"`
	Created  time.Time   `json:"created"`
	Archived time.Time   `json:"archived,omitzero"` // zero: live
}

// Tenants lists all tenants, for an operator, or the caller's own.
func (c *Client) Tenants(ctx context.Context) ([]Unit, error) {
	out, err := get[struct{ Tenants []Unit }](ctx, c, "/v1/tenants", nil)
	return out.Tenants, err
}

// CreateTenant adds a tenant: an operator's act.
func (c *Client) CreateTenant(ctx context.Context, name string, s Settings) (u Unit, err error) {
	in := map[string]any{"name": name, "settings": s}
	return u, c.ask(ctx, http.MethodPost, "/v1/tenants", nil, in, &u)
}

// Configure gives a tenant other settings.
func (c *Client) Configure(ctx context.Context, tenant string, s Settings) (u Unit, err error) {
	return u, c.ask(ctx, http.MethodPut, "/v1/tenants/"+url.PathEscape(tenant)+"/settings", nil, s, &u)
}

// Units lists a tenant with its teams and apps.
func (c *Client) Units(ctx context.Context, tenant string) ([]Unit, error) {
	out, err := get[struct{ Units []Unit }](ctx, c, "/v1/tenants/"+url.PathEscape(tenant)+"/units", nil)
	return out.Units, err
}

// CreateUnit adds a team or, where one is named, an app to that team.
func (c *Client) CreateUnit(ctx context.Context, tenant, team, name string) (u Unit, err error) {
	in := map[string]string{"team": team, "name": name}
	return u, c.ask(ctx, http.MethodPost, "/v1/tenants/"+url.PathEscape(tenant)+"/units", nil, in, &u)
}

// Archive stops a tenant, team or app from being used.
func (c *Client) Archive(ctx context.Context, tenant, id string) (u Unit, err error) {
	return u, c.ask(ctx, http.MethodDelete, "/v1/tenants/"+url.PathEscape(tenant)+"/units/"+url.PathEscape(id), nil, nil, &u)
}

// SetBudget sets or removes a budget.
func (c *Client) SetBudget(ctx context.Context, b crank.Budget) (set crank.Budget, err error) {
	return set, c.ask(ctx, http.MethodPut, "/v1/budgets", nil, b, &set)
}

// Deposit books money that a tenant has paid in: an operator's act.
func (c *Client) Deposit(ctx context.Context, tenant string, m crank.Money, why string) (t crank.Transfer, err error) {
	in := map[string]any{"tenant": tenant, "amount": m, "why": why}
	return t, c.ask(ctx, http.MethodPost, "/v1/deposits", nil, in, &t)
}

// Secret is what may be told of a secret.
type Secret struct {
	Name    string    `json:"name"`
	Version int       `json:"version"`
	Updated time.Time `json:"updated"`
}

// Secrets lists the names of a tenant's secrets.
func (c *Client) Secrets(ctx context.Context, tenant string) ([]Secret, error) {
	out, err := get[struct{ Secrets []Secret }](ctx, c, "/v1/secrets", values("tenant", tenant))
	return out.Secrets, err
}

// SetSecret keeps a secret, read from value to its end.
func (c *Client) SetSecret(ctx context.Context, tenant, name string, value io.Reader) (s Secret, err error) {
	h := http.Header{"Content-Type": {"application/octet-stream"}}
	resp, err := c.send(ctx, http.MethodPut, "/v1/secrets/"+url.PathEscape(name), values("tenant", tenant), h, value)
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	return s, c.read(ctx, resp, &s)
}

// DeleteSecret forgets a secret.
func (c *Client) DeleteSecret(ctx context.Context, tenant, name string) error {
	return c.ask(ctx, http.MethodDelete, "/v1/secrets/"+url.PathEscape(name), values("tenant", tenant), nil, nil)
}

// Policy is what decides on a node.
type Policy struct {
	Dir       string
	Digest    crank.Digest
	Files     []string
	Loaded    time.Time
	Observe   bool
	Cacheable bool
	Uncached  []string
	Reads     []string
	Hits      uint64
	Misses    uint64
	Failed    *crank.Error // why the folder as it now is does not serve
}

// Policy returns the policy that serves.
func (c *Client) Policy(ctx context.Context) (Policy, error) {
	return get[Policy](ctx, c, "/v1/policies", nil)
}

// ReloadPolicy has the node read its policy's folder again: an operator's act.
func (c *Client) ReloadPolicy(ctx context.Context) (p Policy, err error) {
	return p, c.ask(ctx, http.MethodPost, "/v1/policies/reload", nil, nil, &p)
}
