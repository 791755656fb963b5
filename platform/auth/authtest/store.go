package authtest

import (
	"bytes"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
	"github.com/crank-platform/crank/platform/auth"
)

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
