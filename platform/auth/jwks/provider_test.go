package jwks_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/auth/jwks"
)

// pairs are made once: RSA keys take a while.
var pairs = sync.OnceValue(func() map[string]crypto.Signer {
	r, err1 := rsa.GenerateKey(rand.Reader, 2048)
	other, err2 := rsa.GenerateKey(rand.Reader, 2048)
	weak, err3 := rsa.GenerateKey(rand.Reader, 1024)
	e, err4 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, d, err5 := ed25519.GenerateKey(rand.Reader)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		panic(err)
	}
	return map[string]crypto.Signer{"rsa": r, "other": other, "weak": weak, "ec": e, "ed": d}
})

// provider is an issuer with a key set behind a real HTTP server.
type provider struct {
	*httptest.Server
	set   atomic.Pointer[[]byte] // nil: it is down
	asked atomic.Int32
	delay time.Duration
}

func provide(t testing.TB) *provider {
	p := &provider{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p.asked.Add(1)
		time.Sleep(p.delay)
		if set := p.set.Load(); set != nil {
			w.Write(*set)
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(p.Close)
	p.publish(t, "rsa", "ec", "ed")
	return p
}

func (p *provider) publish(t testing.TB, names ...string) {
	set := keySet(t, names...)
	p.set.Store(&set)
}

// keySet is the JWK set of the pairs named, the name being the kid.
func keySet(t testing.TB, names ...string) []byte {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, n := range names {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: pairs()[n].Public(), KeyID: n, Use: "sig"})
	}
	b, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const issuerName = "https://id.example.org/realm"

var noon = time.Date(2030, 6, 1, 12, 0, 0, 0, time.UTC)

func given(p *provider, tenant string) jwks.Issuer {
	return jwks.Issuer{
		Issuer: issuerName, Audience: []string{"crank"}, Algorithms: []string{"RS256", "PS256", "ES256", "EdDSA"}, KeysURL: p.URL,
		Claims: jwks.Mapping{FixedTenant: tenant, Roles: "roles", Labels: map[string]string{"division": "/org/division"}},
	}
}

type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time       { return noon.Add(time.Duration(c.at.Load())) }
func (c *clock) pass(d time.Duration) { c.at.Add(int64(d)) }

func verifier(t testing.TB, c *clock, issuers ...jwks.Issuer) *jwks.Verifier {
	t.Helper()
	v, err := jwks.New(jwks.Config{Issuers: issuers, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

type claims map[string]any

func good() claims {
	return claims{
		"iss": issuerName, "aud": "crank", "sub": "user-1", "exp": noon.Add(time.Hour).Unix(), "iat": noon.Unix(),
		"roles": []string{"caller", "operator", "gardener"}, "org": map[string]any{"division": "sales"},
	}
}

func (c claims) with(name string, value any) claims {
	c = maps.Clone(c)
	if c[name] = value; value == nil {
		delete(c, name)
	}
	return c
}

func (c claims) text(t testing.TB) string {
	t.Helper()
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// sign makes a token of a payload with a pair, under a kid.
func sign(t testing.TB, alg, pair, kid, payload string) string {
	t.Helper()
	return signWith(t, alg, pairs()[pair], kid, payload, nil)
}

func signWith(t testing.TB, alg string, key any, kid, payload string, more map[jose.HeaderKey]any) string {
	t.Helper()
	o := (&jose.SignerOptions{ExtraHeaders: more}).WithType("JWT")
	if kid != "" {
		o = o.WithHeader("kid", kid)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: key}, o)
	if err != nil {
		t.Fatal(err)
	}
	j, err := s.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	text, err := j.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func refuses(t testing.TB, v *jwks.Verifier, why, token, says string) {
	t.Helper()
	p, err := v.Verify(t.Context(), token)
	if !errors.Is(err, crank.E(crank.CodeTokenInvalid, "")) || !strings.Contains(err.Error(), says) {
		t.Errorf("%s gives %+v, %v; want it to say %q", why, p, err, says)
	}
}

func takes(t testing.TB, v *jwks.Verifier, why, token string) crank.Principal {
	t.Helper()
	p, err := v.Verify(t.Context(), token)
	if err != nil {
		t.Errorf("%s: %v", why, err)
	}
	return p
}
