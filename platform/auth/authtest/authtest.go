// Package authtest is the conformance suite of package auth: every body of its
// Store, and every body of its Service, passes it.
package authtest

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
	"github.com/crank-platform/crank/platform/auth"
)

// Body begins an empty house and returns how to open a Service on its store with
// the rest of a configuration. Each further opening is a restart: the one before
// is not used again.
type Body func(t testing.TB) (open func(auth.Config) (*auth.Keyring, error))

// Run runs the suite.
func Run(t *testing.T, body Body) {
	t.Run("AKeyIsKnownByItsSecretAlone", func(t *testing.T) { known(t, begin(t, body)) })
	t.Run("ARevokedKeyEndsAtOnceAndStaysEnded", func(t *testing.T) { revoked(t, begin(t, body)) })
	t.Run("AnExpiredKeyEndsOnTime", func(t *testing.T) { expired(t, begin(t, body)) })
	t.Run("AnOldSecretServesUntilTheOverlapEnds", func(t *testing.T) { rotated(t, begin(t, body)) })
	t.Run("TheFirstKeyIsMadeOnceAndKeptBeforeItIsCommitted", func(t *testing.T) { bootstrap(t, begin(t, body)) })
	t.Run("LastUseSurvivesARestart", func(t *testing.T) { lastUse(t, begin(t, body)) })
	t.Run("AnotherPepperIsRefused", func(t *testing.T) { pepper(t, begin(t, body)) })
	t.Run("ABadSpecNamesAllItsFaults", func(t *testing.T) { badSpec(t, begin(t, body)) })
	t.Run("TwoTenantsWithEqualNamesNeverSeeEachOther", func(t *testing.T) { isolation(t, body) })
	t.Run("RandomChangesAndRestartsAgreeWithAModel", func(t *testing.T) { model(t, body) })
	t.Run("ARevocationIsSeenByEveryReader", func(t *testing.T) { hammer(t, begin(t, body)) })
}

// house is a Service, its clock, and how to restart it.
type house struct {
	testing.TB
	*auth.Keyring
	open func(auth.Config) (*auth.Keyring, error)
	now  time.Time
}

var testPepper = bytes.Repeat([]byte{7}, 32)

func begin(t testing.TB, body Body) *house {
	h := &house{TB: t, open: body(t), now: time.Date(2030, 1, 2, 3, 4, 5, 678_000, time.UTC)}
	h.restart()
	return h
}

func (h *house) restart() {
	h.Helper()
	k, err := h.open(auth.Config{Pepper: testPepper, Now: func() time.Time { return h.now }})
	if err != nil {
		h.Fatal(err)
	}
	h.Keyring = k
}

func (h *house) create(s auth.KeySpec) (auth.Key, string) {
	h.Helper()
	key, secret, err := h.Create(h.Context(), s)
	if err != nil {
		h.Fatal(err)
	}
	return key, secret
}

func (h *house) identify(secret string) error {
	_, err := h.Identify(h.Context(), auth.Credential{Bearer: secret})
	return err
}

func serves(t testing.TB, h *house, secret string) {
	t.Helper()
	if err := h.identify(secret); err != nil {
		t.Error(err)
	}
}

func spec(tenant string) auth.KeySpec {
	return auth.KeySpec{Tenant: tenant, Name: "nightly", Roles: []string{crank.RoleCaller}}
}

func wants(t testing.TB, err error, code crank.Code) {
	t.Helper()
	if !errors.Is(err, crank.E(code, "")) {
		t.Errorf("got %v, want %s", err, code)
	}
}

func known(t *testing.T, h *house) {
	s := auth.KeySpec{
		Tenant: ids.New("tenant"), Team: ids.New("team"), App: ids.New("app"), Name: "nightly load",
		Roles: []string{crank.RoleCaller, crank.RoleAuditor, crank.RoleCaller}, Labels: map[string]string{"stage": "test"},
		Allow: []string{"document/*", "email/parse@1"}, Expires: h.now.Add(time.Hour),
	}
	key, secret := h.create(s)
	_, other := h.create(s)
	if secret == other || !strings.HasSuffix(secret, key.Tail) {
		t.Errorf("secrets %q and %q, tail %q", secret, other, key.Tail)
	}
	if err := auth.ParseSecret(secret); err != nil {
		t.Error(err)
	}
	for range 2 {
		p, err := h.Identify(t.Context(), auth.Credential{Bearer: secret})
		want := crank.Payer{Tenant: s.Tenant, Team: s.Team, App: s.App, Key: key.ID}
		if err != nil || p.Payer != want || p.Method != "key" || p.Labels["stage"] != "test" || !slices.Equal(p.Roles, []string{"auditor", "caller"}) {
			t.Fatalf("identified as %+v, %v", p, err)
		}
		if err := auth.Allowed(p, "document/convert@3"); err != nil {
			t.Error(err)
		}
		wants(t, auth.Allowed(p, "email/parse@2"), crank.CodeDenied)
		h.restart()
	}
	for _, bad := range []string{"", "x", "crank_", secret[1:], secret[:len(secret)-1], secret + "0", strings.ToUpper(secret), "Bearer " + secret, "eyJ.eyJ.x", "eyJhbGciOiJub25lIn0.e30."} {
		wants(t, h.identify(bad), crank.CodeUnauthenticated)
	}
	for i := len("crank_"); i < len(secret); i++ {
		typo := []byte(secret)
		typo[i] = '0' + (typo[i]-'0'+1)%10
		if err := h.identify(string(typo)); crank.KindOf(err) != crank.KindUnauthenticated || !strings.Contains(err.Error(), "mistyped") {
			t.Errorf("a typing error at %d gives %v", i, err)
		}
	}
}

