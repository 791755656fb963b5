package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/crank-platform/crank/app"
	"github.com/crank-platform/crank/app/config"
	"github.com/crank-platform/crank/kit/child"
)

func TestMain(m *testing.M) {
	child.Main()
	if served, err := app.ServeChild(); served {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// node is a running house with its REST door on loopback.
type node struct {
	*app.House
	t    *testing.T
	url  string
	key  string // of the first tenant
	stop func() error
}

const echoWorker = `version: 1
worker: shout
provider: acme
description: Shouts.
runtime: {command: [sh, shout.sh]}
operations:
  - capability: shout/loud@1
    summary: Say it loud.
    input: {type: object, required: [text], additionalProperties: false, properties: {text: {type: string}, fail: {type: string}}}
    output: {type: object, required: [said]}
    properties: {idempotent: %v}
    limits: {time: 5s, memory: 256MiB}
    plan: {asset: USD, prices: [{meter: calls, price: "0.001000 USD"}]}
`

const echoScript = `input=$(cat)
case "$input" in
  *fail*) echo "told to fail" >&2; exit 3;;
esac
printf '{"said":%s}' "$(printf '%s' "$input" | sed 's/.*"text":\("[^"]*"\).*/\1/' | tr a-z A-Z)"
`

// writeWorker makes a folder with the worker above.
func writeWorker(t *testing.T, idempotent bool) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"worker.yaml": fmt.Sprintf(echoWorker, idempotent), "shout.sh": echoScript} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// start brings a node up on a directory; it goes down at the test's end unless
// stopped before.
func start(t *testing.T, dir string, o app.Options, set func(*config.Config)) *node {
	t.Helper()
	c, keys, err := config.Load(config.Source{Flags: map[string]string{"data_dir": dir, "listen": "127.0.0.1:0", "shutdown_grace": "5s"}})
	if err != nil {
		t.Fatal(err)
	}
	if set != nil {
		set(&c)
	}
	o.Wire = o.Wire || os.Getenv("CRANK_TEST_WIRE") != "" // the whole suite, with ledger and discovery behind rpc
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	h, err := app.Open(t.Context(), c, keys, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	up, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- h.Run(ctx, func() { close(up) }, h.Doors()...) }()
	select {
	case <-up:
	case err := <-ended:
		cancel()
		t.Fatalf("the node did not come up: %v", err)
	case <-time.After(time.Minute):
		cancel()
		t.Fatal("the node did not come up in a minute")
	}
	n := &node{House: h, t: t, url: "http://" + *h.Address.Load()}
	key, err := os.ReadFile(filepath.Join(dir, app.CLIKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	n.key = strings.TrimSpace(string(key))
	stopped := false
	n.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		err := <-ended
		if closing := h.Close(); err == nil {
			err = closing
		}
		return err
	}
	t.Cleanup(func() {
		if err := n.stop(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// operator returns the node's operator key.
func (n *node) operator() string {
	key, err := os.ReadFile(filepath.Join(n.Config.DataDir, app.OperatorKeyFile))
	if err != nil {
		n.t.Fatal(err)
	}
	return strings.TrimSpace(string(key))
}

// answer is a response, read.
type answer struct {
	Status int
	http.Header
	Body []byte
}

func (a answer) json(t *testing.T) (v map[string]any) {
	t.Helper()
	if err := json.Unmarshal(a.Body, &v); err != nil {
		t.Fatalf("%s is not JSON: %v", a.Body, err)
	}
	return v
}

// do sends a request. Headers come as "Name: value"; "Key: x" replaces the key.
func (n *node) do(method, path string, body any, headers ...string) answer {
	n.t.Helper()
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(b)
	case []byte:
		r = bytes.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			n.t.Fatal(err)
		}
		r = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(n.t.Context(), method, n.url+path, r)
	if err != nil {
		n.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+n.key)
	if r != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		k, v, _ := strings.Cut(h, ": ")
		if k == "Key" {
			k, v = "Authorization", "Bearer "+v
		}
		req.Header.Set(k, v)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		n.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, text}
}
