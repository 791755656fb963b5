// Package jwks verifies JSON Web Tokens (RFC 7519) of identity providers with the
// public keys that they publish as JWK sets (RFC 7517): a body of auth.Verifier.
//
// It owns which issuers are trusted with which algorithms, the keeping of their
// keys, and the way from a token's claims to a principal. It does not own login:
// it takes tokens that somebody else got.
package jwks

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/auth"
)

// LabelIssuer is the label under which a principal carries its token's issuer:
// a subject means nothing without it.
const LabelIssuer = auth.ReservedLabels + "issuer"

// Issuer is one identity provider that is trusted, as data.
type Issuer struct {
	Issuer     string        `json:"issuer" yaml:"issuer"`                           // the exact "iss"
	Audience   []string      `json:"audience" yaml:"audience"`                       // one of them must be in "aud"; at least one
	Algorithms []string      `json:"algorithms" yaml:"algorithms"`                   // of Algorithms(); at least one
	KeysURL    string        `json:"keys_url,omitempty" yaml:"keys_url,omitempty"`   // https, or http to this machine
	KeysFile   string        `json:"keys_file,omitempty" yaml:"keys_file,omitempty"` // instead of KeysURL
	Leeway     time.Duration `json:"leeway,omitempty" yaml:"leeway,omitempty"`       // for clocks that differ; 0 means 30 s, at most 5 min
	MaxAge     time.Duration `json:"max_age,omitempty" yaml:"max_age,omitempty"`     // how long keys serve that cannot be read anew; 0 means 24 h
	Claims     Mapping       `json:"claims" yaml:"claims"`
}

// Mapping says where a token tells whose it is. A place is a claim's name, or a
// JSON pointer (RFC 6901) that begins with a slash, such as /realm_access/roles.
type Mapping struct {
	FixedTenant string            `json:"fixed_tenant,omitempty" yaml:"fixed_tenant,omitempty"` // every token's tenant; or
	Tenant      string            `json:"tenant,omitempty" yaml:"tenant,omitempty"`             // the place of it. Exactly one of the two
	Team        string            `json:"team,omitempty" yaml:"team,omitempty"`                 // place; a token may lack it
	App         string            `json:"app,omitempty" yaml:"app,omitempty"`                   // place; a token may lack it
	Subject     string            `json:"subject,omitempty" yaml:"subject,omitempty"`           // place; empty means "sub"
	Roles       string            `json:"roles,omitempty" yaml:"roles,omitempty"`               // place of a list, or of words between spaces
	RoleNames   map[string]string `json:"role_names,omitempty" yaml:"role_names,omitempty"`     // the token's word -> Crank's role; empty: the same words, operator excepted
	Default     []string          `json:"default,omitempty" yaml:"default,omitempty"`           // roles of a token that gives none
	Labels      map[string]string `json:"labels,omitempty" yaml:"labels,omitempty"`             // label -> place of a text, number or truth value
}

// Places turns names or ids that a token tells into the ids of live units.
type Places interface {
	Place(ctx context.Context, tenant, team, app string) (crank.Payer, error)
}

// Config is what a Verifier needs.
type Config struct {
	Issuers   []Issuer
	Places    Places            // nil: tokens tell ids, taken as they are
	Transport http.RoundTripper // for KeysURL; nil means TLS 1.2 or better with the system's roots
	Now       func() time.Time  // nil means time.Now
	Log       *slog.Logger      // keys that could not be read; nil says nothing
}

// Algorithms lists the signatures that may be trusted. There are no symmetric
// ones: their key would have to be a secret, and a published key must never be
// taken for one.
func Algorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// Verifier is an auth.Verifier. Safe for concurrent use.
type Verifier struct {
	issuers map[string]*issuer
	algs    []jose.SignatureAlgorithm // of all issuers together
	places  Places
	now     func() time.Time
	log     *slog.Logger
}

var _ auth.Verifier = (*Verifier)(nil)

type issuer struct {
	Issuer
	algs map[string]bool
	keys *source
}

// New checks the configuration, with all its faults at once: CodeConfig. It reads
// no key yet: a provider that is down does not keep a node from starting.
func New(c Config) (*Verifier, error) {
	if faults := check(c); len(faults) > 0 {
		return nil, crank.E(crank.CodeConfig, "the token issuers are not configured well").With(faults...)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Transport == nil {
		c.Transport = transport()
	}
	v := &Verifier{issuers: map[string]*issuer{}, places: c.Places, now: c.Now, log: c.Log}
	for _, i := range c.Issuers {
		if i.Leeway == 0 {
			i.Leeway = 30 * time.Second
		}
		if i.MaxAge == 0 {
			i.MaxAge = 24 * time.Hour
		}
		if i.Claims.Subject == "" {
			i.Claims.Subject = "sub"
		}
		it := &issuer{Issuer: i, algs: map[string]bool{}, keys: newSource(i, c.Transport, c.Now)}
		for _, a := range i.Algorithms {
			it.algs[a] = true
			if alg := jose.SignatureAlgorithm(a); !slices.Contains(v.algs, alg) {
				v.algs = append(v.algs, alg)
			}
		}
		v.issuers[i.Issuer] = it
	}
	return v, nil
}

// refreshEvery is how often Run reads the keys anew, so that one which a provider
// withdraws stops serving.
const refreshEvery = 5 * time.Minute

// Run reads every issuer's keys now and each few minutes, until ctx ends. Keys
// that cannot be read keep serving until their MaxAge.
func (v *Verifier) Run(ctx context.Context) error {
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	for {
		for _, i := range v.issuers {
			if err := i.keys.refresh(ctx); err != nil && ctx.Err() == nil {
				v.log.WarnContext(ctx, "an issuer's keys cannot be read", "issuer", i.Issuer.Issuer, "error", err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
