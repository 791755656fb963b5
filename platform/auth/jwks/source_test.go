package jwks_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
	"github.com/crank-platform/crank/platform/auth/jwks"
)

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
