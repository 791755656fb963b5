package auth_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
	"github.com/crank-platform/crank/platform/auth"
	"github.com/crank-platform/crank/platform/auth/memory"
)

func keyring(t testing.TB, c auth.Config) *auth.Keyring {
	t.Helper()
	if c.Store == nil {
		c.Store = &memory.Store{}
	}
	c.Pepper = make([]byte, 32)
	k, err := auth.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func create(t testing.TB, k *auth.Keyring, s auth.KeySpec) (auth.Key, string) {
	t.Helper()
	key, secret, err := k.Create(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return key, secret
}

func TestIdentifyAllocatesNothing(t *testing.T) {
	if raced {
		t.Skip("allocations cannot be counted under the race detector")
	}
	k := keyring(t, auth.Config{})
	_, secret := create(t, k, auth.KeySpec{Tenant: ids.New("tenant"), Name: "x", Roles: []string{crank.RoleCaller}, Labels: map[string]string{"a": "b"}})
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := k.Identify(t.Context(), auth.Credential{Bearer: secret}); err != nil {
			t.Fatal(err)
		}
	}); n > 0.1 { // the pool may be emptied by a collection
		t.Errorf("%v allocations", n)
	}
}

type tokens struct{ seen []string }

func (v *tokens) Verify(_ context.Context, token string) (crank.Principal, error) {
	v.seen = append(v.seen, token)
	return crank.Principal{Method: "jwt"}, nil
}

func TestOnlyWhatLooksLikeATokenIsTakenForOne(t *testing.T) {
	v := &tokens{}
	k := keyring(t, auth.Config{Tokens: v})
	for _, s := range []string{"", "a.b.c", "ey", "ey.a", "ey.a.b.c", "crank_.."} {
		if _, err := k.Identify(t.Context(), auth.Credential{Bearer: s}); !errors.Is(err, crank.E(crank.CodeUnauthenticated, "")) {
			t.Errorf("%q gives %v", s, err)
		}
	}
	if p, err := k.Identify(t.Context(), auth.Credential{Bearer: "eyJ.eyJ.c"}); err != nil || p.Method != "jwt" || len(v.seen) != 1 {
		t.Errorf("%+v, %v after %q", p, err, v.seen)
	}
}

func TestRunWritesLastUseEveryMinuteAndAtItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory.Store{}
		k := keyring(t, auth.Config{Store: store})
		_, secret := create(t, k, auth.KeySpec{Name: "x", Roles: []string{crank.RoleOperator}})
		stored := func() time.Time {
			all, err := store.Load(t.Context())
			if err != nil || len(all) != 1 {
				t.Fatalf("%v, %v", all, err)
			}
			return all[0].Key.LastUsed
		}
		use := func() time.Time {
			if _, err := k.Identify(t.Context(), auth.Credential{Bearer: secret}); err != nil {
				t.Fatal(err)
			}
			return time.Now().UTC().Truncate(time.Microsecond)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- k.Run(ctx) }()
		time.Sleep(time.Second)
		at := use()
		if !stored().IsZero() {
			t.Error("the hot path wrote")
		}
		time.Sleep(time.Minute)
		if !stored().Equal(at) {
			t.Errorf("after a minute %s is stored, not %s", stored(), at)
		}
		at = use()
		stop()
		if err := <-ended; err != nil || !stored().Equal(at) {
			t.Errorf("at the end %s is stored, not %s: %v", stored(), at, err)
		}
	})
}

func TestARoleIsNamedWhenItIsMissing(t *testing.T) {
	caller := crank.Principal{Roles: []string{crank.RoleCaller}}
	err := auth.Require(caller, crank.RoleAdmin, crank.RoleAuditor)
	if !errors.Is(err, crank.E(crank.CodeRoleMissing, "")) || !strings.Contains(err.Error(), "admin or auditor") {
		t.Errorf("got %v", err)
	}
	for _, p := range []crank.Principal{{Roles: []string{crank.RoleAuditor}}, {Roles: []string{crank.RoleOperator}}} {
		if err := auth.Require(p, crank.RoleAdmin, crank.RoleAuditor); err != nil {
			t.Errorf("%v: %v", p.Roles, err)
		}
	}
	if err := auth.Require(crank.Principal{}); err == nil {
		t.Error("nobody holds every role")
	}
}

