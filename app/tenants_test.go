package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/app"
	"github.com/crank-platform/crank/app/config"
	"github.com/crank-platform/crank/gateway/rest"
	"github.com/crank-platform/crank/kit/ids"
)

// world is what one tenant has. Two worlds are furnished alike, with equal names.
type world struct {
	n *node

	Tenant, Team, App, Key            string
	Receipt, Call, Job, JobCall       string
	Running, RunningCall, Quote, Blob string
	Secret                            string // name of one that the other has not

	admin, caller string       // keys' secrets
	seen          bytes.Buffer // every answer that this tenant was given while it was furnished
}

// ids lists what names something of the world, by what it is.
func (w *world) ids() map[string]string {
	return map[string]string{
		"tenant": w.Tenant, "team": w.Team, "app": w.App, "key": w.Key, "receipt": w.Receipt, "call": w.Call, "job": w.Job,
		"job's call": w.JobCall, "running job": w.Running, "running call": w.RunningCall, "quote": w.Quote, "blob": w.Blob, "secret": w.Secret,
	}
}

// list is ids in an order that two worlds share.
func (w *world) list() (all []string) {
	named := w.ids()
	for _, what := range slices.Sorted(maps.Keys(named)) {
		all = append(all, named[what])
	}
	return all
}

// never is a world that has never been: every id is of the same form.
func (w *world) never() *world {
	fresh := func(id string) string {
		if strings.HasPrefix(id, "sha256:") {
			return crank.DigestOf("never", []byte(ids.New("never"))).String()
		}
		prefix, _, _ := strings.Cut(id, "_")
		return ids.New(prefix)
	}
	return &world{
		Tenant: fresh(w.Tenant), Team: fresh(w.Team), App: fresh(w.App), Key: fresh(w.Key), Receipt: fresh(w.Receipt), Call: fresh(w.Call),
		Job: fresh(w.Job), JobCall: fresh(w.JobCall), Running: fresh(w.Running), RunningCall: fresh(w.RunningCall), Quote: fresh(w.Quote),
		Blob: fresh(w.Blob), Secret: "no-" + w.Secret[3:],
	}
}

const slowWorker = `version: 1
worker: slow
provider: acme
description: Takes its time.
runtime: {command: [sleep, "100"]}
operations:
  - capability: slow/nap@1
    summary: Sleep.
    input: {type: object}
    output: {type: object}
    limits: {time: 120s, memory: 256MiB}
`

// as sends a request with a key of the world and keeps the answer.
func (w *world) as(key, method, path string, body any, headers ...string) answer {
	w.n.t.Helper()
	a := w.n.do(method, path, body, append(headers, "Key: "+key)...)
	w.seen.Write(a.Body)
	for k, v := range a.Header {
		fmt.Fprintln(&w.seen, k, v)
	}
	return a
}

// must is as, with the tenant's own admin key, for what has to go well.
func (w *world) must(method, path string, body any, headers ...string) map[string]any {
	w.n.t.Helper()
	a := w.as(w.admin, method, path, body, headers...)
	if a.Status >= 300 {
		w.n.t.Fatalf("%s %s: %d %s", method, path, a.Status, a.Body)
	}
	v := map[string]any{}
	if len(a.Body) > 0 && json.Unmarshal(a.Body, &v) != nil {
		v["text"] = string(a.Body)
	}
	for _, h := range []string{"Crank-Receipt", "Crank-Call", "Crank-Replayed"} {
		v[h] = a.Get(h)
	}
	return v
}

