package app_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crank-platform/crank/app"
	"github.com/crank-platform/crank/app/config"
)

func TestAnHTTPServiceBecomesAGovernedCapabilityAndItsKeyStaysSecret(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("X-Api-Key") != "swordfish" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"got":` + string(body) + `}`))
	}))
	defer upstream.Close()
	dir := t.TempDir()
	manifest := `version: 1
worker: upstream
provider: acme
http:
  base_url: ` + upstream.URL + `
  headers: {X-Api-Key: {secret: upstream-key}}
  routes: [{capability: upstream/echo@1, path: /echo}]
operations:
  - capability: upstream/echo@1
    summary: Echo.
    input: {type: object}
    output: {type: object}
    properties: {idempotent: true}
    plan: {asset: USD, prices: [{meter: calls, price: "0.000100 USD"}]}
`
	if err := os.WriteFile(filepath.Join(dir, "worker.yaml"), []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	n := start(t, filepath.Join(t.TempDir(), "data"), app.Options{}, func(c *config.Config) { c.Workers = []string{dir} })
	if a := n.do("POST", "/v1/call/upstream/echo", `{"a":1}`); a.Status == http.StatusOK {
		t.Errorf("without its secret it answers %s", a.Body)
	}
	if _, err := n.Secrets.Set(t.Context(), "", "upstream-key", []byte("swordfish")); err != nil {
		t.Fatal(err)
	}
	a := n.do("POST", "/v1/call/upstream/echo", `{"a":1}`)
	if a.Status != http.StatusOK || !strings.Contains(string(a.Body), `{"got":{"a":1}}`) || a.Get("Crank-Price") != "0.0001 USD" {
		t.Errorf("%d %s %v", a.Status, a.Body, a.Header)
	}
}
