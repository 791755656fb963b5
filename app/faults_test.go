package app_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/app"
	"github.com/crank-platform/crank/app/config"
)

// writeFolder makes a folder of files.
func writeFolder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// smallDisk is a file system of its own with so many bytes.
func smallDisk(t *testing.T, bytes int) string {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprint("size=", bytes), "crank-test", dir).CombinedOutput()
	if err != nil {
		t.Skipf("a small disk cannot be mounted here (it takes root on Linux): %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	})
	return dir
}

func TestAFullDiskFailsClosedAndRecovers(t *testing.T) {
	disk := smallDisk(t, 24<<20)
	dir := filepath.Join(disk, "data")
	n := start(t, dir, app.Options{}, func(c *config.Config) { c.Workers, c.Isolation = []string{writeWorker(t, false)}, "inproc" })
	type promise struct{ receipt, body, key string }
	var (
		mu       sync.Mutex
		promises []promise
		refused  = map[string]int{}
	)
	call := func(i int) bool {
		path, body, headers := "/v1/call/shout/loud", fmt.Sprintf(`{"text":"call %d"}`, i), []string{"Content-Type: application/json"}
		key := ""
		if i%2 == 0 {
			key = fmt.Sprint("key-", i)
			headers = append(headers, "Idempotency-Key: "+key)
		}
		if i%3 == 0 {
			path, headers[0] = "/v1/call/document/analyze", "Content-Type: text/markdown"
		}
		a := n.do("POST", path, body, headers...)
		mu.Lock()
		defer mu.Unlock()
		if a.Status == http.StatusOK {
			promises = append(promises, promise{a.Get("Crank-Receipt"), string(a.Body), key})
			return true
		}
		code, _ := a.json(t)["code"].(string)
		refused[code]++
		if a.Status != http.StatusServiceUnavailable || a.Get("Crank-Receipt") != "" ||
			!slices.Contains([]crank.Code{crank.CodeJournalFull, crank.CodeStore}, crank.Code(code)) {
			t.Errorf("on a full disk call %d is answered %d %s", i, a.Status, a.Body)
		}
		return false
	}
	many := func(from, calls int) {
		var wait sync.WaitGroup
		for w := range 8 {
			wait.Go(func() {
				for i := from + w; i < from+calls; i += 8 {
					call(i)
				}
			})
		}
		wait.Wait()
	}
	many(0, 24)
	if len(refused) > 0 {
		t.Fatalf("with room to spare: %v", refused)
	}
	// Take all that is left, then give back less than a page at a time: the
	// journal runs out in the middle of whatever it does.
	filler := filepath.Join(disk, "filler")
	f, err := os.Create(filler)
	if err != nil {
		t.Fatal(err)
	}
	for chunk := make([]byte, 1<<10); ; {
		if _, err := f.Write(chunk); err != nil {
			break
		}
	}
	many(1000, 48)
	me := n.do("GET", "/v1/whoami", nil).json(t)
	for path, body := range map[string]any{
		"POST /v1/keys":          map[string]any{"team": me["team"], "app": me["app"], "name": "k", "roles": []string{"caller"}},
		"PUT /v1/secrets/x":      strings.Repeat("s", 32<<10),
		"PUT /v1/budgets":        map[string]any{"level": "key", "id": me["key"], "period": "day", "limit": crank.Money{Micros: 5, Asset: "USD"}},
		"POST /v1/blobs":         strings.Repeat("b", 32<<10),
		"POST /v1/jobs":          map[string]any{"capability": "shout/loud", "input": map[string]any{"text": "a"}},
		"POST /v1/tenants/*":     map[string]any{"name": "team"},
		"POST /v1/keys/*/rotate": map[string]any{},
	} {
		method, path, _ := strings.Cut(path, " ")
		path = strings.Replace(path, "keys/*", "keys/"+me["key"].(string), 1)
		path = strings.Replace(path, "tenants/*", "tenants/"+me["tenant"].(string)+"/units", 1)
		if a := n.do(method, path, body); a.Status != http.StatusServiceUnavailable {
			t.Errorf("on a full disk %s %s is answered %d %s", method, path, a.Status, a.Body)
		}
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		if err := f.Truncate(info.Size() - int64(i+1)*8<<10); err != nil {
			t.Fatal(err)
		}
		many(2000+100*i, 16)
	}
	if refused[string(crank.CodeJournalFull)] == 0 {
		t.Errorf("nothing was refused for a full disk: %v, %d calls went well", refused, len(promises))
	}
	t.Logf("refused on the full disk: %v; %d promises stand", refused, len(promises))
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}

	recovered := false
	for deadline := time.Now().Add(30 * time.Second); !recovered && time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		recovered = call(4001)
	}
	if !recovered {
		t.Fatal("the node does not recover when there is space again")
	}
	many(5000, 24)
	for _, p := range promises {
		if a := n.do("GET", "/v1/receipts/"+p.receipt, nil); a.Status != http.StatusOK {
			t.Errorf("the acknowledged receipt %s: %d %s", p.receipt, a.Status, a.Body)
		}
	}
	proof := n.do("GET", "/v1/receipts/"+promises[len(promises)-1].receipt+"/proof", nil)
	if proof.Status != http.StatusOK {
		t.Errorf("a proof after recovery: %d %s", proof.Status, proof.Body)
	}
	var sum, calls float64
	list := n.do("GET", "/v1/receipts?limit=1000", nil).json(t)["receipts"].([]any)
	for _, r := range list {
		sum += r.(map[string]any)["price"].(map[string]any)["micros"].(float64)
	}
	usage := n.do("GET", "/v1/usage", nil).json(t)["usage"].([]any)[0].(map[string]any)
	calls = usage["calls"].(float64)
	budget := n.do("GET", "/v1/budgets", nil).json(t)["budgets"].([]any)[0].(map[string]any)
	if usage["price_micros"] != sum || budget["spent_micros"] != sum || budget["held_micros"] != 0.0 || calls != float64(len(list)) {
		t.Errorf("receipts sum to %v (%d), usage is %v, the budget %v", sum, len(list), usage, budget)
	}
	if err := n.Ledger.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if err := n.stop(); err != nil {
		t.Error(err)
	}
	if report, err := app.VerifyDir(t.Context(), dir, app.VerifyOptions{}); err != nil || report.Err() != nil {
		t.Errorf("the directory does not verify: %v, %+v", err, report.Faults)
	}
}