// furnish makes a tenant with one of everything; mark is all that differs.
func furnish(n *node, mark string) *world {
	t := n.t
	t.Helper()
	w := &world{n: n}
	operator := n.operator()
	as := func(method, path string, body any) map[string]any {
		t.Helper()
		a := n.do(method, path, body, "Key: "+operator)
		if a.Status >= 300 {
			t.Fatalf("%s %s: %d %s", method, path, a.Status, a.Body)
		}
		w.seen.Write(a.Body)
		return a.json(t)
	}
	w.Tenant = as("POST", "/v1/tenants", map[string]any{"name": "twin-" + mark})["id"].(string)
	w.Team = as("POST", "/v1/tenants/"+w.Tenant+"/units", map[string]any{"name": "team"})["id"].(string)
	w.App = as("POST", "/v1/tenants/"+w.Tenant+"/units", map[string]any{"name": "app", "team": "team"})["id"].(string)
	key := func(name string, roles ...string) (id, secret string) {
		k := as("POST", "/v1/keys", map[string]any{"tenant": w.Tenant, "team": "team", "app": "app", "name": name, "roles": roles})
		return k["id"].(string), k["secret"].(string)
	}
	w.Key, w.admin = key("key", "admin", "auditor", "caller")
	_, w.caller = key("caller", "caller")
	as("POST", "/v1/deposits", map[string]any{"tenant": w.Tenant, "amount": crank.Money{Micros: 5_000_000, Asset: "USD"}, "why": "same"})
	for _, b := range [][2]string{{"tenant", w.Tenant}, {"team", "team"}, {"app", "team/app"}, {"key", w.Key}} {
		w.must("PUT", "/v1/budgets", map[string]any{"level": b[0], "id": b[1], "period": "month", "limit": crank.Money{Micros: 9_000_000, Asset: "USD"}})
	}
	w.Secret = "of-" + mark
	w.must("PUT", "/v1/secrets/token", "hidden-"+mark)
	w.must("PUT", "/v1/secrets/"+w.Secret, "hidden-"+mark)
	w.must("POST", "/v1/blobs", "the same bytes")
	w.Blob = w.must("POST", "/v1/blobs", "bytes of "+mark)["$blob"].(string)

	first := w.must("POST", "/v1/call/shout/loud", `{"text":"same"}`, "Idempotency-Key: same", "Crank-Tag: project=same")
	if first["Crank-Replayed"] != "" {
		t.Fatalf("the first call of %s under a key is a replay: %v", mark, first)
	}
	w.Receipt, w.Call = first["Crank-Receipt"].(string), first["Crank-Call"].(string)
	w.must("POST", "/v1/call/shout/loud", `{"text":"of `+mark+`"}`, "Idempotency-Key: other")
	w.Quote = w.must("POST", "/v1/quotes", `{"capability":"shout/loud","input":{"text":"same"}}`)["quote"].(map[string]any)["id"].(string)
	job := w.must("POST", "/v1/jobs", `{"capability":"shout/loud","input":{"text":"same"}}`, "Idempotency-Key: job")
	w.Job, w.JobCall = job["id"].(string), job["call"].(string)
	running := w.must("POST", "/v1/jobs", `{"capability":"slow/nap","input":{}}`, "Idempotency-Key: nap")
	w.Running, w.RunningCall = running["id"].(string), running["call"].(string)
	w.must("GET", "/v1/jobs/"+w.Job+"/events", nil) // to its end
	w.must("GET", "/v1/receipts/"+w.Receipt+"/proof", nil)
	w.state()
	return w
}

// state is everything that the tenant can list, but for what time alone changes.
func (w *world) state() string {
	w.n.t.Helper()
	var all strings.Builder
	for _, path := range []string{
		"/v1/whoami", "/v1/tenants", "/v1/tenants/" + w.Tenant + "/units", "/v1/keys", "/v1/budgets", "/v1/balances", "/v1/secrets",
		"/v1/receipts", "/v1/receipts?tag=project%3Dsame", "/v1/usage", "/v1/usage?by=tenant,team,app,key,capability,day,outcome", "/v1/usage?by=tag:project&format=csv",
		"/v1/jobs", "/v1/jobs/" + w.Job, "/v1/receipts/" + w.Receipt, "/v1/receipts/" + w.Call, "/v1/blobs/" + w.Blob,
	} {
		a := w.as(w.admin, "GET", path, nil)
		if a.Status != http.StatusOK {
			w.n.t.Errorf("GET %s: %d %s", path, a.Status, a.Body)
		}
		fmt.Fprintf(&all, "%s: %s\n", path, lastUsed.ReplaceAll(a.Body, nil))
	}
	return all.String()
}

