package jwks_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
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

func TestATokenBecomesAPrincipal(t *testing.T) {
	tenant := ids.New("tenant")
	v := verifier(t, &clock{}, given(provide(t), tenant))
	for alg, pair := range map[string]string{"RS256": "rsa", "PS256": "rsa", "ES256": "ec", "EdDSA": "ed"} {
		p := takes(t, v, alg, sign(t, alg, pair, pair, good().text(t)))
		if p.Payer != (crank.Payer{Tenant: tenant}) || p.Subject != "user-1" || p.Method != "jwt" || !slices.Equal(p.Roles, []string{"caller"}) ||
			!maps.Equal(p.Labels, map[string]string{"division": "sales", jwks.LabelIssuer: issuerName}) {
			t.Errorf("%s: %+v", alg, p)
		}
	}
	takes(t, v, "one of several audiences", sign(t, "ES256", "ec", "ec", good().with("aud", []string{"x", "crank"}).text(t)))
	takes(t, v, "no kid, but one key that fits", sign(t, "ES256", "ec", "", good().text(t)))
	takes(t, v, "an end within the leeway", sign(t, "ES256", "ec", "ec", good().with("exp", noon.Add(-29*time.Second).Unix()).text(t)))
}

func TestATokenThatIsNotInForceIsRefused(t *testing.T) {
	v := verifier(t, &clock{}, given(provide(t), ids.New("tenant")))
	for why, c := range map[string]struct {
		claims claims
		says   string
	}{
		"another audience":      {good().with("aud", "others"), "aud"},
		"no audience":           {good().with("aud", nil), "aud"},
		"an audience of shapes": {good().with("aud", map[string]any{"crank": 1}), "aud"},
		"expired":               {good().with("exp", noon.Add(-31*time.Second).Unix()), "expired"},
		"no end":                {good().with("exp", nil), "no end"},
		"an end in words":       {good().with("exp", "tomorrow"), "exp"},
		"an end beyond dates":   {good().with("exp", 1e300), "exp"},
		"not yet valid":         {good().with("nbf", noon.Add(31*time.Second).Unix()), "not valid yet"},
		"a beginning far off":   {good().with("nbf", 9.3e18), "nbf"},
		"issued in the future":  {good().with("iat", noon.Add(time.Minute).Unix()), "future"},
		"another issuer":        {good().with("iss", "https://evil.example.org"), "not trusted"},
		"no issuer":             {good().with("iss", nil), "not trusted"},
		"an issuer in capitals": {good().with("iss", nil).with("ISS", issuerName), "not trusted"},
		"no subject":            {good().with("sub", nil), "sub"},
		"roles of shapes":       {good().with("roles", []any{map[string]any{}}), "roles"},
		"a label of shapes":     {good().with("org", map[string]any{"division": []int{1}}), "division"},
		"a label of lines":      {good().with("org", map[string]any{"division": "a\nb"}), "labels"},
	} {
		refuses(t, v, why, sign(t, "ES256", "ec", "ec", c.claims.text(t)), c.says)
	}
	twice := strings.Replace(good().text(t), `"aud":"crank"`, `"aud":"others","aud":"crank"`, 1)
	refuses(t, v, "a claim given twice", sign(t, "ES256", "ec", "ec", twice), "cannot be read")
	for _, payload := range []string{"", "null", "[]", "{", `"x"`, strings.Repeat("[", 5000), "\xff"} {
		refuses(t, v, payload, sign(t, "ES256", "ec", "ec", payload), "")
	}
}