// unruly are scripts that do what scripts should not.
var unruly = []struct {
	name, script string
	status       int
	code         crank.Code
}{
	{"endless", "while :; do sleep 6543.21; done", 504, crank.CodeDeadline},
	{"spinning", "while :; do :; done", 504, crank.CodeDeadline},
	{"forking", "while :; do sleep 6543.21 & done", 429, crank.CodeWorkerLimit},
	{"fleeing", "(setsid sleep 6543.21 &) ; setsid sh -c 'sleep 6543.21 & sleep 6543.21' & echo '{}'", 200, ""},
	{"flooding", "yes 0123456789012345678901234567890123456789", 429, crank.CodeWorkerLimit},
	{"shouting", "yes 0123456789 >&2", 504, crank.CodeDeadline},
	{"mumbling", "echo not json", 502, crank.CodeWorkerOutput},
	{"halving", `printf '{"a":'`, 502, crank.CodeWorkerOutput},
	{"doubling", `printf '{"a":1,"a":2}'`, 502, crank.CodeWorkerOutput},
	{"deepening", `i=0; while [ $i -lt 10000 ]; do printf '['; i=$((i+1)); done; i=0; while [ $i -lt 10000 ]; do printf ']'; i=$((i+1)); done`, 502, crank.CodeWorkerOutput},
	{"silent", "exit 0", 502, crank.CodeWorkerOutput},
	{"failing", "echo why it failed >&2; exit 1", 502, crank.CodeWorkerFailed},
	{"suicidal", "kill -9 $$", 502, crank.CodeWorkerFailed},
}

