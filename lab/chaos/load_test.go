package chaos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// rig is a data directory, what is done to it, and what was promised for it.
type rig struct {
	t       *testing.T
	dir     string
	anchors string // outside dir
	logs    string
	folder  string   // holds the workers
	workers []string // folders
	rand    *rand.Rand
	starts  int
	keys    []string
	client  *http.Client

	mu    sync.Mutex
	calls []*call
	noted map[string]int // codes of refusals
}

// call is one thing that a client wants done, however often it has to ask.
type call struct {
	n    int
	kind kind
	key  string // idempotency key, "" for none
	by   int    // which API key
	text string

	acked   bool // it was answered with a receipt, or as a job accepted
	first   answer
	retried bool
}

type kind struct {
	name       string
	idempotent bool
	job        bool
	document   bool
}

// The mix: a command for each call, a command that lives on, a document in the
// built-in worker (in its own process, or not, from start to start), and jobs.
var kinds = []kind{
	{name: "shout/loud", idempotent: true},
	{name: "count/next"},
	{name: "document/convert", idempotent: true, document: true},
	{name: "count/next", job: true},
	{name: "shout/loud", idempotent: true, job: true},
}

const loudYAML = `version: 1
worker: shout
provider: acme
description: Shouts.
runtime: {command: [sh, main.sh]}
operations:
  - capability: shout/loud@1
    summary: Say it loud.
    input: {type: object, required: [text], additionalProperties: false, properties: {text: {type: string}}}
    output: {type: object, required: [said]}
    properties: {idempotent: true}
    limits: {time: 20s, memory: 256MiB}
    plan: {asset: USD, prices: [{meter: calls, price: "0.001000 USD"}, {meter: input_bytes, price: "0.000003 USD"}]}
`

const loudScript = `input=$(cat)
text=${input#*\"text\":\"}
printf '{"said":"%s!"}' "${text%%\"*}"
`

const countYAML = `version: 1
worker: count
provider: beta
description: Counts, which cannot be done twice.
runtime: {command: [sh, main.sh], mode: lines}
operations:
  - capability: count/next@1
    summary: The next number.
    input: {type: object, required: [text], additionalProperties: false, properties: {text: {type: string}}}
    output: {type: object, required: [number, text]}
    limits: {time: 20s, memory: 256MiB}
    plan: {asset: USD, prices: [{meter: calls, price: "0.000700 USD"}]}
`

const countScript = `n=0
while IFS= read -r line; do
  n=$((n+1))
  id=${line#*\"id\":\"}
  text=${line#*\"text\":\"}
  printf '{"id":"%s","output":{"number":%d,"text":"%s"}}\n' "${id%%\"*}" $n "${text%%\"*}"
done
`

func newRig(t *testing.T, seed uint64) *rig {
	t.Helper()
	base := t.TempDir()
	r := &rig{
		t: t, dir: filepath.Join(base, "data"), anchors: filepath.Join(base, "anchors"), logs: filepath.Join(base, "logs"),
		folder: filepath.Join(base, "workers"), rand: rand.New(rand.NewPCG(seed, 1)), noted: map[string]int{},
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: time.Minute},
	}
	for name, files := range map[string][2]string{"shout": {loudYAML, loudScript}, "count": {countYAML, countScript}} {
		dir := filepath.Join(r.folder, name)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for i, file := range []string{"worker.yaml", "main.sh"} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(files[i]), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r.workers = append(r.workers, dir)
	}
	if err := os.MkdirAll(r.logs, 0o700); err != nil {
		t.Fatal(err)
	}
	return r
}

// answer is a response, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) field(name string) (s string) {
	var v map[string]any
	if json.Unmarshal(a.body, &v) == nil {
		s, _ = v[name].(string)
	}
	return s
}

func (r *rig) do(n *node, key, method, path, contentType string, body []byte, header http.Header) (answer, error) {
	req, err := http.NewRequest(method, n.url+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	req.Header.Set("Authorization", "Bearer "+key)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := r.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, text}, err
}

// get reads JSON, or ends the test.
func (r *rig) get(n *node, path string, v any) {
	r.t.Helper()
	a, err := r.do(n, r.keys[0], "GET", path, "", nil, nil)
	if err != nil {
		r.t.Fatalf("GET %s: %v\n%s", path, err, tail(n.log))
	}
	if a.status != http.StatusOK {
		r.t.Fatalf("GET %s: %d %s", path, a.status, a.body)
	}
	if err := json.Unmarshal(a.body, v); err != nil {
		r.t.Fatalf("GET %s: %v in %s", path, err, a.body)
	}
}

