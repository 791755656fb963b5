package app_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/app"
	"github.com/crank-platform/crank/app/config"
	"github.com/crank-platform/crank/platform/receipts/verify"
)

func TestAScriptBecomesAGovernedServiceWhoseReceiptVerifiesOffline(t *testing.T) {
	for _, wired := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "data")
		n := start(t, dir, app.Options{Wire: wired}, func(c *config.Config) { c.Workers = []string{writeWorker(t, true)} })

		a := n.do("POST", "/v1/call/shout/loud", `{"text":"hello"}`, "Crank-Tag: project=x")
		if a.Status != http.StatusOK || strings.TrimSpace(string(a.Body)) != `{"said":"HELLO"}` || a.Get("Crank-Price") != "0.001 USD" {
			t.Fatalf("answer %d %s %v", a.Status, a.Body, a.Header)
		}
		receipt := n.do("GET", "/v1/receipts/"+a.Get("Crank-Receipt"), nil).json(t)
		if receipt["outcome"] != "ok" || receipt["capability"] != "shout/loud@1" || receipt["provider"] != "acme" {
			t.Errorf("receipt %v", receipt)
		}

		proof := n.do("GET", "/v1/receipts/"+a.Get("Crank-Receipt")+"/proof", nil)
		bundle, err := verify.DecodeBundle(proof.Body)
		if err != nil {
			t.Fatalf("%v: %s", err, proof.Body)
		}
		if _, err := verify.Receipt(bundle, n.Ring.Keys()); err != nil {
			t.Errorf("the exported receipt does not verify: %v", err)
		}

		usage := n.do("GET", "/v1/usage?by=capability,tag:project&format=csv", nil)
		if !strings.Contains(string(usage.Body), "shout/loud@1,x,1,0.001,USD") {
			t.Errorf("the bill says %s", usage.Body)
		}
		budgets := n.do("GET", "/v1/budgets", nil).json(t)["budgets"].([]any)
		if b := budgets[0].(map[string]any); b["spent_micros"] != 1000.0 || b["held_micros"] != 0.0 {
			t.Errorf("the budget stands at %v", b)
		}
		if err := n.Ledger.Check(context.Background()); err != nil {
			t.Error(err)
		}
		if err := n.stop(); err != nil {
			t.Fatal(err)
		}
		report, err := app.VerifyDir(t.Context(), dir, app.VerifyOptions{})
		if err != nil || report.Err() != nil {
			t.Errorf("the directory does not verify: %v, %v", err, report.Faults)
		}
	}
}

func TestARealDocumentAndARealMailboxGoThrough(t *testing.T) {
	n := start(t, filepath.Join(t.TempDir(), "data"), app.Options{}, nil)
	a := n.do("POST", "/v1/call/document/convert?to=html", "# Title\n\nSome *text*.\n", "Content-Type: text/markdown", "Accept: text/html")
	if a.Status != http.StatusOK || !strings.Contains(string(a.Body), "<em>text</em>") {
		t.Errorf("converted: %d %s", a.Status, a.Body)
	}
	mbox, err := os.ReadFile(filepath.Join("..", "format", "mail", "testdata", "sample.mbox"))
	if err != nil {
		t.Fatal(err)
	}
	a = n.do("POST", "/v1/call/email/parse", mbox, "Content-Type: application/mbox")
	if v := a.json(t); a.Status != http.StatusOK || v["messages"] != 6.0 {
		t.Errorf("parsed: %d %s", a.Status, a.Body)
	}
	receipt := n.do("GET", "/v1/receipts/"+a.Get("Crank-Receipt"), nil).json(t)
	measured := false
	for _, r := range receipt["usage"].([]any) {
		u := r.(map[string]any)
		measured = measured || u["meter"] == crank.MeterCPUMicros && u["method"] == "measured" && u["source"] == "harness"
	}
	if !measured {
		t.Errorf("the processor was not measured: %v", receipt["usage"])
	}
}

