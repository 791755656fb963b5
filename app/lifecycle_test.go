package app_test

import (
	"bufio"
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/app"
	"github.com/crank-platform/crank/app/config"
	"github.com/crank-platform/crank/platform/receipts/verify"
)

func TestAnIdempotencyKeyReplaysAcrossARestart(t *testing.T) {
	dir, worker := filepath.Join(t.TempDir(), "data"), writeWorker(t, false)
	set := func(c *config.Config) { c.Workers = []string{worker} }
	n := start(t, dir, app.Options{}, set)
	first := n.do("POST", "/v1/call/shout/loud", `{"text":"once"}`, "Idempotency-Key: k1")
	if first.Status != http.StatusOK || first.Get("Crank-Replayed") != "" {
		t.Fatalf("%d %s", first.Status, first.Body)
	}
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	n = start(t, dir, app.Options{}, set)
	again := n.do("POST", "/v1/call/shout/loud", `{ "text": "once" }`, "Idempotency-Key: k1")
	if again.Get("Crank-Replayed") != "true" || again.Get("Crank-Receipt") != first.Get("Crank-Receipt") || !bytes.Equal(again.Body, first.Body) {
		t.Errorf("again: %v %s", again.Header, again.Body)
	}
	if a := n.do("POST", "/v1/call/shout/loud", `{"text":"twice"}`, "Idempotency-Key: k1"); a.Status != http.StatusConflict {
		t.Errorf("another body: %d %s", a.Status, a.Body)
	}
	if list := n.do("GET", "/v1/receipts", nil).json(t)["receipts"].([]any); len(list) != 1 {
		t.Errorf("%d receipts", len(list))
	}
}

func TestAQuoteIsACeilingThatIsHonoured(t *testing.T) {
	n := start(t, filepath.Join(t.TempDir(), "data"), app.Options{}, func(c *config.Config) { c.Workers = []string{writeWorker(t, true)} })
	q := n.do("POST", "/v1/quotes", `{"capability":"shout/loud","input":{"text":"a"}}`)
	quote := q.json(t)["quote"].(map[string]any)
	if quote["ceiling"].(map[string]any)["micros"] != 1000.0 {
		t.Fatalf("quote %s", q.Body)
	}
	id := quote["id"].(string)
	if a := n.do("POST", "/v1/call/shout/loud", `{"text":"a"}`, "Crank-Quote: "+id); a.Status != http.StatusOK {
		t.Errorf("under the quote: %d %s", a.Status, a.Body)
	}
	if a := n.do("POST", "/v1/call/shout/loud", `{"text":"a"}`, "Crank-Quote: quote_unknown"); a.Status != http.StatusConflict {
		t.Errorf("under an unknown quote: %d %s", a.Status, a.Body)
	}
	e := n.do("POST", "/v1/route/explain", `{"capability":"shout/loud","input":{"text":"a"},"constraints":{"provider":"nobody"}}`)
	if c := e.json(t)["candidates"].([]any); len(c) != 1 || c[0].(map[string]any)["lost"] == "" {
		t.Errorf("explained: %s", e.Body)
	}
}

func TestAJobRunsTellsItsEventsAndIsPaidOnce(t *testing.T) {
	n := start(t, filepath.Join(t.TempDir(), "data"), app.Options{}, func(c *config.Config) { c.Workers = []string{writeWorker(t, false)} })
	a := n.do("POST", "/v1/jobs", `{"capability":"shout/loud","input":{"text":"later"}}`)
	if a.Status != http.StatusAccepted {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	id := a.json(t)["id"].(string)
	events := n.do("GET", "/v1/jobs/"+id+"/events", nil)
	lines, last := bufio.NewScanner(bytes.NewReader(events.Body)), ""
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			last = data
		}
	}
	if !strings.Contains(last, `"done"`) {
		t.Errorf("the last event is %s", last)
	}
	job := n.do("GET", "/v1/jobs/"+id, nil).json(t)
	if job["state"] != "done" || job["output"].(map[string]any)["said"] != "LATER" || job["receipt"] == "" {
		t.Errorf("job %v", job)
	}
	if r := n.do("GET", "/v1/receipts/"+job["receipt"].(string), nil).json(t); r["job"] != id || r["price"].(map[string]any)["micros"] != 1000.0 {
		t.Errorf("receipt %v", r)
	}
}

