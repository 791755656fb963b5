package app_test

import (
	"github.com/crank-platform/crank/app"
	"github.com/crank-platform/crank/app/config"
	"github.com/crank-platform/crank/platform/receipts/verify"
	"os"
	"path/filepath"
	"testing"
)

func TestProbeState(t *testing.T) {
	h := newHistory(t)
	for _, f := range []string{"treeState", "gcState", "version"} {
		whole, _ := os.ReadFile(filepath.Join(h.dir, "log/epoch-1/.state", f))
		t.Logf("%s %q", f, whole)
		for at := 0; at < len(whole); at += 9 {
			t.Run(f, func(t *testing.T) {
				dir := h.copy(t)
				b := append([]byte{}, whole...)
				b[at] ^= 1
				os.WriteFile(filepath.Join(dir, "log/epoch-1/.state", f), b, 0o600)
				n := start(t, dir, app.Options{}, func(c *config.Config) { c.Workers = []string{h.worker} })
				a := n.do("GET", "/v1/receipts/"+h.calls[0]+"/proof", nil)
				t.Logf("at %d: %d %.300s", at, a.Status, a.Body[:min(100, len(a.Body))])
				if a.Status == 200 {
					bb, err := verify.DecodeBundle(a.Body)
					if err != nil {
						t.Error(err)
					}
					if _, err := h.keys(bb); err != nil {
						t.Error(err)
					}
				}
				n.do("POST", "/v1/call/shout/loud", `{"text":"after"}`)
				a = n.do("GET", "/v1/receipts/"+n.do("POST", "/v1/call/shout/loud", `{"text":"after"}`).Get("Crank-Receipt")+"/proof", nil)
				t.Logf("new: %d %.200s", a.Status, a.Body)
				if err := n.stop(); err != nil {
					t.Log(err)
				}
				r, err := app.VerifyDir(t.Context(), dir, app.VerifyOptions{Anchors: h.anchors})
				t.Log(err, r.Faults)
			})
		}
	}
}
