package http_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/harness"
	"github.com/crank-platform/crank/harness/harnesstest"
	worker "github.com/crank-platform/crank/workers/http"
)

const yaml = `
version: 1
worker: w
provider: me
http:
  base_url: %s
  headers: {X-Key: {secret: example}, X-Plain: here}
  routes:
    - {capability: w/json@1, path: "/json/{city}", query: {u: units}}
    - {capability: w/get@1, path: /get, method: GET, query: {q: q}}
    - {capability: w/file@1, path: /file, body: file, answer: file, query: {width: width}}
operations:
  - {capability: w/json@1, summary: JSON., output: true, limits: {time: 400ms}}
  - {capability: w/get@1, summary: Get., output: true}
  - {capability: w/file@1, summary: File., file: {in: doc, out: image}, limits: {output: 1MiB}}
`

// client calls a worker for the service at base through a harness.
type client struct {
	*testing.T
	host  *harness.Host
	blobs harnesstest.Blobs
}

func dial(t *testing.T, base string) *client {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "worker.yaml"), fmt.Appendf(nil, yaml, base), 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := worker.Load(dir, worker.Config{Secret: func(_ context.Context, name string) (string, error) { return "value of " + name, nil }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	c := &client{T: t}
	if c.host, err = harness.New(harness.Config{Blobs: &c.blobs}, w); err != nil {
		t.Fatal(err)
	}
	return c
}

func serve(t *testing.T, h http.HandlerFunc) *client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return dial(t, s.URL+"/v2")
}

func (c *client) call(capability, input string) (crank.Result, error) {
	return c.host.Handle(c.Context(), crank.Call{
		ID: "call_1", Capability: crank.Capability(capability), Input: json.RawMessage(input), Deadline: time.Now().Add(time.Minute),
		Principal: crank.Principal{Payer: crank.Payer{Tenant: "t"}},
	}, crank.Offer{}, nil)
}

func (c *client) file(text string) string {
	c.Helper()
	ref, err := c.blobs.Put(c.Context(), "t", strings.NewReader(text), crank.Digest{})
	if err != nil {
		c.Fatal(err)
	}
	ref.MediaType = "text/plain"
	b, err := json.Marshal(ref)
	if err != nil {
		c.Fatal(err)
	}
	return string(b)
}

func TestACallBecomesTheRequestThatItsRouteSays(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		json.NewEncoder(w).Encode(map[string]string{
			"at": r.Method + " " + r.URL.EscapedPath() + "?" + r.URL.RawQuery, "body": string(body),
			"key": r.Header.Get("X-Key"), "plain": r.Header.Get("X-Plain"), "type": r.Header.Get("Content-Type"),
		})
	})
	for _, x := range []struct{ capability, input, at, body, media string }{
		{"w/json@1", `{"city":"a/../b c","units":7,"rest":[true]}`, "POST /v2/json/a%2F..%2Fb%20c?u=7", `{"rest":[true]}`, "application/json"},
		{"w/json@1", `{"city":"x"}`, "POST /v2/json/x?", `{}`, "application/json"},
		{"w/get@1", `{"q":"a&b=c","rest":1}`, "GET /v2/get?q=a%26b%3Dc", "", ""},
	} {
		r, err := c.call(x.capability, x.input)
		if err != nil {
			t.Error(err)
			continue
		}
		var got map[string]string
		if err := json.Unmarshal(r.Output, &got); err != nil {
			t.Fatal(err)
		}
		if got["at"] != x.at || got["body"] != x.body || got["type"] != x.media || got["key"] != "value of example" || got["plain"] != "here" {
			t.Errorf("%s %s becomes %v", x.capability, x.input, got)
		}
	}
	for _, input := range []string{`{}`, `{"city":""}`, `{"city":".."}`, `{"city":{"a":1}}`, `{"city":"x","units":[1]}`} {
		if _, err := c.call("w/json@1", input); crank.AsError(err) == nil || crank.AsError(err).Code != crank.CodeInvalidInput {
			t.Errorf("%s ends with %v", input, err)
		}
	}
}

func TestAFileGoesAndComesAsItsBytes(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "text/shout")
		fmt.Fprint(w, strings.ToUpper(string(body)), r.URL.Query().Get("width"), r.Header.Get("Content-Type"), r.ContentLength)
	})
	r, err := c.call("w/file@1", `{"doc":`+c.file("quiet")+`,"width":3}`)
	if err != nil {
		t.Fatal(err)
	}
	var out struct{ Image crank.BlobRef }
	if err := json.Unmarshal(r.Output, &out); err != nil {
		t.Fatal(err)
	}
	b, _, err := c.blobs.Open(t.Context(), "t", out.Image.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(b); string(text) != "QUIET3text/plain5" || out.Image.MediaType != "text/shout" {
		t.Errorf("the answer is %s, %v in %s", text, err, r.Output)
	}
}