var lastUsed = regexp.MustCompile(`,"last_used":"[^"]*"`)

// tokens are the words of a text that could name something: ids, digests, keys
// and whatever is marked as hidden.
var tokens = regexp.MustCompile(`[a-z]+_[0-9a-f]{32}|sha256:[0-9a-f]{64}|crank_[A-Za-z0-9_-]{20,}|hidden-[a-z]+|(twin|of)-[a-z]+|"[A-Za-z0-9+/]{43}="`)

func words(text string) map[string]bool {
	all := map[string]bool{}
	for _, w := range tokens.FindAllString(text, -1) {
		all[w] = true
	}
	return all
}

// probe is one request that tries to reach a world.
type probe struct {
	path    string
	body    any
	headers []string
}

// bodies says, for each route, which requests name things of world w beyond its
// path and its query, which are tried with every id anyway. Own is the one who asks.
var bodies = map[string]func(own, w *world) []probe{
	"GET /health/live":                       nil,
	"GET /health/ready":                      nil,
	"GET /v1/openapi.json":                   nil,
	"GET /v1/capabilities":                   nil,
	"GET /v1/capabilities/{family}/{verb}":   nil,
	"GET /v1/jobs":                           nil,
	"GET /v1/jobs/{id}":                      nil,
	"DELETE /v1/jobs/{id}":                   nil,
	"GET /v1/blobs/{digest}":                 nil,
	"GET /v1/receipts/{id}":                  nil,
	"GET /v1/receipts/{id}/proof":            nil,
	"GET /v1/log/checkpoint":                 nil,
	"GET /v1/whoami":                         nil,
	"GET /v1/tenants":                        nil,
	"GET /v1/tenants/{tenant}/units":         nil,
	"DELETE /v1/tenants/{tenant}/units/{id}": nil,
	"GET /v1/keys":                           nil,
	"GET /v1/budgets":                        nil,
	"GET /v1/balances":                       nil,
	"GET /v1/secrets":                        nil,
	"DELETE /v1/keys/{id}":                   nil,
	"GET /v1/policies":                       nil,
	"POST /v1/policies/reload":               nil,
	"POST /v1/call/{family}/{verb}": func(_, w *world) []probe {
		return calls("/v1/call/shout/loud", func(input string) string { return input }, w)
	},
	"POST /v1/process": func(_, w *world) []probe {
		return calls("/v1/process", func(input string) string {
			service, verb := "shout", "loud"
			if strings.Contains(input, "$blob") {
				service, verb = "document", "convert"
			}
			return fmt.Sprintf(`{"service":%q,"operation":%q,"input":%s}`, service, verb, input)
		}, w)
	},
	"POST /v1/quotes":        func(_, w *world) []probe { return calls("/v1/quotes", asked, w) },
	"POST /v1/route/explain": func(_, w *world) []probe { return calls("/v1/route/explain", asked, w) },
	"POST /v1/jobs":          func(_, w *world) []probe { return calls("/v1/jobs", asked, w) },
	"GET /v1/jobs/{id}/events": func(_, w *world) []probe {
		return []probe{{"/v1/jobs/" + w.Job + "/events", nil, []string{"Last-Event-ID: 1"}}}
	},
	"POST /v1/blobs": func(_, w *world) []probe {
		return []probe{{"/v1/blobs", "x", []string{"Crank-Digest: " + w.Blob}}}
	},
	"GET /v1/receipts": func(_, w *world) (all []probe) {
		for _, q := range []string{"team=" + w.Team, "app=" + w.App, "key=" + w.Key, "cursor=" + w.Receipt, "tenant=" + w.Tenant + "&key=" + w.Key} {
			all = append(all, probe{"/v1/receipts?" + q, nil, nil})
		}
		return all
	},
	"GET /v1/usage": func(_, w *world) []probe {
		return []probe{{"/v1/usage?by=tenant,key&tenant=" + w.Tenant, nil, nil}, {"/v1/usage?format=csv&by=key&tenant=" + w.Tenant, nil, nil}}
	},
	"POST /v1/tenants": func(_, w *world) []probe {
		return []probe{{"/v1/tenants", map[string]any{"name": w.Tenant}, nil}}
	},
	"PUT /v1/tenants/{tenant}/settings": func(_, w *world) []probe {
		return []probe{{"/v1/tenants/" + w.Tenant + "/settings", map[string]any{"observe": true}, nil}}
	},
	"POST /v1/tenants/{tenant}/units": func(own, w *world) (all []probe) {
		for _, team := range []string{"", "team", w.Team, w.App} {
			all = append(all, probe{"/v1/tenants/" + w.Tenant + "/units", map[string]any{"name": "new", "team": team}, nil})
		}
		for _, team := range []string{w.Team, w.App, w.Tenant, w.Team + "/" + w.App} {
			all = append(all, probe{"/v1/tenants/" + own.Tenant + "/units", map[string]any{"name": "new", "team": team}, nil})
		}
		return all
	},
	"POST /v1/keys": func(own, w *world) (all []probe) {
		for _, spec := range []map[string]any{
			{"tenant": w.Tenant}, {"tenant": w.Tenant, "team": "team", "app": "app"}, {"tenant": w.Tenant, "team": w.Team, "app": w.App},
			{"team": w.Team}, {"team": w.Team, "app": w.App}, {"team": "team", "app": w.App}, {"tenant": own.Tenant, "team": w.Team, "app": own.App},
		} {
			spec["name"], spec["roles"] = "stolen", []string{"caller"}
			all = append(all, probe{"/v1/keys", spec, nil})
		}
		return all
	},
	"POST /v1/keys/{id}/rotate": func(own, w *world) (all []probe) {
		for _, tenant := range []string{"", own.Tenant, w.Tenant} {
			all = append(all, probe{"/v1/keys/" + w.Key + "/rotate", map[string]any{"tenant": tenant, "overlap": "1h"}, nil})
		}
		return append(all, probe{"/v1/keys/" + own.Key + "/rotate", map[string]any{"tenant": w.Tenant}, nil})
	},
	"PUT /v1/budgets": func(own, w *world) (all []probe) {
		for _, tenant := range []string{"", own.Tenant, w.Tenant} {
			for _, at := range [][2]string{{"tenant", w.Tenant}, {"team", w.Team}, {"app", w.App}, {"app", w.Team + "/" + w.App}, {"key", w.Key}} {
				if at[0] == "tenant" && tenant != w.Tenant {
					continue // the id of a tenant's budget is not read: it sets one's own
				}
				for _, removed := range []bool{false, true} {
					all = append(all, probe{"/v1/budgets", map[string]any{
						"level": at[0], "id": at[1], "tenant": tenant, "period": "month", "limit": crank.Money{Micros: 1, Asset: "USD"}, "removed": removed,
					}, nil})
				}
			}
		}
		return all
	},
	"POST /v1/deposits": func(_, w *world) []probe {
		return []probe{{"/v1/deposits", map[string]any{"tenant": w.Tenant, "amount": crank.Money{Micros: 1, Asset: "USD"}, "why": "mine"}, nil}}
	},
	"PUT /v1/secrets/{name}": func(_, w *world) []probe {
		return []probe{{"/v1/secrets/token?tenant=" + w.Tenant, "stolen", nil}, {"/v1/secrets/" + w.Secret + "?tenant=" + w.Tenant, "stolen", nil}}
	},
	"DELETE /v1/secrets/{name}": func(_, w *world) []probe {
		return []probe{{"/v1/secrets/" + w.Secret, nil, nil}, {"/v1/secrets/token?tenant=" + w.Tenant, nil, nil}}
	},
}

