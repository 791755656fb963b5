// Package authtest is the conformance suite of package auth: every body of its
// Store, and every body of its Service, passes it.
package authtest

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

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