func TestEveryWayAServiceFailsHasItsOwnCode(t *testing.T) {
	status := func(code int, header, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if header != "" {
				k, v, _ := strings.Cut(header, ": ")
				w.Header().Set(k, v)
			}
			if w.Header().Get("Content-Type") == "" {
				w.Header().Set("Content-Type", "application/json")
			}
			w.WriteHeader(code)
			io.WriteString(w, body)
		}
	}
	flood := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for b := bytes.Repeat([]byte(" "), 1<<20); ; {
			if _, err := w.Write(b); err != nil {
				return
			}
		}
	}
	stuck := func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // until then the server does not look whether the caller is still there
		<-r.Context().Done()
	}
	for _, x := range []struct {
		name, capability string
		h                http.HandlerFunc
		code             crank.Code
		says             string
	}{
		{"slow", "w/json@1", stuck, crank.CodeDeadline, "longer than its limit"},
		{"slow within the body", "w/json@1", func(w http.ResponseWriter, r *http.Request) {
			status(200, "", "[")(w, r)
			w.(http.Flusher).Flush()
			stuck(w, r)
		}, crank.CodeDeadline, "longer than its limit"},
		{"truncated", "w/json@1", status(200, "Content-Length: 100", "{}"), crank.CodeWorkerFailed, "broke within"},
		{"truncated file", "w/file@1", status(200, "Content-Length: 100", "{}"), crank.CodeWorkerFailed, "broke within"},
		{"wrong type", "w/json@1", status(200, "Content-Type: text/html", "<p>"), crank.CodeWorkerOutput, `"text/html"`},
		{"no JSON", "w/json@1", status(200, "", "{"), crank.CodeWorkerOutput, "not one JSON value"},
		{"100 MB announced", "w/file@1", status(200, "Content-Length: 100000000", ""), crank.CodeWorkerLimit, "more than its limit"},
		{"an endless answer", "w/json@1", flood, crank.CodeWorkerLimit, "more than its limit of 262144"},
		{"an endless file", "w/file@1", flood, crank.CodeWorkerLimit, "more than its limit of 1048576"},
		{"400", "w/json@1", status(400, "Content-Type: application/problem+json", `{"title":"Bad","detail":"no such\ncity"}`), crank.CodeInvalidInput, "w: no such city"},
		{"422", "w/json@1", status(422, "", `{"error":{"message":"nope"}}`), crank.CodeInvalidInput, "nope"},
		{"404", "w/json@1", status(404, "", `{"error":"gone"}`), crank.CodeNotFound, "gone"},
		{"401", "w/json@1", status(401, "", `{"detail":"key abc is wrong"}`), crank.CodeWorkerFailed, "status 401"},
		{"413", "w/json@1", status(413, "", ``), crank.CodeTooLarge, "413"},
		{"415", "w/json@1", status(415, "", ``), crank.CodeMediaType, "415"},
		{"429", "w/json@1", status(429, "Retry-After: 7", ``), crank.CodeOverloaded, "429"},
		{"500", "w/json@1", status(500, "", `{"detail":"stack trace"}`), crank.CodeWorkerFailed, "status 500"},
		{"503", "w/json@1", status(503, "Retry-After: 7", ``), crank.CodeWorkerFailed, "status 503"},
		{"304", "w/json@1", status(304, "", ``), crank.CodeWorkerFailed, "304"},
		{"off-host redirect", "w/get@1", status(302, "Location: http://192.0.2.1/", ``), crank.CodeWorkerFailed, "does not name"},
		{"off-port redirect", "w/get@1", status(302, "Location: http://127.0.0.1:1/", ``), crank.CodeWorkerFailed, "does not name"},
		{"endless redirect", "w/get@1", status(302, "Location: /again", ``), crank.CodeWorkerFailed, ""},
		{"a broken connection", "w/json@1", func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				conn.Close()
			}
		}, crank.CodeWorkerFailed, "may have been done"},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := serve(t, x.h)
			_, err := c.call(x.capability, `{"city":"x","doc":`+c.file("text")+`}`)
			e := crank.AsError(err)
			if e == nil || e.Code != x.code || !strings.Contains(e.Message, x.says) {
				t.Fatalf("ends with %v, want %s that says %q", err, x.code, x.says)
			}
			if strings.Contains(e.Message, "abc") || strings.Contains(e.Message, "stack") {
				t.Errorf("says too much: %s", e.Message)
			}
			if x.name == "429" && e.RetryAfter != 7*time.Second {
				t.Errorf("to be tried again after %s", e.RetryAfter)
			}
		})
	}
}