func asked(input string) string {
	capability := "shout/loud"
	if strings.Contains(input, "$blob") {
		capability = "document/convert"
	}
	return fmt.Sprintf(`{"capability":%q,"input":%s}`, capability, input)
}

// calls are calls that name things of a world in headers and input.
func calls(path string, form func(input string) string, w *world) (all []probe) {
	plain := form(`{"text":"probe"}`)
	for _, id := range w.list() {
		all = append(all,
			probe{path, plain, []string{"Crank-Parent: " + id}},
			probe{path, plain, []string{"Crank-Quote: " + id}},
			probe{path, plain, []string{"Crank-Provider: " + id}},
		)
	}
	file := form(fmt.Sprintf(`{"file":{"$blob":%q,"size":10,"media_type":"text/markdown"},"to":"html"}`, w.Blob))
	if path == "/v1/call/shout/loud" {
		path = "/v1/call/document/convert"
	}
	return append(all, probe{path, file, nil})
}

// probes lists the requests for a route that try to reach w: its path filled
// with every id, its query naming every id as the tenant, and what bodies adds.
func probes(t *testing.T, route rest.Route, own, w *world) (all []probe) {
	t.Helper()
	more, known := bodies[route.Method+" "+route.Path]
	if !known {
		t.Errorf("%s %s has no case in this test: say what it could be asked of another tenant", route.Method, route.Path)
	}
	paths := []string{strings.NewReplacer("{family}", "shout", "{verb}", "loud", "{tenant}", w.Tenant, "{name}", "token").Replace(route.Path)}
	if route.Method == "GET" || route.Method == "DELETE" {
		paths = append(paths, strings.NewReplacer("{family}", "shout", "{verb}", "loud", "{tenant}", own.Tenant, "{name}", w.Secret).Replace(route.Path))
	}
	var filled []string
	for _, p := range paths {
		open := strings.IndexByte(p, '{')
		if open < 0 {
			if strings.Contains(route.Path, "{") {
				filled = append(filled, p)
			}
			continue
		}
		end := strings.IndexByte(p, '}')
		for _, id := range w.list() {
			filled = append(filled, p[:open]+id+p[end+1:])
		}
	}
	var body any
	if route.Method != "GET" && route.Method != "DELETE" {
		body = "{}"
	}
	for _, p := range filled {
		if p == "/v1/tenants/"+own.Tenant+"/units" || route.Path == "/v1/secrets/{name}" {
			continue // one's own, and covered by the queries below
		}
		all = append(all, probe{p, body, nil})
	}
	for _, id := range w.list() {
		p := strings.NewReplacer("{family}", "shout", "{verb}", "loud", "{tenant}", w.Tenant, "{name}", "token", "{id}", w.Key, "{digest}", url.PathEscape(w.Blob)).Replace(route.Path)
		all = append(all, probe{p + "?tenant=" + id, body, nil})
	}
	if more != nil {
		all = append(all, more(own, w)...)
	}
	return all
}