func TestBadCallsAreToldWhatWhyAndTheMend(t *testing.T) {
	n := start(t, filepath.Join(t.TempDir(), "data"), app.Options{}, func(c *config.Config) { c.Workers = []string{writeWorker(t, true)} })
	for _, c := range []struct {
		name, method, path string
		body               any
		headers            []string
		status             int
		code               crank.Code
		says               string
	}{
		{"no key", "POST", "/v1/call/shout/loud", `{}`, []string{"Authorization: "}, 401, crank.CodeUnauthenticated, ""},
		{"a wrong key", "POST", "/v1/call/shout/loud", `{}`, []string{"Key: crank_wrong"}, 401, crank.CodeUnauthenticated, ""},
		{"a typo", "POST", "/v1/call/shout/lood", `{}`, nil, 404, crank.CodeUnknownCap, "shout/loud"},
		{"no capability", "POST", "/v1/call/Shout/loud", `{}`, nil, 400, crank.CodeCapabilityName, ""},
		{"breaks the schema", "POST", "/v1/call/shout/loud", `{"text":1,"more":2}`, nil, 422, crank.CodeInvalidInput, "/text"},
		{"no JSON", "POST", "/v1/call/shout/loud", `{"text":`, nil, 400, crank.CodeMalformedJSON, ""},
		{"wrong media type", "POST", "/v1/call/shout/loud", `x`, []string{"Content-Type: text/plain"}, 415, crank.CodeMediaType, ""},
		{"a script that fails", "POST", "/v1/call/shout/loud", `{"text":"fail"}`, nil, 502, crank.CodeWorkerFailed, "told to fail"},
		{"a damaged file", "POST", "/v1/call/document/convert?to=md", "PK\x03\x04 not a zip", []string{"Content-Type: application/vnd.openxmlformats-officedocument.wordprocessingml.document"}, 422, crank.CodeMalformedFile, ""},
		{"a parameter misspelt", "POST", "/v1/call/document/convert?too=md", "x", []string{"Content-Type: text/markdown"}, 422, crank.CodeInvalidInput, "too"},
		{"a price cap", "POST", "/v1/call/shout/loud", `{"text":"x"}`, []string{"Crank-Max-Price: 0.0001 USD"}, 402, crank.CodePriceCap, ""},
		{"money that overflows", "POST", "/v1/call/shout/loud", `{"text":"x"}`, []string{"Crank-Max-Price: 99999999999999 USD"}, 422, crank.CodeMoneyRange, ""},
		{"no such route", "GET", "/v1/nothing", nil, nil, 404, crank.CodeNotFound, ""},
		{"the wrong method", "DELETE", "/v1/usage", nil, nil, 405, crank.CodeUsage, "GET"},
	} {
		a := n.do(c.method, c.path, c.body, c.headers...)
		v := a.json(t)
		if a.Status != c.status || v["code"] != string(c.code) || v["mend"] == "" || !strings.Contains(string(a.Body), c.says) {
			t.Errorf("%s: %d %s, want %d %s", c.name, a.Status, a.Body, c.status, c.code)
		}
	}
}

func TestAnExhaustedBudgetSaysWhichLevel(t *testing.T) {
	n := start(t, filepath.Join(t.TempDir(), "data"), app.Options{}, func(c *config.Config) { c.Workers = []string{writeWorker(t, true)} })
	me := n.do("GET", "/v1/whoami", nil).json(t)
	a := n.do("PUT", "/v1/budgets", map[string]any{"level": "key", "id": me["key"], "tenant": me["tenant"], "period": "day", "limit": map[string]any{"micros": 1500, "asset": "USD"}})
	if a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if a := n.do("POST", "/v1/call/shout/loud", `{"text":"a"}`); a.Status != http.StatusOK {
		t.Fatalf("within the budget: %d %s", a.Status, a.Body)
	}
	a = n.do("POST", "/v1/call/shout/loud", `{"text":"b"}`)
	if a.Status != http.StatusPaymentRequired || !strings.Contains(string(a.Body), "key") {
		t.Errorf("beyond the budget: %d %s", a.Status, a.Body)
	}
}

func TestTwoNodesCannotShareADirectory(t *testing.T) {
	n := start(t, filepath.Join(t.TempDir(), "data"), app.Options{}, nil)
	_, err := app.Open(t.Context(), n.Config, n.Keys, app.Options{})
	if err == nil || crank.AsError(err).Code != crank.CodeDataDirLocked {
		t.Errorf("a second node gives %v", err)
	}
}