func TestForgedTokensAreRefused(t *testing.T) {
	p, q := provide(t), provide(t)
	q.publish(t, "other")
	es := given(p, ids.New("tenant"))
	es.Algorithms = []string{"ES256"}
	rs := given(q, ids.New("tenant"))
	rs.Issuer, rs.Algorithms = "https://two.example.org", []string{"RS256"}
	v := verifier(t, &clock{}, es, rs)
	payload := good().text(t)
	token := sign(t, "ES256", "ec", "ec", payload)
	takes(t, v, "the true one", token)

	parts := strings.Split(token, ".")
	b64 := base64.RawURLEncoding.EncodeToString
	none := b64([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."
	refuses(t, v, "alg none", none, "cannot be read")
	refuses(t, v, "alg none with a signature", none+parts[2], "cannot be read")
	refuses(t, v, "no signature", parts[0]+"."+parts[1]+".", "")
	changed := b64([]byte(strings.Replace(payload, "user-1", "user-2", 1)))
	refuses(t, v, "another payload", parts[0]+"."+changed+"."+parts[2], "does not verify")

	// The published key taken for a shared secret, in every form it is published in.
	der, err := x509.MarshalPKIXPublicKey(pairs()["ec"].Public())
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range [][]byte{der, keySet(t, "ec"), []byte(base64.StdEncoding.EncodeToString(der))} {
		refuses(t, v, "HS256 under a public key", signWith(t, "HS256", secret, "ec", payload, nil), "cannot be read")
	}
	refuses(t, v, "an algorithm that only the other issuer may use", sign(t, "RS256", "rsa", "rsa", payload), "not trusted with the algorithm")
	refuses(t, v, "the other issuer's key", sign(t, "RS256", "rsa", "rsa", good().with("iss", rs.Issuer).text(t)), "")
	wrong, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	refuses(t, v, "a true kid over a false key", signWith(t, "ES256", wrong, "ec", payload, nil), "does not verify")
	refuses(t, v, "a header that must be understood", signWith(t, "ES256", pairs()["ec"], "ec", payload, map[jose.HeaderKey]any{"crit": []string{"x"}, "x": 1}), "")
	carried := jose.JSONWebKey{Key: wrong.Public(), KeyID: "ec"}
	refuses(t, v, "a key that the token carries itself", signWith(t, "ES256", wrong, "ec", payload, map[jose.HeaderKey]any{"jwk": carried}), "does not verify")
	refuses(t, v, "a token beyond size", token+strings.Repeat("A", jwks.MaxToken), "longer")
}

func TestKeysKeepServingWhileTheirProviderIsDown(t *testing.T) {
	p, now := provide(t), &clock{}
	i := given(p, ids.New("tenant"))
	i.MaxAge = 2 * time.Hour
	v := verifier(t, now, i)
	p.set.Store(nil)
	long := good().with("exp", noon.Add(100*time.Hour).Unix()).text(t)
	token := sign(t, "ES256", "ec", "ec", long)
	refuses(t, v, "no keys yet", token, "cannot be had")
	_, err := v.Verify(t.Context(), token)
	if e := crank.AsError(err); !e.Retryable || e.RetryAfter <= 0 {
		t.Errorf("not said to be worth a retry: %+v", e)
	}
	p.publish(t, "ec")
	now.pass(31 * time.Second)
	takes(t, v, "the provider is up", token)
	p.set.Store(nil)
	now.pass(time.Hour)
	takes(t, v, "the provider is down", token)
	refuses(t, v, "a key that is not known", sign(t, "EdDSA", "ed", "ed", long), "does not publish")
	takes(t, v, "after a reading that failed", token)
	for _, broken := range []string{"", "{}", `{"keys":[]}`, "<html>", strings.Repeat(" ", 2<<20), `{"keys":[{"kty":"oct","k":"AAAA","kid":"ec"}]}`} {
		b := []byte(broken)
		p.set.Store(&b)
		now.pass(31 * time.Second)
		refuses(t, v, "a key that is not known", sign(t, "EdDSA", "ed", "ed", long), "")
		takes(t, v, "after a broken set", token)
	}
	p.set.Store(nil)
	now.pass(2 * time.Hour)
	refuses(t, v, "keys beyond their age", token, "cannot be had")
}

func TestAnUnknownKeyIsLookedForOnceInAWhile(t *testing.T) {
	p, now := provide(t), &clock{}
	p.publish(t, "rsa")
	p.delay = 50 * time.Millisecond
	v := verifier(t, now, given(p, ids.New("tenant")))
	token := sign(t, "ES256", "ec", "ec", good().text(t))
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { refuses(t, v, "an unknown key", token, "") })
	}
	all.Wait()
	for n := range 50 {
		refuses(t, v, "a made-up kid", sign(t, "ES256", "ec", fmt.Sprint("made-up-", n), good().text(t)), "")
	}
	if n := p.asked.Load(); n != 1 {
		t.Errorf("the provider was asked %d times", n)
	}
	p.publish(t, "rsa", "ec") // the provider rotates
	now.pass(31 * time.Second)
	takes(t, v, "the new key", token)
	p.publish(t, "rsa")
	takes(t, v, "known keys are not looked for", token)
	if n := p.asked.Load(); n != 2 {
		t.Errorf("the provider was asked %d times", n)
	}
}