func TestNobodyHandsOnMoreThanTheyHold(t *testing.T) {
	a, b := ids.New("tenant"), ids.New("tenant")
	who := func(tenant string, roles ...string) crank.Principal {
		return crank.Principal{Payer: crank.Payer{Tenant: tenant}, Roles: roles}
	}
	what := func(tenant string, roles ...string) auth.KeySpec { return auth.KeySpec{Tenant: tenant, Roles: roles} }
	for name, c := range map[string]struct {
		p    crank.Principal
		s    auth.KeySpec
		want crank.Code
	}{
		"an operator, anything":            {who("", crank.RoleOperator), what("", crank.RoleOperator), ""},
		"an admin, in its tenant":          {who(a, crank.RoleAdmin), what(a, crank.RoleAdmin, crank.RoleCaller), ""},
		"an admin, an operator":            {who(a, crank.RoleAdmin), what(a, crank.RoleOperator), crank.CodeRoleMissing},
		"an admin, another tenant":         {who(a, crank.RoleAdmin), what(b, crank.RoleCaller), crank.CodeNotFound},
		"an admin, the node":               {who(a, crank.RoleAdmin), what("", crank.RoleOperator), crank.CodeNotFound},
		"an admin of nothing, the node":    {who("", crank.RoleAdmin), what("", crank.RoleCaller), crank.CodeNotFound},
		"a caller, a caller in its tenant": {who(a, crank.RoleCaller), what(a, crank.RoleCaller), crank.CodeRoleMissing},
	} {
		err := auth.MayGrant(c.p, c.s)
		if c.want == "" && err != nil || c.want != "" && !errors.Is(err, crank.E(c.want, "")) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestGlobsConfineAKey(t *testing.T) {
	for _, c := range []struct {
		globs, capability string
		want              bool
	}{
		{"", "document/convert@1", true},
		{"*", "document/convert@1", true},
		{"document/*", "document/convert@2", true},
		{"document/*", "documents/convert@1", false},
		{"document/*", "acme.document/convert@1", false},
		{"*/convert", "document/convert@1", true},
		{"acme.*/*", "acme.tools/run@1", true},
		{"document/convert@1", "document/convert@1", true},
		{"document/convert@1", "document/convert@11", false},
		{"document/convert@*", "document/convert@11", true},
		{"email/* document/convert", "document/convert@1", true},
		{"email/* document/convert", "document/analyze@1", false},
	} {
		p := crank.Principal{Labels: map[string]string{auth.LabelAllow: c.globs}}
		if got := auth.Allowed(p, crank.Capability(c.capability)) == nil; got != c.want {
			t.Errorf("%q allows %s: %v", c.globs, c.capability, got)
		}
	}
}

func FuzzNoForeignTextPassesForASecret(f *testing.F) {
	k := keyring(f, auth.Config{})
	_, secret := create(f, k, auth.KeySpec{Name: "x", Roles: []string{crank.RoleOperator}})
	for _, s := range []string{"", "crank_", strings.Repeat("crank_", 10), "eyJ.eyJ.x", strings.Repeat("\xff", 55), secret[:54] + "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		_, err := k.Identify(t.Context(), auth.Credential{Bearer: s})
		if (err == nil) != (s == secret) {
			t.Fatalf("%q gives %v", s, err)
		}
		if err != nil && crank.KindOf(err) != crank.KindUnauthenticated {
			t.Errorf("%q gives %v", s, err)
		}
		if err != nil && len(s) > 12 && strings.Contains(err.Error(), s) {
			t.Errorf("the error repeats %q", s)
		}
	})
}

func BenchmarkIdentify(b *testing.B) {
	k := keyring(b, auth.Config{})
	var secret string
	for range 1000 {
		_, secret = create(b, k, auth.KeySpec{Tenant: ids.New("tenant"), Name: "x", Roles: []string{crank.RoleCaller}})
	}
	cred := auth.Credential{Bearer: secret}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Identify(b.Context(), cred); err != nil {
			b.Fatal(err)
		}
	}
}