func revoked(t *testing.T, h *house) {
	key, secret := h.create(spec(ids.New("tenant")))
	serves(t, h, secret)
	ended, err := h.Revoke(t.Context(), key.Tenant, key.ID)
	if err != nil || !ended.Revoked.Equal(h.now.Truncate(time.Microsecond)) {
		t.Fatalf("%+v, %v", ended, err)
	}
	for range 2 {
		wants(t, h.identify(secret), crank.CodeKeyRevoked)
		h.now = h.now.Add(time.Hour)
		if again, err := h.Revoke(t.Context(), key.Tenant, key.ID); err != nil || !again.Revoked.Equal(ended.Revoked) {
			t.Errorf("a second revocation: %+v, %v", again, err)
		}
		_, _, err = h.Rotate(t.Context(), key.Tenant, key.ID, time.Hour)
		wants(t, err, crank.CodeInvalidInput)
		h.restart()
	}
	if all, err := h.List(t.Context(), key.Tenant); err != nil || len(all) != 1 || all[0].Revoked.IsZero() {
		t.Errorf("listed %+v, %v", all, err)
	}
}

func expired(t *testing.T, h *house) {
	s := spec(ids.New("tenant"))
	s.Expires = h.now.Add(time.Minute)
	key, secret := h.create(s)
	h.now = s.Expires.Add(-time.Microsecond)
	if err := h.identify(secret); err != nil {
		t.Errorf("just before its end: %v", err)
	}
	h.now = s.Expires
	for range 2 {
		wants(t, h.identify(secret), crank.CodeKeyRevoked)
		_, _, err := h.Rotate(t.Context(), key.Tenant, key.ID, 0)
		wants(t, err, crank.CodeInvalidInput)
		h.restart()
	}
}

func rotated(t *testing.T, h *house) {
	key, first := h.create(spec(ids.New("tenant")))
	rotate := func(overlap time.Duration) string {
		t.Helper()
		next, secret, err := h.Rotate(t.Context(), key.Tenant, key.ID, overlap)
		if err != nil || next.ID != key.ID || !next.Rotated.Equal(h.now.Truncate(time.Microsecond)) {
			t.Fatalf("%+v, %v", next, err)
		}
		return secret
	}
	second := rotate(time.Hour)
	for _, s := range []string{first, second} {
		p, err := h.Identify(t.Context(), auth.Credential{Bearer: s})
		if err != nil || p.Key != key.ID {
			t.Errorf("within the overlap: %+v, %v", p, err)
		}
	}
	third := rotate(2 * time.Hour) // must not lengthen what the first has left
	h.now = h.now.Add(time.Hour)
	h.restart()
	wants(t, h.identify(first), crank.CodeKeyRevoked)
	for _, s := range []string{second, third} {
		if err := h.identify(s); err != nil {
			t.Errorf("%v", err)
		}
	}
	fourth := rotate(0)
	for _, s := range []string{first, second, third} {
		wants(t, h.identify(s), crank.CodeKeyRevoked)
	}
	if err := h.identify(fourth); err != nil {
		t.Error(err)
	}
	for _, overlap := range []time.Duration{-1, auth.MaxOverlap + 1} {
		_, _, err := h.Rotate(t.Context(), key.Tenant, key.ID, overlap)
		wants(t, err, crank.CodeInvalidInput)
	}
	for range 7 {
		fourth = rotate(time.Hour)
	}
	_, _, err := h.Rotate(t.Context(), key.Tenant, key.ID, time.Hour)
	wants(t, err, crank.CodeInvalidInput)
	rotate(0)
	wants(t, h.identify(fourth), crank.CodeKeyRevoked)
}

