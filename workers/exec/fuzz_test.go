package exec

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crank-platform/crank"
)

// taken keeps what an output brings in.
type taken struct{ text []string }

func (t *taken) Open(context.Context, crank.BlobRef) (io.ReadCloser, error) {
	return nil, crank.E(crank.CodeBlobUnknown, "there are none")
}

func (t *taken) Put(_ context.Context, r io.Reader, media, name string) (crank.BlobRef, error) {
	b, err := io.ReadAll(r)
	t.text = append(t.text, string(b))
	return crank.BlobRef{Digest: crank.DigestOf("x", b), MediaType: media, Name: name}, err
}

func FuzzNoOutputLeadsOutOfTheCallsFolder(f *testing.F) {
	base := f.TempDir()
	dir := filepath.Join(base, "call")
	if err := os.MkdirAll(filepath.Join(dir, "in"), 0o700); err != nil {
		f.Fatal(err)
	}
	for path, text := range map[string]string{"secret": "outside", "call/a": "inside", "call/in/b": "inside"} {
		if err := os.WriteFile(filepath.Join(base, path), []byte(text), 0o600); err != nil {
			f.Fatal(err)
		}
	}
	if err := os.Symlink("../secret", filepath.Join(dir, "link")); err != nil {
		f.Skip("links cannot be made here: ", err)
	}
	if err := os.Symlink("..", filepath.Join(dir, "up")); err != nil {
		f.Fatal(err)
	}
	for _, path := range []string{"a", "in/b", "./in/../a", "../secret", "../call/a", "link", "up/secret", dir + "/a", dir + "/../secret", base + "/secret", "", ".", "/", "a\x00"} {
		text, err := json.Marshal(map[string]any{"x": []any{map[string]string{"$file": path}}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, output string) {
		if !json.Valid([]byte(output)) {
			return
		}
		kept := &taken{}
		text, err := (&folder{dir: dir, blobs: kept}).gather(t.Context(), json.RawMessage(output))
		if err == nil && !json.Valid(text) {
			t.Errorf("%q becomes %q", output, text)
		}
		if len(kept.text) > 0 && strings.Trim(strings.Join(kept.text, ""), "insde") != "" {
			t.Errorf("%q brings in %q", output, kept.text)
		}
	})
}

func FuzzALineOfAProcessIsReadStrictly(f *testing.F) {
	for _, line := range []string{`{"id":"c","output":null}`, `{"id":"c","chunk":{"data":"x"}}`, `{"id":"c","error":{"code":"CRK-1007"},"output":1}`, `[]`, `{"id":"d","output":1}`, `{"id":"c","output":1,"x":2}`} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		var r reply
		if r.read([]byte(line), "c") == "" && (r.ID != "c" || r.Output == nil && r.Error == nil && r.Chunk == nil) {
			t.Errorf("%q passes for an answer: %+v", line, r)
		}
	})
}