func TestACallerWhoLeavesDoesNotWait(t *testing.T) {
	p := provide(t)
	p.delay = 300 * time.Millisecond
	v := verifier(t, &clock{}, given(p, ids.New("tenant")))
	token := sign(t, "ES256", "ec", "ec", good().text(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.Verify(ctx, token); crank.KindOf(err) != crank.KindCancelled {
		t.Errorf("got %v", err)
	}
	takes(t, v, "who stays", token)
	if n := p.asked.Load(); n != 1 {
		t.Errorf("the provider was asked %d times", n)
	}
}

func TestRunTakesUpARotatedKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	write := func(names ...string) {
		if err := os.WriteFile(path, keySet(t, names...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("rsa")
	token := sign(t, "RS256", "rsa", "rsa", `{"iss":"`+issuerName+`","aud":"crank","sub":"x","exp":4e9}`)
	synctest.Test(t, func(t *testing.T) {
		v, err := jwks.New(jwks.Config{Issuers: []jwks.Issuer{{
			Issuer: issuerName, Audience: []string{"crank"}, Algorithms: []string{"RS256"}, KeysFile: path,
			Claims: jwks.Mapping{FixedTenant: ids.New("tenant")},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- v.Run(ctx) }()
		time.Sleep(time.Second)
		takes(t, v, "the key of the file", token)
		write("ec") // the key is withdrawn
		takes(t, v, "before Run looks again", token)
		time.Sleep(6 * time.Minute)
		refuses(t, v, "a withdrawn key", token, "does not publish")
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestOnlyKeysFitForVerifyingAreTaken(t *testing.T) {
	p := provide(t)
	i := given(p, ids.New("tenant"))
	payload := good().text(t)
	one := func(pair string, change func(map[string]any)) {
		var set struct{ Keys []map[string]any }
		if err := json.Unmarshal(keySet(t, pair), &set); err != nil {
			t.Fatal(err)
		}
		change(set.Keys[0])
		b, err := json.Marshal(map[string]any{"keys": []any{1, map[string]any{"kty": "new"}, set.Keys[0]}})
		if err != nil {
			t.Fatal(err)
		}
		p.set.Store(&b)
	}
	one("ec", func(map[string]any) {})
	takes(t, verifier(t, &clock{}, i), "among keys of unknown kinds", sign(t, "ES256", "ec", "ec", payload))
	for why, change := range map[string]func(map[string]any){
		"a key for encryption":  func(k map[string]any) { k["use"] = "enc" },
		"a key for other ends":  func(k map[string]any) { k["key_ops"] = []string{"encrypt"} },
		"a key of another alg":  func(k map[string]any) { k["alg"] = "ES384" },
		"a point off the curve": func(k map[string]any) { k["x"] = k["y"] },
	} {
		one("ec", change)
		refuses(t, verifier(t, &clock{}, i), why, sign(t, "ES256", "ec", "ec", payload), "")
	}
	p.publish(t, "rsa", "other")
	refuses(t, verifier(t, &clock{}, i), "no kid and two keys that fit", sign(t, "RS256", "rsa", "", payload), "")
	p.publish(t, "weak", "ec")
	head, body := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","kid":"weak"}`)), base64.RawURLEncoding.EncodeToString([]byte(payload))
	sum := crypto.SHA256.New()
	sum.Write([]byte(head + "." + body))
	sig, err := pairs()["weak"].Sign(rand.Reader, sum.Sum(nil), crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	refuses(t, verifier(t, &clock{}, i), "1024 bits", head+"."+body+"."+base64.RawURLEncoding.EncodeToString(sig), "does not publish")
}

func TestAKeySetIsNotFollowedOffHTTPS(t *testing.T) {
	p := provide(t)
	moved := httptest.NewServer(http.RedirectHandler("http://keys.example.org/", http.StatusFound))
	t.Cleanup(moved.Close)
	i := given(p, ids.New("tenant"))
	i.KeysURL = moved.URL
	_, err := verifier(t, &clock{}, i).Verify(t.Context(), sign(t, "ES256", "ec", "ec", good().text(t)))
	if err == nil || !strings.Contains(err.Error(), "plain http is for this machine only") {
		t.Errorf("got %v", err)
	}
	i.KeysURL = httptest.NewServer(http.RedirectHandler(p.URL, http.StatusFound)).URL
	takes(t, verifier(t, &clock{}, i), "a redirect within this machine", sign(t, "ES256", "ec", "ec", good().text(t)))
}

func TestABadConfigurationNamesAllItsFaults(t *testing.T) {
	for path, change := range map[string]func(*jwks.Issuer){
		"issuer":              func(i *jwks.Issuer) { i.Issuer = "" },
		"audience":            func(i *jwks.Issuer) { i.Audience = nil },
		"algorithms":          func(i *jwks.Issuer) { i.Algorithms = nil },
		"algorithms ":         func(i *jwks.Issuer) { i.Algorithms = []string{"none"} },
		"algorithms  ":        func(i *jwks.Issuer) { i.Algorithms = []string{"RS256", "HS256"} },
		"keys_url":            func(i *jwks.Issuer) { i.KeysFile = "both" },
		"keys_url ":           func(i *jwks.Issuer) { i.KeysURL = "http://keys.example.org/" },
		"keys_url  ":          func(i *jwks.Issuer) { i.KeysURL = "file:///keys" },
		"keys_url   ":         func(i *jwks.Issuer) { i.KeysURL = "https://user:pass@keys.example.org/" },
		"leeway":              func(i *jwks.Issuer) { i.Leeway = time.Hour },
		"max_age":             func(i *jwks.Issuer) { i.MaxAge = -1 },
		"claims/tenant":       func(i *jwks.Issuer) { i.Claims.Tenant = "tenant" },
		"claims/fixed_tenant": func(i *jwks.Issuer) { i.Claims.FixedTenant = "acme" },
		"claims/team":         func(i *jwks.Issuer) { i.Claims.App = "app" },
		"claims/default":      func(i *jwks.Issuer) { i.Claims.Default = []string{"operator"} },
		"claims/role_names":   func(i *jwks.Issuer) { i.Claims.RoleNames = map[string]string{"boss": "root"} },
		"claims/labels":       func(i *jwks.Issuer) { i.Claims.Labels = map[string]string{"crank.allow": "x"} },
	} {
		i := given(provide(t), ids.New("tenant"))
		change(&i)
		_, err := jwks.New(jwks.Config{Issuers: []jwks.Issuer{i}})
		e := crank.AsError(err)
		if e == nil || e.Code != crank.CodeConfig || len(e.Faults) != 1 || e.Faults[0].Path != "issuers/0/"+strings.TrimSpace(path) {
			t.Errorf("%s: %+v", path, e)
		}
	}
	_, err := jwks.New(jwks.Config{Issuers: []jwks.Issuer{{}}})
	if e := crank.AsError(err); e == nil || len(e.Faults) != 5 {
		t.Errorf("not all faults: %v", err)
	}
	if _, err := jwks.New(jwks.Config{}); err != nil {
		t.Errorf("no issuers at all: %v", err)
	}
}