func bootstrap(t *testing.T, h *house) {
	full := errors.New("the disk is full")
	if _, err := h.Bootstrap(t.Context(), func(string) error { return full }); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	var secret string
	key, err := h.Bootstrap(t.Context(), func(s string) error {
		secret = s
		wants(t, h.identify(s), crank.CodeUnauthenticated) // not committed yet
		return nil
	})
	if err != nil || !slices.Equal(key.Roles, []string{crank.RoleOperator}) || key.Tenant != "" {
		t.Fatalf("%+v, %v", key, err)
	}
	if err := h.identify(secret); err != nil {
		t.Error(err)
	}
	if _, err := h.Revoke(t.Context(), "", key.ID); err != nil {
		t.Error(err)
	}
	h.restart()
	_, err = h.Bootstrap(t.Context(), func(string) error { t.Error("a second first key"); return nil })
	wants(t, err, crank.CodeExists)
}

func lastUse(t *testing.T, h *house) {
	key, secret := h.create(spec(ids.New("tenant")))
	idle, _ := h.create(spec(key.Tenant))
	h.now = h.now.Add(time.Hour)
	at := h.now.Truncate(time.Microsecond)
	serves(t, h, secret)
	wants(t, h.identify(secret[:len(secret)-1]), crank.CodeUnauthenticated)
	if got, err := h.Get(t.Context(), key.Tenant, key.ID); err != nil || !got.LastUsed.Equal(at) {
		t.Errorf("%+v, %v", got, err)
	}
	if err := h.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.restart()
	all, err := h.List(t.Context(), key.Tenant)
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	for _, k := range all {
		if used := k.ID != idle.ID; used != k.LastUsed.Equal(at) || !used && !k.LastUsed.IsZero() {
			t.Errorf("%s was last used at %s", k.ID, k.LastUsed)
		}
	}
	if _, err := h.Revoke(t.Context(), key.Tenant, key.ID); err != nil {
		t.Fatal(err)
	}
	h.restart()
	if got, err := h.Get(t.Context(), key.Tenant, key.ID); err != nil || !got.LastUsed.Equal(at) {
		t.Errorf("a change forgot the last use: %+v, %v", got, err)
	}
}

func pepper(t *testing.T, h *house) {
	_, secret := h.create(spec(ids.New("tenant")))
	_, err := h.open(auth.Config{Pepper: bytes.Repeat([]byte{8}, 32)})
	wants(t, err, crank.CodeSecret)
	_, err = h.open(auth.Config{Pepper: []byte("short")})
	wants(t, err, crank.CodeSecret)
	h.restart()
	serves(t, h, secret)
}

func badSpec(t *testing.T, h *house) {
	tenant := ids.New("tenant")
	for name, bad := range map[string]auth.KeySpec{
		"name":    {Tenant: tenant, Roles: []string{crank.RoleCaller}},
		"tenant":  {Tenant: "acme", Name: "x", Roles: []string{crank.RoleCaller}},
		"team":    {Tenant: tenant, App: ids.New("app"), Name: "x", Roles: []string{crank.RoleCaller}},
		"app":     {Tenant: tenant, Team: ids.New("team"), App: ids.New("team"), Name: "x", Roles: []string{crank.RoleCaller}},
		"roles":   {Tenant: tenant, Name: "x", Roles: []string{"root"}},
		"expires": {Tenant: tenant, Name: "x", Roles: []string{crank.RoleCaller}, Expires: h.now},
		"labels":  {Tenant: tenant, Name: "x", Roles: []string{crank.RoleCaller}, Labels: map[string]string{auth.LabelAllow: "*"}},
		"allow":   {Tenant: tenant, Name: "x", Roles: []string{crank.RoleCaller}, Allow: []string{"document/* email/*"}},
	} {
		_, _, err := h.Create(t.Context(), bad)
		wants(t, err, crank.CodeInvalidInput)
		if e := crank.AsError(err); e == nil || len(e.Faults) != 1 || e.Faults[0].Path != name {
			t.Errorf("%s: %+v", name, e)
		}
	}
	_, _, err := h.Create(t.Context(), auth.KeySpec{Name: "two\nlines", Roles: []string{crank.RoleAdmin}})
	if e := crank.AsError(err); e == nil || len(e.Faults) != 2 {
		t.Errorf("not both faults: %v", err)
	}
	if all, err := h.List(t.Context(), tenant); err != nil || len(all) != 0 {
		t.Errorf("left behind: %v, %v", all, err)
	}
}