// blank takes out of a text what names a world, so that two can be compared.
func (w *world) blank(text string) string {
	for what, id := range w.ids() {
		text = strings.ReplaceAll(text, id, "<"+what+">")
		text = strings.ReplaceAll(text, strings.TrimPrefix(id, "sha256:"), "<"+what+">")
		if len(id) > 64 {
			text = regexp.MustCompile(id[:40]+"[0-9a-f]+").ReplaceAllString(text, "<"+what+">") // messages quote the beginning
		}
	}
	return text
}

func (w *world) sent(p probe) string {
	var all strings.Builder
	fmt.Fprintln(&all, p.path, p.headers)
	switch b := p.body.(type) {
	case nil:
	case string:
		all.WriteString(b)
	default:
		text, _ := json.Marshal(b)
		all.Write(text)
	}
	return all.String()
}

func TestTwoTenantsWithEqualNamesSeeNothingOfEachOther(t *testing.T) {
	slow := writeFolder(t, map[string]string{"worker.yaml": slowWorker})
	n := start(t, filepath.Join(t.TempDir(), "data"), app.Options{}, func(c *config.Config) {
		c.Workers, c.Isolation = []string{writeWorker(t, true), slow}, "inproc"
	})
	a, b := furnish(n, "alpha"), furnish(n, "beta")
	public := words(text(t, n, "/v1/capabilities") + text(t, n, "/v1/policies") + text(t, n, "/v1/capabilities/shout/loud"))
	foreign := words(b.seen.String())
	for w := range words(a.seen.String()) {
		delete(foreign, w) // what both know: contracts, plans, offers
	}
	for w := range public {
		delete(foreign, w)
	}
	for what, id := range b.ids() {
		if !foreign[id] {
			t.Fatalf("this test would not notice the other's %s %s", what, id)
		}
	}
	if strings.Contains(b.seen.String(), "hidden-beta") {
		t.Error("a secret's value came back")
	}
	foreign["hidden-beta"] = true
	before := b.state()

	asked := 0
	for _, route := range rest.Routes() {
		never := b.never()
		theirs, nobodys := probes(t, route, a, b), probes(t, route, a, never)
		for i, p := range theirs {
			for who, key := range map[string]string{"the admin": a.admin, "a caller": a.caller} {
				got, want := a.as(key, route.Method, p.path, p.body, p.headers...), a.as(key, route.Method, nobodys[i].path, nobodys[i].body, nobodys[i].headers...)
				asked += 2
				name := fmt.Sprintf("%s of the other tenant asks %s %s", who, route.Method, a.sent(p))
				if got.Status != want.Status {
					t.Errorf("%s: %d %s, for what never was %d %s", name, got.Status, got.Body, want.Status, want.Body)
				} else if got.Status >= 400 && b.blank(string(got.Body)) != never.blank(string(want.Body)) {
					t.Errorf("%s: %s, for what never was %s", name, got.Body, want.Body)
				}
				mine := words(a.sent(p))
				for w := range words(string(got.Body) + fmt.Sprint(got.Header)) {
					if foreign[w] && !mine[w] {
						t.Errorf("%s: the answer holds the other's %s: %s", name, w, got.Body)
					}
				}
			}
		}
	}
	t.Logf("%d requests over %d routes", asked, len(rest.Routes()))

	for w := range words(a.state()) {
		if foreign[w] {
			t.Errorf("the lists of one tenant show the other's %s", w)
		}
	}
	then := strings.Split(before, "\n")
	for i, now := range strings.Split(b.state(), "\n") {
		if now != then[i] {
			t.Errorf("the other tenant changed something: it was\n%s\nand is\n%s", then[i], now)
		}
	}
	if after := b.as(b.caller, "POST", "/v1/call/shout/loud", `{"text":"alive"}`); after.Status != http.StatusOK {
		t.Errorf("the other's key does not serve any more: %d %s", after.Status, after.Body)
	}
	for _, w := range []*world{a, b} {
		w.must("DELETE", "/v1/jobs/"+w.Running, nil)
	}
}

