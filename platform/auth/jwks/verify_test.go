package jwks_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
	"github.com/crank-platform/crank/platform/auth/jwks"
)

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

func BenchmarkVerify(b *testing.B) {
	v := verifier(b, &clock{}, given(provide(b), ids.New("tenant")))
	for _, c := range []struct{ alg, pair string }{{"RS256", "rsa"}, {"ES256", "ec"}, {"EdDSA", "ed"}} {
		token := sign(b, c.alg, c.pair, c.pair, good().text(b))
		b.Run(c.alg, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(b.Context(), token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
