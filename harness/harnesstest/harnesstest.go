// Package harnesstest proves that a worker keeps its own contract: it runs every
// example in the worker's testdata against the harness.
//
// An example is a folder testdata/<family>-<verb>@<major>/<name>/ with
// input.json, and want.json or error.json ({"code": "CRK-nnnn"}). Where the input
// refers to a file of the folder as {"$file": "name", "media_type": "..."}, it is
// put into the store and the reference takes its place; in the output every blob
// stands as {"$text": "..."} where it is UTF-8 text. want.json may leave out
// properties: what it names must be there.
package harnesstest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/harness"
)

// Run runs the examples below dir, each as a test of its own. Every operation of
// the worker needs at least one.
func Run(t *testing.T, w crank.Worker, c harness.Config, dir string) {
	t.Helper()
	blobs := &Blobs{}
	c.Blobs = blobs
	host, err := harness.New(c, w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Close)
	for _, op := range host.Manifest().Operations {
		name := strings.ReplaceAll(string(op.Capability), "/", "-")
		examples, err := os.ReadDir(filepath.Join(dir, name))
		if err != nil || len(examples) == 0 {
			t.Errorf("%s has no example in %s (%v)", op.Capability, filepath.Join(dir, name), err)
		}
		for _, e := range examples {
			t.Run(name+"/"+e.Name(), func(t *testing.T) { example(t, host, blobs, op, filepath.Join(dir, name, e.Name())) })
		}
	}
}

const tenant = "tenant_test"

func example(t *testing.T, host *harness.Host, blobs *Blobs, op crank.Operation, dir string) {
	input := fill(t, blobs, dir, read(t, filepath.Join(dir, "input.json")))
	text, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	result, failure := host.Handle(t.Context(), crank.Call{
		ID: "call_test", Capability: op.Capability, Input: text, Deadline: time.Now().Add(time.Minute),
		Principal: crank.Principal{Payer: crank.Payer{Tenant: tenant}},
	}, crank.Offer{}, nil)
	if _, err := os.Stat(filepath.Join(dir, "error.json")); err == nil {
		want := read(t, filepath.Join(dir, "error.json")).(map[string]any)["code"]
		if failure == nil || string(crank.AsError(failure).Code) != want {
			t.Errorf("fails with %v, want %v", failure, want)
		}
		return
	}
	if failure != nil {
		t.Fatal(failure)
	}
	var got any
	if err := json.Unmarshal(result.Output, &got); err != nil {
		t.Fatal(err)
	}
	if at, ok := Contains(show(t, blobs, got), read(t, filepath.Join(dir, "want.json"))); !ok {
		shown, _ := json.MarshalIndent(show(t, blobs, got), "", "  ")
		t.Errorf("differs at %s; the output is %s", at, shown)
	}
}

func read(t *testing.T, path string) (v any) {
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// fill puts files where {"$file": name} stands.
func fill(t *testing.T, blobs *Blobs, dir string, v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = fill(t, blobs, dir, v[i])
		}
	case map[string]any:
		if name, ok := v["$file"].(string); ok {
			f, err := os.Open(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			ref, err := blobs.Put(t.Context(), tenant, f, crank.Digest{})
			if err != nil {
				t.Fatal(err)
			}
			media, _ := v["media_type"].(string)
			return crank.BlobRef{Digest: ref.Digest, Size: ref.Size, MediaType: media, Name: name}
		}
		for k := range v {
			v[k] = fill(t, blobs, dir, v[k])
		}
	}
	return v
}

// show writes blobs of text out.
func show(t *testing.T, blobs *Blobs, v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = show(t, blobs, v[i])
		}
	case map[string]any:
		if text, ok := v["$blob"].(string); ok {
			d, err := crank.ParseDigest(text)
			if err != nil {
				t.Fatal(err)
			}
			if data := blobs.bytes(tenant, d); utf8.Valid(data) {
				v["$text"] = string(data)
			}
			return v
		}
		for k := range v {
			v[k] = show(t, blobs, v[k])
		}
	}
	return v
}

// Contains reports whether got has all that want names, and where it does not.
func Contains(got, want any) (at string, ok bool) {
	switch want := want.(type) {
	case map[string]any:
		g, is := got.(map[string]any)
		if !is {
			return "/", false
		}
		for k, v := range want {
			if at, ok := Contains(g[k], v); !ok {
				return "/" + k + strings.TrimSuffix(at, "/"), false
			}
		}
		return "", true
	case []any:
		g, is := got.([]any)
		if !is || len(g) != len(want) {
			return "/", false
		}
		for i := range want {
			if at, ok := Contains(g[i], want[i]); !ok {
				return fmt.Sprintf("/%d%s", i, strings.TrimSuffix(at, "/")), false
			}
		}
		return "", true
	}
	return "/", reflect.DeepEqual(got, want)
}

// Blobs is a blob store in memory, for tests of workers. The zero value is empty.
type Blobs struct {
	mu sync.Mutex
	m  map[string][]byte
}

var _ crank.BlobStore = (*Blobs)(nil)

// Put implements crank.BlobStore.
func (b *Blobs) Put(_ context.Context, tenant string, r io.Reader, want crank.Digest) (crank.BlobRef, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return crank.BlobRef{}, err
	}
	d := crank.Digest(sha256.Sum256(data))
	if !want.IsZero() && want != d {
		return crank.BlobRef{}, crank.E(crank.CodeBlobDigest, "the bytes are %s, not %s", d, want)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.m == nil {
		b.m = map[string][]byte{}
	}
	b.m[tenant+d.String()] = data
	return crank.BlobRef{Digest: d, Size: int64(len(data))}, nil
}

// Open implements crank.BlobStore.
func (b *Blobs) Open(_ context.Context, tenant string, d crank.Digest) (io.ReadCloser, crank.BlobRef, error) {
	data := b.bytes(tenant, d)
	if data == nil {
		return nil, crank.BlobRef{}, crank.E(crank.CodeBlobUnknown, "no blob %s", d)
	}
	return io.NopCloser(bytes.NewReader(data)), crank.BlobRef{Digest: d, Size: int64(len(data))}, nil
}

func (b *Blobs) bytes(tenant string, d crank.Digest) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	data, ok := b.m[tenant+d.String()]
	if ok && data == nil {
		return []byte{}
	}
	return data
}
