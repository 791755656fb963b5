package authtest

import (
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
	"github.com/crank-platform/crank/platform/auth"
)

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