// ask sends a call once. Tag n stands in every receipt that it may get.
func (r *rig) ask(n *node, c *call) (answer, error) {
	header := http.Header{"Crank-Tag": {fmt.Sprintf("n=%d", c.n)}}
	if c.key != "" {
		header.Set("Idempotency-Key", c.key)
	}
	key := r.keys[c.by]
	switch {
	case c.kind.job:
		body := fmt.Sprintf(`{"capability":%q,"input":{"text":%q},"tags":{"n":"%d"}}`, c.kind.name, c.text, c.n)
		header.Del("Crank-Tag")
		return r.do(n, key, "POST", "/v1/jobs", "application/json", []byte(body), header)
	case c.kind.document:
		return r.do(n, key, "POST", "/v1/call/document/convert?to=html", "text/markdown", []byte("# "+c.text+"\n\nSome *text*.\n"), header)
	}
	return r.do(n, key, "POST", "/v1/call/"+c.kind.name, "application/json", fmt.Appendf(nil, `{"text":%q}`, c.text), header)
}

// note remembers what a call was promised.
func (r *rig) note(c *call, a answer, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err != nil:
		r.noted["connection lost"]++
	case c.kind.job && a.status == http.StatusAccepted, !c.kind.job && a.header.Get("Crank-Receipt") != "":
		c.acked, c.first = true, a
	default:
		code := a.field("code")
		r.noted[code]++
		// CRK-4002: no offers yet, or no more; CRK-4009: overload; CRK-5xxx and 9003: closing.
		if !slices.Contains([]string{"CRK-4002", "CRK-4009", "CRK-9003"}, code) {
			r.t.Errorf("call %d (%s) is answered %d %s", c.n, c.kind.name, a.status, a.body)
		}
	}
}

const clients = 32

// load calls from 32 clients at once until stop closes.
func (r *rig) load(n *node, stop <-chan struct{}) {
	var wait sync.WaitGroup
	for range clients {
		choose := rand.New(rand.NewPCG(r.rand.Uint64(), 2))
		wait.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				c := r.next(choose)
				a, err := r.ask(n, c)
				r.note(c, a, err)
				if err != nil {
					return // the node is dead
				}
			}
		})
	}
	wait.Wait()
}

func (r *rig) next(choose *rand.Rand) *call {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := &call{n: len(r.calls), kind: kinds[choose.IntN(len(kinds))], by: choose.IntN(len(r.keys))}
	c.text = fmt.Sprintf("text %d", c.n)
	if choose.IntN(2) == 0 {
		c.key = fmt.Sprintf("key-%d", c.n)
	}
	r.calls = append(r.calls, c)
	return c
}

// each runs f on calls, 32 at once.
func (r *rig) each(calls []*call, f func(*call)) {
	work := make(chan *call)
	var wait sync.WaitGroup
	for range clients {
		wait.Go(func() {
			for c := range work {
				f(c)
			}
		})
	}
	for _, c := range calls {
		work <- c
	}
	close(work)
	wait.Wait()
}

// furnish gives a new node three more keys and budgets that do not end the test.
func (r *rig) furnish(n *node) {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, "keys", "cli"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.keys = []string{strings.TrimSpace(string(text))}
	var me struct{ Tenant, Team, App, Key string }
	r.get(n, "/v1/whoami", &me)
	post := func(method, path string, v any) answer {
		body, err := json.Marshal(v)
		if err != nil {
			r.t.Fatal(err)
		}
		a, err := r.do(n, r.keys[0], method, path, "application/json", body, nil)
		if err != nil || a.status >= 300 {
			r.t.Fatalf("%s %s: %d %s %v", method, path, a.status, a.body, err)
		}
		return a
	}
	for i := range 3 {
		a := post("POST", "/v1/keys", map[string]any{"team": me.Team, "app": me.App, "name": fmt.Sprint("load ", i), "roles": []string{"caller"}})
		r.keys = append(r.keys, a.field("secret"))
	}
	for level, id := range map[string]string{"tenant": me.Tenant, "team": me.Team, "app": me.Team + "/" + me.App, "key": me.Key} {
		period := "total"
		if level == "tenant" {
			period = "month" // the one that the first start made
		}
		post("PUT", "/v1/budgets", map[string]any{"level": level, "id": id, "period": period, "limit": map[string]any{"micros": 1_000_000_000_000, "asset": "USD"}})
	}
}