func TestUnrulyScriptsAreStoppedAndTheNodeStaysHealthy(t *testing.T) {
	folders := []string{writeWorker(t, true)}
	for _, u := range unruly {
		folders = append(folders, writeFolder(t, map[string]string{"main.sh": u.script, "worker.yaml": fmt.Sprintf(`version: 1
worker: %s
provider: acme
description: Unruly.
runtime: {command: [sh, main.sh], processes: 16}
operations:
  - capability: %s/run@1
    summary: Run.
    input: {type: object}
    output: {}
    limits: {time: 2s, memory: 256MiB, output: 1MiB}
    plan: {asset: USD, prices: [{meter: calls, price: "0.001000 USD"}]}
`, u.name, u.name)}))
	}
	n := start(t, filepath.Join(t.TempDir(), "data"), app.Options{}, func(c *config.Config) { c.Workers = folders })
	var wait sync.WaitGroup
	for _, u := range unruly {
		wait.Go(func() {
			a := n.do("POST", "/v1/call/"+u.name+"/run", `{}`)
			v := map[string]any{}
			_ = json.Unmarshal(a.Body, &v)
			if code, _ := v["code"].(string); a.Status != u.status || code != string(u.code) {
				t.Errorf("%s: %d %s; want %d %s", u.name, a.Status, a.Body, u.status, u.code)
			}
			if a.Status != http.StatusOK && a.Get("Crank-Price") != "0.00 USD" {
				t.Errorf("%s: a call that failed costs %q", u.name, a.Get("Crank-Price"))
			}
		})
	}
	wait.Wait()
	if a := n.do("GET", "/health/ready", nil); a.Status != http.StatusOK {
		t.Errorf("the node is not ready: %d %s", a.Status, a.Body)
	}
	if a := n.do("POST", "/v1/call/shout/loud", `{"text":"still here"}`); a.Status != http.StatusOK {
		t.Errorf("a good script: %d %s", a.Status, a.Body)
	}
	budget := n.do("GET", "/v1/budgets", nil).json(t)["budgets"].([]any)[0].(map[string]any)
	if budget["held_micros"] != 0.0 || budget["spent_micros"] != 2000.0 {
		t.Errorf("the budget stands at %v", budget)
	}
	var left []string
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		left = nil
		procs, _ := filepath.Glob("/proc/[0-9]*/cmdline") // elsewhere there is nothing to look at
		for _, p := range procs {
			line, _ := os.ReadFile(p)
			if strings.Contains(string(line), "6543.21") || slices.ContainsFunc(folders, func(f string) bool { return strings.Contains(string(line), f) }) {
				left = append(left, strings.ReplaceAll(string(line), "\x00", " "))
			}
		}
		if len(left) == 0 {
			return
		}
	}
	t.Errorf("left running: %q", left)
}

