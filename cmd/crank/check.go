package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/crank-platform/crank"
	client "github.com/crank-platform/crank/sdk/go"
)

// check serves the worker in dir on a node in a temporary folder and runs its
// examples as calls.
func (p *program) check(ctx context.Context, dir string) error {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return fileError(err)
	}
	tmp, err := os.MkdirTemp("", "crank-check-")
	if err != nil {
		return fileError(err)
	}
	defer os.RemoveAll(tmp)
	c, err := p.config()
	if err != nil {
		return err
	}
	c.DataDir, c.PolicyDir, c.AnchorDir, c.Listen, c.Workers = tmp, filepath.Join(tmp, "policy"), "", "", []string{abs}
	alone := *p
	alone.keyFile, alone.environ = "", nil // the caller's key is another node's
	examples, err := filepath.Glob(filepath.Join(abs, "testdata", "*-*@*", "*", "input.json"))
	if err != nil {
		return fileError(err)
	}
	return alone.embedded(ctx, c, asCaller, func(ctx context.Context, node *client.Client) error {
		failed := 0
		for _, input := range examples {
			name, err := filepath.Rel(filepath.Join(abs, "testdata"), filepath.Dir(input))
			if err == nil {
				err = example(ctx, node, filepath.Dir(input))
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			verdict := "ok      " + name
			if err != nil {
				failed++
				verdict = "FAILED  " + name + ": " + err.Error()
			}
			if err := p.print([]byte(verdict + "\n")); err != nil {
				return err
			}
		}
		if failed > 0 {
			return crank.E(crank.CodeManifest, "%d of %d examples fail", failed, len(examples)).Mending("Correct the worker, or the examples.")
		}
		p.note("the manifest is good; %d examples pass", len(examples))
		return nil
	})
}

// example calls with an example's input and compares what comes.
func example(ctx context.Context, node *client.Client, dir string) error {
	capability := crank.Capability(strings.Replace(filepath.Base(filepath.Dir(dir)), "-", "/", 1))
	input, err := readJSON(filepath.Join(dir, "input.json"))
	if err != nil {
		return err
	}
	if input, err = withFiles(ctx, node, dir, input); err != nil {
		return err
	}
	text, err := json.Marshal(input)
	if err != nil {
		return err
	}
	a, failed := node.Call(ctx, client.CallRequest{Capability: capability, Input: text})
	if want, err := readJSON(filepath.Join(dir, "error.json")); err == nil {
		code, _ := want.(map[string]any)["code"].(string)
		if failed == nil {
			return fmt.Errorf("it succeeds, but is to fail with %s", code)
		}
		if got := crank.AsError(failed).Code; string(got) != code {
			return fmt.Errorf("it fails with %s, not %s: %s", got, code, crank.AsError(failed).Message)
		}
		return nil
	}
	if failed != nil {
		return failed
	}
	want, err := readJSON(filepath.Join(dir, "want.json"))
	if err != nil {
		return errors.New("there is neither want.json nor error.json")
	}
	var got any
	if err := json.Unmarshal(a.Output, &got); err != nil {
		return err
	}
	if got, err = withText(ctx, node, got); err != nil {
		return err
	}
	if at, ok := holds(got, want, ""); !ok {
		return fmt.Errorf("at %q the output is not what want.json says", at)
	}
	return nil
}

func readJSON(path string) (v any, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return v, json.Unmarshal(text, &v)
}

// withFiles uploads what stands as {"$file": name}.
func withFiles(ctx context.Context, node *client.Client, dir string, v any) (any, error) {
	var err error
	switch v := v.(type) {
	case map[string]any:
		if name, ok := v["$file"].(string); ok {
			f, err := os.Open(filepath.Join(dir, filepath.Base(name)))
			if err != nil {
				return nil, err
			}
			defer f.Close()
			media, _ := v["media_type"].(string)
			return node.PutBlob(ctx, f, media, filepath.Base(name))
		}
		for k := range v {
			if v[k], err = withFiles(ctx, node, dir, v[k]); err != nil {
				return nil, err
			}
		}
	case []any:
		for i := range v {
			if v[i], err = withFiles(ctx, node, dir, v[i]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// withText puts {"$text": ...} in a blob's place.
func withText(ctx context.Context, node *client.Client, v any) (any, error) {
	var err error
	switch v := v.(type) {
	case map[string]any:
		if text, ok := v["$blob"].(string); ok {
			d, err := crank.ParseDigest(text)
			if err != nil {
				return nil, err
			}
			var b bytes.Buffer
			_, err = node.GetBlob(ctx, d, &b)
			return map[string]any{"$text": b.String()}, err
		}
		for k := range v {
			if v[k], err = withText(ctx, node, v[k]); err != nil {
				return nil, err
			}
		}
	case []any:
		for i := range v {
			if v[i], err = withText(ctx, node, v[i]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// holds reports whether got has all that want names, and where it does not.
func holds(got, want any, at string) (string, bool) {
	switch want := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return at, false
		}
		for k, w := range want {
			if at, ok := holds(g[k], w, at+"/"+k); !ok {
				return at, false
			}
		}
		return at, true
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(want) {
			return at, false
		}
		for i := range want {
			if at, ok := holds(g[i], want[i], fmt.Sprintf("%s/%d", at, i)); !ok {
				return at, false
			}
		}
		return at, true
	}
	return at, reflect.DeepEqual(got, want)
}
