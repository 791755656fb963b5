package app_test

import (
	"net/http"
	"path/filepath"
	"testing"

	"github.com/crank-platform/crank/app"
	"github.com/crank-platform/crank/app/config"
	"github.com/crank-platform/crank/kit/notesign"
	"github.com/crank-platform/crank/platform/receipts/verify"
)

func TestTheLogsKeysRotateAndOldReceiptsStillVerify(t *testing.T) {
	dir, worker := filepath.Join(t.TempDir(), "data"), writeWorker(t, true)
	set := func(c *config.Config) { c.Workers = []string{worker} }
	prove := func(n *node) verify.Bundle {
		a := n.do("POST", "/v1/call/shout/loud", `{"text":"a"}`)
		if a.Status != http.StatusOK {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		b, err := verify.DecodeBundle(n.do("GET", "/v1/receipts/"+a.Get("Crank-Receipt")+"/proof", nil).Body)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	n := start(t, dir, app.Options{}, set)
	before := prove(n)
	pinned := n.Ring.Keys() // what a reader trusts from then on
	if _, err := app.RotateLogKeys(t.Context(), dir); err == nil {
		t.Error("keys rotate under a running node")
	}
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	keys, err := app.RotateLogKeys(t.Context(), dir)
	if err != nil || len(keys) != 2*len(pinned) {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	n = start(t, dir, app.Options{}, set)
	after := prove(n)
	chain := n.Ring.Chain()
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	followed, err := notesign.Follow(pinned, chain)
	if err != nil {
		t.Fatal(err)
	}
	for what, b := range map[string]verify.Bundle{"before": before, "after": after} {
		if _, err := verify.Receipt(b, followed); err != nil {
			t.Errorf("the receipt from %s the rotation: %v", what, err)
		}
	}
	if _, err := verify.Receipt(after, pinned); err == nil {
		t.Error("a receipt under the new keys verifies with the old ones alone")
	}
	report, err := app.VerifyDir(t.Context(), dir, app.VerifyOptions{})
	if err != nil || report.Err() != nil {
		t.Errorf("the directory: %v, %v", err, report.Faults)
	}
}