func TestARedirectWithinTheServiceIsFollowed(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/there" {
			http.Redirect(w, r, "/there", http.StatusFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `"there"`)
	})
	if r, err := c.call("w/get@1", `{}`); err != nil || string(r.Output) != `"there"` {
		t.Errorf("the answer is %s, %v", r.Output, err)
	}
}

func TestOnlyWhatWasNeverSentMayBeSentAgain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	_, err = dial(t, "http://"+l.Addr().String()).call("w/get@1", `{}`)
	if e := crank.AsError(err); e == nil || e.Code != crank.CodeWorkerGone || !e.Retryable {
		t.Errorf("a refused connection ends with %v", err)
	}
}

func TestANameMayNotStandForAnAddressOfAPrivateNetwork(t *testing.T) {
	host, address := privateName(t)
	l, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		t.Skipf("cannot listen on %s: %v", address, err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `"inside"`)
	})}}
	s.Start()
	t.Cleanup(s.Close)
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + net.JoinHostPort(host, port)
	if _, err := dial(t, base).call("w/get@1", `{}`); crank.AsError(err) == nil || !strings.Contains(crank.AsError(err).Message, "does not name") {
		t.Errorf("it is called: %v", err)
	}
	if r, err := dial(t, base+"\n  private: true").call("w/get@1", `{}`); err != nil || string(r.Output) != `"inside"` {
		t.Errorf("with private: true it is not called: %v", err)
	}
}

// privateName finds a name other than localhost that stands for an address of
// this machine.
func privateName(t *testing.T) (host, address string) {
	t.Helper()
	own, _ := os.Hostname()
	for _, host := range []string{own, "ip6-localhost", "localhost.localdomain", "ip6-loopback"} {
		found, err := net.DefaultResolver.LookupNetIP(t.Context(), "ip", host)
		if err == nil && len(found) == 1 && (found[0].IsLoopback() || found[0].IsPrivate()) {
			return host, found[0].Unmap().String()
		}
	}
	t.Skip("no name but localhost stands for an address of this machine")
	return "", ""
}

func TestCallsAtOnceKeepTheirConnections(t *testing.T) {
	var opened atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `1`)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	c := dial(t, s.URL)
	const callers, calls = 64, 20
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range calls {
				if _, err := c.call("w/get@1", `{}`); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if n := opened.Load(); n > 2*callers {
		t.Errorf("%d calls opened %d connections", callers*calls, n)
	}
}

func TestEveryFaultOfAServiceIsToldWhenItIsLoaded(t *testing.T) {
	for text, says := range map[string]string{
		"http: {base_url: ftp://x, routes: []}":      "base_url",
		"http: {base_url: http://u:p@x, routes: []}": "base_url",
		"http: {base_url: http://x, routes: []}":     "has no route",
		"{}":                                         "no section http",
		"http: {base_url: http://x, routes: [{capability: w/a@1, path: a}]}":                                 "begins with /",
		"http: {base_url: http://x, routes: [{capability: w/a@1, path: /a b}]}":                              "character",
		"http: {base_url: http://x, routes: [{capability: w/a@1, path: '/{a'}]}":                             "needs its }",
		"http: {base_url: http://x, routes: [{capability: w/a@1, path: /a, body: file}]}":                    "file.in",
		"http: {base_url: http://x, routes: [{capability: w/a@1, path: /a, method: GET, body: json}]}":       "has no body",
		"http: {base_url: http://x, routes: [{capability: w/a@1, path: /a}, {capability: w/b@1, path: /a}]}": "no operation",
		"http: {base_url: http://x, headers: {Host: y}, routes: [{capability: w/a@1, path: /a}]}":            "cannot be set",
		"http: {base_url: http://x, headers: {X: {secret: y}}, routes: [{capability: w/a@1, path: /a}]}":     "none are to be had",
		"http: {base_url: http://x, timeout: 1s, routes: [{capability: w/a@1, path: /a}]}":                   "unknown key",
	} {
		dir := t.TempDir()
		if text == "{}" {
			text = ""
		}
		whole := "version: 1\nworker: w\nprovider: me\noperations: [{capability: w/a@1, summary: A.}]\n" + text
		if err := os.WriteFile(filepath.Join(dir, "worker.yaml"), []byte(whole), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := worker.Load(dir, worker.Config{}); crank.AsError(err) == nil || crank.AsError(err).Code != crank.CodeManifest || !strings.Contains(err.Error(), says) {
			t.Errorf("%s gives %v, want one that says %q", text, err, says)
		}
	}
}