func TestTheSameKeyOfTwoTenantsIsTwoKeys(t *testing.T) {
	slow := writeFolder(t, map[string]string{"worker.yaml": slowWorker})
	n := start(t, filepath.Join(t.TempDir(), "data"), app.Options{}, func(c *config.Config) { c.Workers = []string{writeWorker(t, false), slow} })
	a, b := furnish(n, "alpha"), furnish(n, "beta")
	again := a.must("POST", "/v1/call/shout/loud", `{"text":"same"}`, "Idempotency-Key: same")
	if again["Crank-Receipt"] != a.Receipt || again["Crank-Replayed"] != "true" {
		t.Errorf("one's own key replays %v", again)
	}
	if got := b.as(b.admin, "POST", "/v1/call/shout/loud", `{"text":"another"}`, "Idempotency-Key: same"); got.Status != http.StatusConflict {
		t.Errorf("the other's own key with another text: %d %s", got.Status, got.Body)
	}
	if job := a.must("POST", "/v1/jobs", `{"capability":"shout/loud","input":{"text":"same"}}`, "Idempotency-Key: job"); job["id"] != a.Job {
		t.Errorf("one's own job is %v", job)
	}
	// The parent of a call is one's own, or it is not there.
	for w, status := range map[*world]int{a: http.StatusOK, b: http.StatusNotFound} {
		got := w.as(w.admin, "POST", "/v1/call/shout/loud", `{"text":"child"}`, "Crank-Parent: "+a.RunningCall)
		if got.Status != status {
			t.Errorf("a call under a running call: %d %s; want %d", got.Status, got.Body, status)
		}
		got = w.as(w.admin, "POST", "/v1/call/shout/loud", `{"text":"same"}`, "Crank-Quote: "+a.Quote)
		if (got.Status == http.StatusOK) != (w == a) {
			t.Errorf("a call under a quote: %d %s", got.Status, got.Body)
		}
		w.must("DELETE", "/v1/jobs/"+w.Running, nil)
	}
}