func TestKeysAreMadeRotatedAndRevokedWhileTheNodeRuns(t *testing.T) {
	n := start(t, filepath.Join(t.TempDir(), "data"), app.Options{}, nil)
	made := n.do("POST", "/v1/keys", `{"name":"app","team":"home","app":"cli","roles":["caller"]}`)
	if made.Status != http.StatusCreated {
		t.Fatalf("%d %s", made.Status, made.Body)
	}
	id, secret := made.json(t)["id"].(string), made.json(t)["secret"].(string)
	works := func(secret string) int { return n.do("GET", "/v1/whoami", nil, "Key: "+secret).Status }
	if works(secret) != http.StatusOK {
		t.Error("a new key does not work")
	}
	if a := n.do("POST", "/v1/keys", `{"name":"more","roles":["operator"]}`, "Key: "+secret); a.Status != http.StatusForbidden {
		t.Errorf("a caller makes keys: %d %s", a.Status, a.Body)
	}
	if a := n.do("POST", "/v1/keys", `{"name":"root","roles":["operator"]}`); a.Status == http.StatusCreated {
		t.Error("an admin makes an operator")
	}
	rotated := n.do("POST", "/v1/keys/"+id+"/rotate", `{"overlap":"1h"}`).json(t)["secret"].(string)
	if works(secret) != http.StatusOK || works(rotated) != http.StatusOK {
		t.Error("within the overlap both secrets work")
	}
	if a := n.do("DELETE", "/v1/keys/"+id, nil); a.Status != http.StatusOK {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if works(secret) != http.StatusUnauthorized || works(rotated) != http.StatusUnauthorized {
		t.Error("a revoked key works")
	}
}

func TestABrokenPolicyNeverServes(t *testing.T) {
	n := start(t, filepath.Join(t.TempDir(), "data"), app.Options{}, func(c *config.Config) { c.Workers = []string{writeWorker(t, true)} })
	rule := filepath.Join(n.Config.PolicyDir, "no_shouting.rego")
	reload := func(text string) answer {
		if err := os.WriteFile(rule, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return n.do("POST", "/v1/policies/reload", nil, "Key: "+n.operator())
	}
	if a := reload("package crank.authz\n\ndeny contains \"x\" if { oops"); a.Status == http.StatusOK || !strings.Contains(string(a.Body), "no_shouting.rego") {
		t.Errorf("a broken bundle: %d %s", a.Status, a.Body)
	}
	if a := n.do("POST", "/v1/call/shout/loud", `{"text":"a"}`); a.Status != http.StatusOK {
		t.Errorf("the old policy does not serve: %d %s", a.Status, a.Body)
	}
	if a := reload("package crank.authz\n\ndeny contains \"no shouting\" if input.family == \"shout\"\n"); a.Status != http.StatusOK {
		t.Fatalf("a good bundle: %d %s", a.Status, a.Body)
	}
	a := n.do("POST", "/v1/call/shout/loud", `{"text":"a"}`)
	if a.Status != http.StatusForbidden || !strings.Contains(string(a.Body), "no shouting") {
		t.Errorf("the new policy does not serve: %d %s", a.Status, a.Body)
	}
}

func TestABackupOfARunningNodeRestoresIntoANewEpochThatVerifies(t *testing.T) {
	dir, anchors, worker := filepath.Join(t.TempDir(), "data"), t.TempDir(), writeWorker(t, true)
	set := func(c *config.Config) { c.Workers, c.AnchorDir = []string{worker}, anchors }
	n := start(t, dir, app.Options{}, set)
	kept := n.do("POST", "/v1/call/shout/loud", `{"text":"kept"}`, "Idempotency-Key: k")
	n.do("GET", "/v1/receipts/"+kept.Get("Crank-Receipt")+"/proof", nil) // it is under a checkpoint now
	var tar bytes.Buffer
	if err := app.Backup(t.Context(), dir, &tar, nil); err != nil {
		t.Fatal(err)
	}
	lost := n.do("POST", "/v1/call/shout/loud", `{"text":"lost"}`)
	n.do("GET", "/v1/receipts/"+lost.Get("Crank-Receipt")+"/proof", nil)
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}

	again := filepath.Join(t.TempDir(), "again")
	if err := app.Restore(t.Context(), bytes.NewReader(tar.Bytes()), again); err != nil {
		t.Fatal(err)
	}
	if report, err := app.VerifyDir(t.Context(), again, app.VerifyOptions{}); err != nil || report.Err() != nil {
		t.Errorf("fresh from the backup it does not verify: %v, %v", err, report.Faults)
	}
	n = start(t, again, app.Options{}, func(c *config.Config) { c.Workers = []string{worker} })
	if a := n.do("POST", "/v1/call/shout/loud", `{"text":"kept"}`, "Idempotency-Key: k"); a.Get("Crank-Receipt") != kept.Get("Crank-Receipt") {
		t.Errorf("the restored node forgot a claim: %v", a.Header)
	}
	fresh := n.do("POST", "/v1/call/shout/loud", `{"text":"after"}`)
	for _, id := range []string{kept.Get("Crank-Receipt"), fresh.Get("Crank-Receipt")} {
		b, err := verify.DecodeBundle(n.do("GET", "/v1/receipts/"+id+"/proof", nil).Body)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verify.Receipt(b, n.Ring.Keys()); err != nil {
			t.Errorf("%s does not verify after the restore: %v", id, err)
		}
	}
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	report, err := app.VerifyDir(t.Context(), again, app.VerifyOptions{})
	if err != nil || report.Err() != nil {
		t.Errorf("the restored directory does not verify: %v, %v", err, report.Faults)
	}
	report, err = app.VerifyDir(t.Context(), again, app.VerifyOptions{Anchors: anchors})
	if err != nil || !crank.IsKind(report.Err(), crank.KindConflict) {
		t.Errorf("the anchors do not tell what the restore lost: %v, %v", err, report.Faults)
	}
}

func TestHealthAndMetricsTellHowTheNodeIs(t *testing.T) {
	n := start(t, filepath.Join(t.TempDir(), "data"), app.Options{}, nil)
	deadline := time.Now().Add(10 * time.Second)
	for n.do("GET", "/health/ready", nil, "Authorization: ").Status != http.StatusOK {
		if time.Now().After(deadline) {
			t.Fatal("the node is up and not ready")
		}
		time.Sleep(10 * time.Millisecond)
	}
	m := n.do("GET", "/metrics", nil, "Authorization: ")
	for _, name := range []string{"crank_http_requests_total", "crank_journal_seq", "crank_log_lag_seconds", "crank_offers", "go_goroutines"} {
		if !bytes.Contains(m.Body, []byte(name)) {
			t.Errorf("/metrics says nothing of %s", name)
		}
	}
}