// isolation tries every method on the other's key: the answer must be that for
// an unknown id.
func isolation(t *testing.T, body Body) {
	h := begin(t, body)
	me, other := ids.New("tenant"), ids.New("tenant")
	mine, _ := h.create(spec(me))
	theirs, secret := h.create(spec(other))
	for name, try := range map[string]func(tenant, id string) error{
		"Get":    func(tenant, id string) error { _, err := h.Get(t.Context(), tenant, id); return err },
		"Revoke": func(tenant, id string) error { _, err := h.Revoke(t.Context(), tenant, id); return err },
		"Rotate": func(tenant, id string) error { _, _, err := h.Rotate(t.Context(), tenant, id, 0); return err },
	} {
		for _, tenant := range []string{me, "", ids.New("tenant")} {
			nobody := ids.New("key")
			got, want := crank.AsError(try(tenant, theirs.ID)), crank.AsError(try(tenant, nobody))
			if got == nil || want == nil || got.Code != crank.CodeNotFound || strings.ReplaceAll(got.Error(), theirs.ID, nobody) != want.Error() {
				t.Errorf("%s of another's key says %v; of nobody's %v", name, got, want)
			}
		}
	}
	if all, err := h.List(t.Context(), me); err != nil || len(all) != 1 || all[0].ID != mine.ID {
		t.Errorf("listed %+v, %v", all, err)
	}
	serves(t, h, secret)
}

// model draws operations and restarts, and compares what each secret ever given
// out stands for with a plain model of it.
func model(t *testing.T, body Body) {
	rapid.Check(t, func(r *rapid.T) {
		h := begin(t, body)
		type secret struct {
			key   auth.Key
			text  string
			until time.Time
		}
		var secrets []*secret
		gone := map[string]bool{}
		tenants := []string{ids.New("tenant"), ids.New("tenant")}
		pick := func() *secret { return rapid.SampledFrom(secrets).Draw(r, "secret") }
		r.Repeat(map[string]func(*rapid.T){
			"create": func(r *rapid.T) {
				key, text := h.create(spec(rapid.SampledFrom(tenants).Draw(r, "tenant")))
				secrets = append(secrets, &secret{key: key, text: text})
			},
			"rotate": func(r *rapid.T) {
				if len(secrets) == 0 {
					r.Skip()
				}
				s, overlap := pick(), time.Duration(rapid.IntRange(0, 3).Draw(r, "minutes"))*time.Minute
				_, text, err := h.Rotate(t.Context(), s.key.Tenant, s.key.ID, overlap)
				if gone[s.key.ID] {
					wants(t, err, crank.CodeInvalidInput)
					return
				}
				if err != nil {
					if live := "secrets that still serve"; !strings.Contains(err.Error(), live) {
						r.Fatal(err)
					}
					return
				}
				for _, old := range secrets {
					if end := h.now.Add(overlap); old.key.ID == s.key.ID && (old.until.IsZero() || old.until.After(end)) {
						old.until = end
					}
				}
				secrets = append(secrets, &secret{key: s.key, text: text})
			},
			"revoke": func(r *rapid.T) {
				if len(secrets) == 0 {
					r.Skip()
				}
				s := pick()
				if _, err := h.Revoke(t.Context(), s.key.Tenant, s.key.ID); err != nil {
					r.Fatal(err)
				}
				gone[s.key.ID] = true
			},
			"wait": func(r *rapid.T) {
				h.now = h.now.Add(time.Duration(rapid.IntRange(1, 90).Draw(r, "seconds")) * time.Second)
			},
			"restart": func(*rapid.T) { h.restart() },
			"": func(r *rapid.T) {
				for _, s := range secrets {
					p, err := h.Identify(t.Context(), auth.Credential{Bearer: s.text})
					should := !gone[s.key.ID] && (s.until.IsZero() || h.now.Before(s.until))
					if should != (err == nil) || should && (p.Key != s.key.ID || p.Tenant != s.key.Tenant) {
						r.Fatalf("the secret should serve: %v; but %+v, %v", should, p, err)
					}
					if err != nil && crank.KindOf(err) != crank.KindUnauthenticated {
						r.Fatal(err)
					}
				}
			},
		})
	})
}

func hammer(t *testing.T, h *house) {
	const n = 8
	keys, secrets := make([]auth.Key, n), make([]string, n)
	for i := range keys {
		keys[i], secrets[i] = h.create(spec(ids.New("tenant")))
	}
	var all, writers sync.WaitGroup
	done := make(chan struct{})
	for i := range n {
		all.Go(func() { // once void, void for good
			void := false
			for {
				err := h.identify(secrets[i])
				if void && err == nil {
					t.Error("a revoked key came back")
				}
				void = err != nil
				select {
				case <-done:
					return
				default:
				}
			}
		})
		writers.Go(func() {
			if _, _, err := h.Create(t.Context(), spec(keys[i].Tenant)); err != nil {
				t.Error(err)
			}
			if _, err := h.Revoke(t.Context(), keys[i].Tenant, keys[i].ID); err != nil {
				t.Error(err)
			}
			wants(t, h.identify(secrets[i]), crank.CodeKeyRevoked)
			if err := h.Flush(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	close(done)
	all.Wait()
}