func TestATenantsAdminNeverBecomesAnOperator(t *testing.T) {
	for name, observe := range map[string]bool{"policy enforced": false, "policy observed on the whole node": true} {
		n := start(t, filepath.Join(t.TempDir(), "data"), app.Options{}, func(c *config.Config) { c.Observe = observe })
		me := n.do("GET", "/v1/whoami", nil).json(t)
		tenant := me["tenant"].(string)
		place := func(role string) map[string]any {
			return map[string]any{"tenant": tenant, "team": me["team"], "app": me["app"], "name": role, "roles": []string{role}}
		}
		operators := n.do("POST", "/v1/keys", place("operator"), "Key: "+n.operator()).json(t)["id"].(string)
		caller := n.do("POST", "/v1/keys", place("caller")).json(t)["secret"].(string)
		// Observing what policy would deny to calls must open no other door.
		if a := n.do("PUT", "/v1/tenants/"+tenant+"/settings", map[string]any{"observe": true}); a.Status != http.StatusOK {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		for _, c := range []struct {
			key, method, path string
			body              any
		}{
			{n.key, "POST", "/v1/tenants", map[string]any{"name": "mine"}},
			{n.key, "POST", "/v1/deposits", map[string]any{"tenant": tenant, "amount": crank.Money{Micros: 1, Asset: "USD"}, "why": "free"}},
			{n.key, "POST", "/v1/policies/reload", nil},
			{n.key, "DELETE", "/v1/tenants/" + tenant + "/units/" + tenant, nil},
			{n.key, "POST", "/v1/keys", place("operator")},
			{n.key, "POST", "/v1/keys/" + operators + "/rotate", map[string]any{}},
			{n.key, "DELETE", "/v1/keys/" + operators, nil},
			{caller, "POST", "/v1/keys", place("caller")},
			{caller, "POST", "/v1/keys/" + me["key"].(string) + "/rotate", map[string]any{}},
			{caller, "PUT", "/v1/secrets/token", "x"},
			{caller, "PUT", "/v1/budgets", map[string]any{"level": "tenant", "period": "day", "limit": crank.Money{Asset: "USD"}}},
			{caller, "PUT", "/v1/tenants/" + tenant + "/settings", map[string]any{}},
		} {
			if a := n.do(c.method, c.path, c.body, "Key: "+c.key); a.Status != http.StatusForbidden {
				t.Errorf("%s: %s %s %v: %d %s", name, c.method, c.path, c.body, a.Status, a.Body)
			}
		}
		if a := n.do("POST", "/v1/tenants", map[string]any{"name": "theirs"}, "Key: "+n.operator()); a.Status != http.StatusCreated {
			t.Errorf("the operator: %d %s", a.Status, a.Body)
		}
	}
}

// text reads what is public to all of a node's tenants.
func text(t *testing.T, n *node, path string) string {
	t.Helper()
	a := n.do("GET", path, nil)
	if a.Status != http.StatusOK {
		t.Fatalf("GET %s: %d %s", path, a.Status, a.Body)
	}
	return string(a.Body)
}
