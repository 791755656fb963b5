// Package dispatchtest is the suite that every store of claims passes.
package dispatchtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/dispatch"
)

// Run runs the suite. open returns the same store again when called twice in one
// test, as after a restart; a body that keeps nothing across restarts returns
// the one it has.
func Run(t *testing.T, open func(t *testing.T) (again func() dispatch.Claims)) {
	now := time.UnixMicro(1_700_000_000_000_000)
	claim := func(scope, key string) dispatch.Claim {
		return dispatch.Claim{
			Scope: scope, Hash: crank.DigestOf("k", []byte(key)), Fingerprint: crank.DigestOf("f", []byte(key)),
			Tenant: "tenant_a", Call: "call_" + key, Output: json.RawMessage(`{"n":1}`), Expires: now.Add(time.Hour),
		}
	}

	t.Run("a claim is found as it was put, also after a restart", func(t *testing.T) {
		store := open(t)
		want := claim("a/b/c", "one")
		want.Error = crank.E(crank.CodeWorkerFailed, "it broke").With(crank.Fault{Path: "/x", Reason: "y"})
		if err := store().Put(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		got, ok, err := store().Get(t.Context(), want.Scope, want.Hash, now)
		if err != nil || !ok || got.Call != want.Call || string(got.Output) != string(want.Output) ||
			got.Fingerprint != want.Fingerprint || got.Error.Code != want.Error.Code || len(got.Error.Faults) != 1 || !got.Expires.Equal(want.Expires) {
			t.Errorf("got %+v, %v, %v", got, ok, err)
		}
		for _, other := range []dispatch.Claim{claim("a/b/d", "one"), claim("a/b/c", "two")} {
			if _, ok, err := store().Get(t.Context(), other.Scope, other.Hash, now); ok || err != nil {
				t.Errorf("%s has a claim: %v", other.Scope, err)
			}
		}
	})

	t.Run("an expired claim is gone before and after the sweep", func(t *testing.T) {
		store := open(t)()
		old, young := claim("s", "old"), claim("s", "young")
		young.Expires = now.Add(3 * time.Hour)
		for _, c := range []dispatch.Claim{old, young} {
			if err := store.Put(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		later := now.Add(2 * time.Hour)
		if _, ok, _ := store.Get(t.Context(), old.Scope, old.Hash, later); ok {
			t.Error("an expired claim is found")
		}
		if n, err := store.Sweep(t.Context(), later); n != 1 || err != nil {
			t.Errorf("the sweep takes %d, %v", n, err)
		}
		if _, ok, _ := store.Get(t.Context(), young.Scope, young.Hash, later); !ok {
			t.Error("the sweep took a claim that has not expired")
		}
	})

	t.Run("a dropped claim is free", func(t *testing.T) {
		store := open(t)()
		c := claim("s", "k")
		if err := store.Put(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if err := store.Drop(t.Context(), c.Scope, c.Hash); err != nil {
			t.Fatal(err)
		}
		if _, ok, err := store.Get(t.Context(), c.Scope, c.Hash, now); ok || err != nil {
			t.Errorf("it is there still: %v", err)
		}
	})

	t.Run("claims pin the blobs of their own tenant", func(t *testing.T) {
		store := open(t)()
		d := crank.DigestOf("blob", nil)
		c := claim("s", "k")
		c.Output = json.RawMessage(`{"f":{"$blob":"` + d.String() + `","size":1}}`)
		if err := store.Put(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if got, err := store.Pinned(t.Context(), "tenant_a"); err != nil || !slices.Equal(got, []crank.Digest{d}) {
			t.Errorf("pinned: %v, %v", got, err)
		}
		if got, err := store.Pinned(t.Context(), "tenant_b"); err != nil || len(got) != 0 {
			t.Errorf("another tenant's pins: %v, %v", got, err)
		}
	})

	t.Run("concurrent puts are all kept", func(t *testing.T) {
		again := open(t)
		store := again()
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				if err := store.Put(t.Context(), claim("s", fmt.Sprint(i))); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for i := range 64 {
			c := claim("s", fmt.Sprint(i))
			if _, ok, err := again().Get(t.Context(), c.Scope, c.Hash, now); !ok || err != nil {
				t.Errorf("claim %d is lost: %v", i, err)
			}
		}
	})
}