// zipped makes an archive.
func zipped(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, text := range files {
		f, err := w.Create(name)
		if err == nil {
			_, err = io.WriteString(f, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// docx is a Word document whose text is a body's XML, behind a prologue.
func docx(t *testing.T, prologue, body string, more map[string]string) []byte {
	t.Helper()
	files := map[string]string{
		"[Content_Types].xml": `<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>`,
		"_rels/.rels":         `<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>`,
		"word/document.xml":   `<?xml version="1.0"?>` + prologue + `<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>` + body + `</w:body></w:document>`,
	}
	for name, text := range more {
		files[name] = text
	}
	return zipped(t, files)
}

const (
	word = "Content-Type: application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	deep = 10_000
)

func TestHostileAndBrokenInputIsRefusedByItsCode(t *testing.T) {
	n := start(t, filepath.Join(t.TempDir(), "data"), app.Options{}, func(c *config.Config) {
		c.Workers, c.MaxBody = []string{writeWorker(t, true)}, 8<<20
	})
	me := n.do("GET", "/v1/whoami", nil).json(t)
	tenant := me["tenant"].(string)
	makeKey := func(more map[string]any) (id, secret string) {
		spec := map[string]any{"team": me["team"], "app": me["app"], "name": "k", "roles": []string{"caller"}}
		for k, v := range more {
			spec[k] = v
		}
		v := n.do("POST", "/v1/keys", spec).json(t)
		if v["secret"] == nil {
			t.Fatalf("no key: %v", v)
		}
		return v["id"].(string), v["secret"].(string)
	}
	soon := time.Now().Add(time.Second)
	_, expired := makeKey(map[string]any{"expires": soon.UTC()})
	id, revoked := makeKey(nil)
	_, confined := makeKey(map[string]any{"allow": []string{"document/*"}})
	if a := n.do("DELETE", "/v1/keys/"+id, nil); a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	other := n.do("POST", "/v1/tenants", map[string]any{"name": "other"}, "Key: "+n.operator()).json(t)["id"].(string)
	good := docx(t, "", `<w:p><w:r><w:t>hello</w:t></w:r></w:p>`, nil)
	entities := `<!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>`
	nested := strings.Repeat(`<w:tbl><w:tr><w:tc>`, deep) + `<w:p/>` + strings.Repeat(`</w:tc></w:tr></w:tbl>`, deep)
	time.Sleep(time.Until(soon) + 50*time.Millisecond)

	const convert, loud, json = "/v1/call/document/convert?to=md", "/v1/call/shout/loud", "Content-Type: application/json"
	budget := func(limit string) string {
		return fmt.Sprintf(`{"level":"tenant","tenant":%q,"period":"month","limit":%s}`, tenant, limit)
	}
	for _, c := range []struct {
		name, method, path string
		body               any
		headers            []string
		status             int
		code               crank.Code
	}{
		{"a good document", "POST", convert, good, []string{word}, 200, ""},
		{"a zip bomb", "POST", convert, docx(t, "", "<w:p/>", map[string]string{"word/media/x.bin": strings.Repeat("\x00", 64<<20)}), []string{word}, 422, crank.CodeUnsafeContent},
		{"an entity bomb", "POST", convert, docx(t, entities, `<w:p><w:r><w:t>&c;</w:t></w:r></w:p>`, nil), []string{word}, 422, crank.CodeMalformedFile},
		{"a file that reads another", "POST", convert, docx(t, `<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>`, `<w:p><w:r><w:t>&x;</w:t></w:r></w:p>`, nil), []string{word}, 422, crank.CodeMalformedFile},
		{"a truncated file", "POST", convert, good[:len(good)*2/3], []string{word}, 422, crank.CodeMalformedFile},
		{"tables 10,000 deep", "POST", convert, docx(t, "", nested, nil), []string{word}, 422, crank.CodeTooDeep},
		{"HTML 10,000 deep", "POST", convert, strings.Repeat("<div>", deep) + "x", []string{"Content-Type: text/html"}, 422, crank.CodeTooDeep},
		{"a program", "POST", convert, "\x7fELF\x02\x01\x01\x00" + strings.Repeat("\x00", 100), []string{word}, 415, crank.CodeMediaType},
		{"an empty file", "POST", convert, "", []string{word}, 422, crank.CodeMalformedFile},
		{"mail as raw text to a script", "POST", loud, "x", []string{"Content-Type: message/rfc822"}, 415, crank.CodeMediaType},
		{"a media type that is none", "POST", convert, good, []string{"Content-Type: ;;"}, 415, crank.CodeMediaType},
		{"a body beyond the node's limit", "POST", convert, strings.Repeat("x", 9<<20), []string{"Content-Type: text/markdown"}, 413, crank.CodeTooLarge},
		{"a blob beyond the node's limit", "POST", "/v1/blobs", strings.Repeat("x", 9<<20), nil, 413, crank.CodeTooLarge},
		{"JSON beyond what travels inline", "POST", loud, `{"text":"` + strings.Repeat("x", 300<<10) + `"}`, []string{json}, 413, crank.CodeTooLarge},
		{"JSON 10,000 deep", "POST", loud, `{"text":` + strings.Repeat("[", deep) + strings.Repeat("]", deep) + `}`, []string{json}, 422, crank.CodeTooDeep},
		{"JSON 600 deep, in the universal form", "POST", "/v1/process", `{"service":"shout","operation":"loud","input":{"text":` + strings.Repeat("[", 600) + strings.Repeat("]", 600) + `}}`, []string{json}, 422, crank.CodeTooDeep},
		{"JSON 10,000 deep, in the universal form", "POST", "/v1/process", `{"service":"shout","operation":"loud","input":{"text":` + strings.Repeat("[", deep) + strings.Repeat("]", deep) + `}}`, []string{json}, 400, crank.CodeMalformedJSON},
		{"a name twice", "POST", loud, `{"text":"a","text":"b"}`, []string{json}, 400, crank.CodeMalformedJSON},
		{"two values", "POST", loud, `{"text":"a"}{"text":"b"}`, []string{json}, 400, crank.CodeMalformedJSON},
		{"no UTF-8", "POST", loud, "{\"text\":\"\xff\xfe\"}", []string{json}, 400, crank.CodeMalformedJSON},
		{"a blob that is not there", "POST", "/v1/call/document/convert", `{"to":"md","file":{"$blob":"` + crank.DigestOf("x").String() + `","size":1}}`, []string{json}, 404, crank.CodeBlobUnknown},
		{"a blob of negative size", "POST", "/v1/call/document/convert", `{"to":"md","file":{"$blob":"` + crank.DigestOf("x").String() + `","size":-1}}`, []string{json}, 422, crank.CodeInvalidInput},
		{"bytes that do not match", "POST", "/v1/blobs", "x", []string{"Crank-Digest: " + crank.DigestOf("x").String()}, 422, crank.CodeBlobDigest},

		{"an expired key", "POST", loud, `{"text":"a"}`, []string{"Key: " + expired}, 401, crank.CodeKeyRevoked},
		{"a revoked key", "POST", loud, `{"text":"a"}`, []string{"Key: " + revoked}, 401, crank.CodeKeyRevoked},
		{"a key with a letter changed", "POST", loud, `{"text":"a"}`, []string{"Key: " + n.key[:len(n.key)-1] + "~"}, 401, crank.CodeUnauthenticated},
		{"a key for something else", "POST", loud, `{"text":"a"}`, []string{"Key: " + confined}, 403, crank.CodeDenied},
		{"another tenant's budgets", "GET", "/v1/budgets?tenant=" + other, nil, nil, 404, crank.CodeNotFound},
		{"an operator's act", "POST", "/v1/tenants", `{"name":"x"}`, nil, 403, crank.CodeDenied},

		{"a negative budget", "PUT", "/v1/budgets", budget(`{"micros":-1,"asset":"USD"}`), nil, 422, crank.CodeMoneyRange},
		{"a budget beyond 64 bits", "PUT", "/v1/budgets", budget(`{"micros":9223372036854775808,"asset":"USD"}`), nil, 400, crank.CodeMalformedJSON},
		{"a budget of a fraction", "PUT", "/v1/budgets", budget(`{"micros":0.5,"asset":"USD"}`), nil, 400, crank.CodeMalformedJSON},
		{"a budget of no asset", "PUT", "/v1/budgets", budget(`{"micros":1,"asset":"usd!"}`), nil, 422, crank.CodeMoneyRange},
		{"a negative deposit", "POST", "/v1/deposits", fmt.Sprintf(`{"tenant":%q,"amount":{"micros":-5,"asset":"USD"},"why":"x"}`, tenant), []string{"Key: " + n.operator()}, 422, crank.CodeMoneyRange},
		{"a deposit of nothing", "POST", "/v1/deposits", fmt.Sprintf(`{"tenant":%q,"amount":{"micros":0,"asset":"USD"},"why":"x"}`, tenant), []string{"Key: " + n.operator()}, 422, crank.CodeMoneyRange},
		{"the smallest number as a deposit", "POST", "/v1/deposits", fmt.Sprintf(`{"tenant":%q,"amount":{"micros":-9223372036854775808,"asset":"USD"},"why":"x"}`, tenant), []string{"Key: " + n.operator()}, 422, crank.CodeMoneyRange},
		{"a negative maximum price", "POST", loud, `{"text":"a"}`, []string{"Crank-Max-Price: -1 USD"}, 422, crank.CodeMoneyRange},
		{"a maximum price beyond 64 bits", "POST", loud, `{"text":"a"}`, []string{"Crank-Max-Price: 9223372036854.775808 USD"}, 422, crank.CodeMoneyRange},
		{"a maximum price that is no money", "POST", loud, `{"text":"a"}`, []string{"Crank-Max-Price: 1e3 USD"}, 422, crank.CodeMoneyFormat},
		{"a negative price inside JSON", "POST", "/v1/quotes", `{"capability":"shout/loud","input":{"text":"a"},"constraints":{"max_price":{"micros":-1,"asset":"USD"}}}`, nil, 422, crank.CodeMoneyRange},
		{"a deadline that has passed", "POST", loud, `{"text":"a"}`, []string{"Crank-Timeout: -1s"}, 504, crank.CodeDeadline},
		{"a timeout that is none", "POST", loud, `{"text":"a"}`, []string{"Crank-Timeout: soon"}, 422, crank.CodeConstraint},
		{"a key of 300 bytes", "POST", loud, `{"text":"a"}`, []string{"Idempotency-Key: " + strings.Repeat("k", 300)}, 422, crank.CodeConstraint},
		{"a tag without a value", "POST", loud, `{"text":"a"}`, []string{"Crank-Tag: x"}, 422, crank.CodeConstraint},
		{"too many tags", "POST", loud, `{"text":"a"}`, []string{"Crank-Tag: " + strings.TrimSuffix(tags(17), ",")}, 422, crank.CodeConstraint},
	} {
		a := n.do(c.method, c.path, c.body, c.headers...)
		if c.code == "" {
			if a.Status != c.status {
				t.Errorf("%s: %d %s", c.name, a.Status, a.Body)
			}
			continue
		}
		if v := a.json(t); a.Status != c.status || v["code"] != string(c.code) || v["mend"] == "" {
			t.Errorf("%s: %d %.400s; want %d %s", c.name, a.Status, a.Body, c.status, c.code)
		}
	}
	if a := n.do("POST", loud, `{"text":"a"}`); a.Status != http.StatusOK {
		t.Errorf("after all that: %d %s", a.Status, a.Body)
	}
	if err := n.Ledger.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func tags(n int) (s string) {
	for i := range n {
		s += fmt.Sprintf("t%d=x,", i)
	}
	return s
}

// raw sends bytes as they are, and no more where over says so, and returns all
// that is answered.
func (n *node) raw(text string, over bool) string {
	n.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(n.url, "http://"))
	if err != nil {
		n.t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		n.t.Fatal(err)
	}
	_, _ = io.WriteString(c, text)
	if half, ok := c.(*net.TCPConn); ok && over {
		_ = half.CloseWrite()
	}
	answer, _ := io.ReadAll(c)
	return string(answer)
}

func TestRequestsThatProxiesReadDifferentlyAreRefusedAtTheDoor(t *testing.T) {
	n := start(t, filepath.Join(t.TempDir(), "data"), app.Options{}, func(c *config.Config) { c.Workers = []string{writeWorker(t, true)} })
	const body = `{"text":"a"}`
	head := "POST /v1/call/shout/loud HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nAuthorization: Bearer " + n.key + "\r\n"
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	length := fmt.Sprintf("Content-Length: %d\r\n", len(body))
	for name, c := range map[string]struct{ text, begins string }{
		"by length":               {head + length + "\r\n" + body, "HTTP/1.1 200 "},
		"in chunks":               {head + "Transfer-Encoding: chunked\r\n\r\n" + chunked, "HTTP/1.1 200 "},
		"both lengths":            {head + length + "Transfer-Encoding: chunked\r\n\r\n" + chunked, "HTTP/1.1 400 "},
		"two lengths":             {head + length + "Content-Length: 0\r\n\r\n" + body, "HTTP/1.1 400 "},
		"bare LF":                 {strings.ReplaceAll(head+length+"\r\n", "\r\n", "\n") + body, "HTTP/1.1 400 "},
		"a folded line":           {head + "X: a\r\n b\r\n" + length + "\r\n" + body, "HTTP/1.1 400 "},
		"two hosts":               {head + "Host: y\r\n" + length + "\r\n" + body, "HTTP/1.1 400 "},
		"another coding":          {head + "Transfer-Encoding: gzip, chunked\r\n\r\n" + chunked, "HTTP/1.1 400 "},
		"a space before a colon":  {head + "Content-Length : 3\r\n" + length + "\r\n" + body, "HTTP/1.1 400 "},
		"a head of 200 KiB":       {head + "X: " + strings.Repeat("x", 200<<10) + "\r\n" + length + "\r\n" + body, "HTTP/1.1 431 "},
		"100,000 fields":          {head + strings.Repeat("X: y\r\n", 100_000) + length + "\r\n" + body, "HTTP/1.1 431 "},
		"another HTTP":            {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 400 "},
		"a chunk's false size":    {head + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", "HTTP/1.1 4"},
		"less than was announced": {head + "Content-Length: 5000\r\n\r\n" + body, "HTTP/1.1 4"},
	} {
		answer := n.raw(c.text, name == "less than was announced")
		if !strings.HasPrefix(answer, c.begins) {
			t.Errorf("%s: answered %.200q, want %s", name, answer, c.begins)
		}
		if strings.Count(answer, "HTTP/1.1 ") != 1 {
			t.Errorf("%s: answered more than once: %q", name, answer)
		}
	}
	// A request smuggled behind one that is read in two ways is never served.
	answer := n.raw(head+"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/whoami HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+n.key+"\r\n\r\n", false)
	if strings.Contains(answer, "tenant_") || !strings.HasPrefix(answer, "HTTP/1.1 400 ") {
		t.Errorf("a smuggled request: %q", answer)
	}
	// Connections that never finish their head keep nobody else waiting.
	for range 200 {
		c, err := net.Dial("tcp", strings.TrimPrefix(n.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = io.WriteString(c, "POST /v1/call/shout/loud HTTP/1.1\r\nHost: x\r\nX-Slow: ")
	}
	if a := n.do("POST", "/v1/call/shout/loud", body); a.Status != http.StatusOK {
		t.Errorf("beside 200 slow clients: %d %s", a.Status, a.Body)
	}
}
