package harness_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/harness"
	"github.com/crank-platform/crank/harness/harnesstest"
	"github.com/crank-platform/crank/kit/child"
)

func TestMain(m *testing.M) {
	child.Main()
	if served, err := harness.Serve(func() []crank.Worker { return []crank.Worker{odd{}} }); served {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// odd is a worker that does what its input tells it, good or bad.
type odd struct{}

func (odd) Manifest() crank.Manifest {
	return crank.Manifest{Version: 1, Worker: "odd", Provider: "test", Operations: []crank.Operation{{
		Capability: "odd/do@1", Summary: "Do what the input says.",
		Input:      json.RawMessage(`{"type":"object","required":["do"]}`),
		Output:     json.RawMessage(`{"type":"object","required":["done"]}`),
		Limits:     crank.Limits{Time: oddTime, MemoryBytes: oddMemory, InputBytes: 1 << 20, OutputBytes: 1 << 10},
		Properties: crank.Properties{Streaming: true, Idempotent: true},
	}}}
}

func (odd) Do(ctx context.Context, t crank.Task) (crank.Result, error) {
	var in struct {
		Do   string
		File crank.BlobRef
	}
	if err := json.Unmarshal(t.Input, &in); err != nil {
		return crank.Result{}, err
	}
	done := func(v any) (crank.Result, error) {
		out, err := json.Marshal(map[string]any{"done": v})
		return crank.Result{Output: out, Usage: crank.Usage{{Meter: "things", Quantity: 3, Method: crank.Measured}}}, err
	}
	switch in.Do {
	case "panic":
		panic("as told")
	case "forever":
		for i := 0; ; i++ {
			if i < 0 {
				return done(i)
			}
		}
	case "memory":
		var hog [][]byte
		for {
			b := make([]byte, 8<<20)
			for i := range b {
				b[i] = byte(i)
			}
			hog = append(hog, b)
			if len(hog) > 1<<10 {
				return done(len(hog))
			}
		}
	case "exit":
		os.Exit(3)
	case "wrong":
		return crank.Result{Output: json.RawMessage(`{"other":1}`)}, nil
	case "known":
		return crank.Result{}, crank.E(crank.CodeMalformedFile, "the file is odd")
	case "secret":
		return crank.Result{}, errors.New("password is swordfish")
	case "upper":
		r, err := t.Blobs.Open(ctx, in.File)
		if err != nil {
			return crank.Result{}, err
		}
		defer r.Close()
		b, err := io.ReadAll(r)
		if err != nil {
			return crank.Result{}, err
		}
		ref, err := t.Blobs.Put(ctx, strings.NewReader(strings.ToUpper(string(b))), "text/plain", "up.txt")
		if err != nil {
			return crank.Result{}, err
		}
		return done(ref)
	case "flood":
		ref, err := t.Blobs.Put(ctx, strings.NewReader(strings.Repeat("x", 1<<11)), "", "")
		if err != nil {
			return crank.Result{}, err
		}
		return done(ref)
	case "forge":
		return done(crank.BlobRef{Digest: crank.DigestOf("someone", []byte("else's")), Size: 1})
	case "stream":
		for i := range 3 {
			if err := t.Emit(crank.Chunk{Data: []byte{byte('a' + i)}}); err != nil {
				return crank.Result{}, err
			}
		}
	}
	return done(in.Do)
}

func TestWhateverAWorkerDoesTheCallEndsInOrder(t *testing.T) {
	for _, isolation := range []string{harness.Process, harness.Inproc} {
		blobs := &harnesstest.Blobs{}
		h, err := harness.New(harness.Config{Blobs: blobs, Isolation: isolation, Children: 2}, odd{})
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		ref, err := blobs.Put(t.Context(), "t", strings.NewReader("quiet"), crank.Digest{})
		if err != nil {
			t.Fatal(err)
		}
		call := func(input string, sink func(crank.Chunk) error) (crank.Result, error) {
			return h.Handle(t.Context(), crank.Call{ID: "call_1", Capability: "odd/do@1", Input: json.RawMessage(input),
				Deadline: time.Now().Add(time.Minute), Principal: crank.Principal{Payer: crank.Payer{Tenant: "t"}}}, crank.Offer{}, sink)
		}
		for input, want := range map[string]crank.Code{
			`{"do":"well"}`:   "",
			`{"do":"panic"}`:  crank.CodeWorkerFailed,
			`{"do":"known"}`:  crank.CodeMalformedFile,
			`{"do":"secret"}`: crank.CodeWorkerFailed,
			`{"do":"wrong"}`:  crank.CodeWorkerOutput,
			`{"do":"flood"}`:  crank.CodeWorkerLimit,
			`{"do":"forge"}`:  crank.CodeWorkerOutput,
			`{}`:              crank.CodeInvalidInput,
			`{"do":"upper","file":{"$blob":"` + ref.Digest.String() + `","size":5}}`:          "",
			`{"do":"upper","file":{"$blob":"` + crank.DigestOf("x").String() + `","size":5}}`: crank.CodeBlobUnknown,
			`{"do":"forever"}`: crank.CodeDeadline,
			`{"do":"memory"}`:  crank.CodeWorkerLimit,
			`{"do":"exit"}`:    crank.CodeWorkerFailed,
		} {
			ownProcess := strings.Contains(input, "forever") || strings.Contains(input, "memory") || strings.Contains(input, "exit")
			if racing && strings.Contains(input, "memory") {
				continue
			}
			if ownProcess && isolation == harness.Inproc {
				continue // what a goroutine does, nobody can stop: that is what process isolation is for
			}
			r, err := call(input, nil)
			switch {
			case want == "" && err != nil:
				t.Errorf("%s: %s fails: %v", isolation, input, err)
			case want != "" && (err == nil || crank.AsError(err).Code != want):
				t.Errorf("%s: %s ends with %v, want %s", isolation, input, err, want)
			case err != nil && strings.Contains(crank.AsError(err).Message, "swordfish"):
				t.Errorf("%s: what a worker did not mean to say is said: %v", isolation, err)
			case want == "" && r.Usage.Of(crank.MeterCPUMicros) == 0 && isolation == harness.Process:
				t.Errorf("%s: %s used no processor: %+v", isolation, input, r.Usage)
			case want == "" && r.Usage.Of("things") != 3:
				t.Errorf("%s: %s lost the worker's own meter: %+v", isolation, input, r.Usage)
			}
		}
		heard := ""
		if _, err := call(`{"do":"stream"}`, func(c crank.Chunk) error { heard += string(c.Data); return nil }); err != nil || heard != "abc" {
			t.Errorf("%s: the stream says %q, %v", isolation, heard, err)
		}
		if _, err := call(`{"do":"stream"}`, func(crank.Chunk) error { return errors.New("gone") }); err == nil {
			t.Errorf("%s: a stream without a listener ends well", isolation)
		}
	}
}

type manifest struct {
	odd
	m crank.Manifest
}

func (m manifest) Manifest() crank.Manifest { return m.m }

func TestEveryFaultOfAManifestIsToldAtOnce(t *testing.T) {
	_, err := harness.New(harness.Config{}, manifest{m: crank.Manifest{Worker: "Bad Name", Isolation: "cage", Operations: []crank.Operation{
		{Capability: "a/b", Input: json.RawMessage(`{"type":7}`)}, {Capability: "a/b@1", Summary: "x"}, {Capability: "a/b@1", Summary: "x"},
	}}})
	if err == nil || len(crank.AsError(err).Faults) < 7 {
		t.Errorf("faults are %v", err)
	}
}
