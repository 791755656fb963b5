package jwks

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
	"github.com/crank-platform/crank/platform/auth"
)

// places knows one tenant by name, with one team and app.
type places crank.Payer

func (p places) Place(_ context.Context, tenant, team, app string) (crank.Payer, error) {
	if tenant != "acme" || team != "" && team != "data" || app != "" && app != "etl" {
		return crank.Payer{}, crank.E(crank.CodeNotFound, "no such place")
	}
	at := crank.Payer{Tenant: p.Tenant}
	if team != "" {
		at.Team = p.Team
	}
	if app != "" {
		at.App = p.App
	}
	return at, nil
}

func mapped(t *testing.T, v *Verifier, m Mapping, payload string) (crank.Principal, error) {
	t.Helper()
	claims, err := parseClaims([]byte(payload))
	if err != nil {
		return crank.Principal{}, crank.Wrap(crank.CodeTokenInvalid, err, "unreadable")
	}
	m.Subject = "sub"
	return v.principal(t.Context(), claims, &issuer{Issuer: Issuer{Issuer: "i", Claims: m}})
}

func TestClaimsArePlacedByNameOrPointer(t *testing.T) {
	at := places{Tenant: ids.New("tenant"), Team: ids.New("team"), App: ids.New("app")}
	v := &Verifier{places: at}
	m := Mapping{Tenant: "https://example.org/tenant", Team: "/groups/1", App: "/a~1b/c~0d"}
	for payload, want := range map[string]crank.Payer{
		`{"sub":"x","https://example.org/tenant":"acme"}`:                                                     {Tenant: at.Tenant},
		`{"sub":"x","https://example.org/tenant":"acme","groups":["web","data"]}`:                             {Tenant: at.Tenant, Team: at.Team},
		`{"sub":"x","https://example.org/tenant":"acme","groups":["web","data"],"a/b":{"c~d":"etl"},"z":[1]}`: crank.Payer(at),
	} {
		if p, err := mapped(t, v, m, payload); err != nil || p.Payer != want {
			t.Errorf("%s leads to %+v, %v", payload, p, err)
		}
	}
	for _, payload := range []string{
		`{"sub":"x"}`,
		`{"sub":"x","https://example.org/tenant":"zeta"}`,
		`{"sub":"x","https://example.org/tenant":["acme"]}`,
		`{"sub":"x","https://example.org/tenant":"acme","groups":["web","nobody"]}`,
		`{"sub":"x","https://example.org/tenant":"acme","a/b":{"c~d":"etl"}}`,
	} {
		if p, err := mapped(t, v, m, payload); !errors.Is(err, crank.E(crank.CodeTokenInvalid, "")) {
			t.Errorf("%s leads to %+v, %v", payload, p, err)
		}
	}
	if p, err := mapped(t, &Verifier{}, m, `{"sub":"x","https://example.org/tenant":"acme"}`); !errors.Is(err, crank.E(crank.CodeTokenInvalid, "")) {
		t.Errorf("a name passes for an id: %+v, %v", p, err)
	}
}

func TestATokensWordsBecomeRoles(t *testing.T) {
	v, tenant := &Verifier{}, ids.New("tenant")
	for _, c := range []struct {
		names    map[string]string
		standard []string
		claim    string
		want     []string
	}{
		{nil, nil, `["caller","admin","caller","x"]`, []string{"admin", "caller"}},
		{nil, nil, `"openid caller  admin"`, []string{"admin", "caller"}},
		{nil, nil, `["operator"]`, nil},
		{nil, []string{"caller"}, `["operator"]`, []string{"caller"}},
		{nil, []string{"caller"}, `null`, []string{"caller"}},
		{nil, []string{"caller"}, `["auditor"]`, []string{"auditor"}},
		{map[string]string{"ops": "operator", "dev": "caller"}, nil, `["ops","dev","admin"]`, []string{"caller", "operator"}},
	} {
		p, err := mapped(t, v, Mapping{FixedTenant: tenant, Roles: "r", RoleNames: c.names, Default: c.standard}, `{"sub":"x","r":`+c.claim+`}`)
		if err != nil || !slices.Equal(p.Roles, c.want) {
			t.Errorf("%+v gives %v, %v", c, p.Roles, err)
		}
	}
}

func FuzzNoClaimsGiveMoreThanTheMappingAllows(f *testing.F) {
	for _, s := range []string{
		`{"sub":"x","t":"acme","r":["operator","caller"],"l":{"a":1}}`, `{"sub":1,"t":true,"r":"caller admin"}`,
		`{"sub":"x","t":"tenant_00000000000000000000000000000000"}`, `{"sub":"x","t":"acme","r":{"a":1}}`, `{"sub":"x","sub":"y"}`, `[]`, `{"l":{"a":"\u0000"}}`,
	} {
		f.Add(s)
	}
	m := Mapping{Tenant: "t", Team: "/g/0", App: "/g/1", Roles: "r", Labels: map[string]string{"a": "/l/a"}}
	f.Fuzz(func(t *testing.T, payload string) {
		p, err := mapped(t, &Verifier{}, m, payload)
		if err != nil {
			if crank.KindOf(err) != crank.KindUnauthenticated {
				t.Errorf("%q gives %v", payload, err)
			}
			return
		}
		if !ids.Valid("tenant", p.Tenant) || p.Key != "" || p.App != "" && p.Team == "" || p.Subject == "" || p.Method != "jwt" {
			t.Errorf("%q becomes %+v", payload, p)
		}
		for _, r := range p.Roles {
			if r == crank.RoleOperator || !slices.Contains(roles, r) {
				t.Errorf("%q gives the role %q", payload, r)
			}
		}
		for k := range p.Labels {
			if strings.HasPrefix(k, auth.ReservedLabels) && k != LabelIssuer {
				t.Errorf("%q sets %q", payload, k)
			}
		}
	})
}

func FuzzAKeySetHoldsOnlyKeysThatSuitAnAlgorithm(f *testing.F) {
	for _, s := range []string{
		`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`,
		`{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}`, `{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`,
		`{"keys":[{"kty":"oct","k":"AAAA"}]}`, `{"keys":null}`, `{"keys":[],"keys":[]}`, ``,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		set, err := parseSet([]byte(text))
		if (err == nil) != (len(set) > 0) {
			t.Fatalf("%q gives %d keys, %v", text, len(set), err)
		}
		for _, k := range set {
			if !slices.ContainsFunc(Algorithms(), func(alg string) bool { return suits(alg, k.public) }) {
				t.Errorf("%q holds %T, which suits nothing", text, k.public)
			}
		}
	})
}
