package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/crank-platform/crank"
	client "github.com/crank-platform/crank/sdk/go"
)

// content is what a call's output comes down to: text, a blob, or the JSON itself.
type content struct {
	text  []byte
	blob  crank.BlobRef
	media string
}

// contentOf finds the property that the operation says is the raw answer.
func contentOf(op crank.Operation, output json.RawMessage) content {
	whole := content{text: output, media: "application/json"}
	var all map[string]json.RawMessage
	if op.File.Out == "" || json.Unmarshal(output, &all) != nil {
		return whole
	}
	media := "application/octet-stream"
	if len(op.File.Produces) == 1 {
		media = op.File.Produces[0]
	}
	var named string
	if json.Unmarshal(all["media_type"], &named) == nil && named != "" {
		media = named
	}
	var text string
	if json.Unmarshal(all[op.File.Out], &text) == nil && len(all[op.File.Out]) > 0 && all[op.File.Out][0] == '"' {
		return content{text: []byte(text), media: media}
	}
	var ref crank.BlobRef
	if json.Unmarshal(all[op.File.Out], &ref) == nil && !ref.Digest.IsZero() {
		if ref.MediaType != "" {
			media = ref.MediaType
		}
		return content{blob: ref, media: media}
	}
	return whole
}

// deliver writes an answer where it is wanted: standard output, a file, or a
// folder, in which it is named after the file that it came from.
func (x *caller) deliver(ctx context.Context, node *client.Client, op crank.Operation, a crank.Answer, to, from string) error {
	if x.p.json && to == "" {
		return x.p.value(a)
	}
	c := contentOf(op, a.Output)
	if x.p.json {
		if err := x.p.value(a); err != nil {
			return err
		}
	}
	if to != "" {
		if info, err := os.Stat(to); err == nil && info.IsDir() || strings.HasSuffix(to, string(filepath.Separator)) {
			to = filepath.Join(to, stem(from)+extension(c.media))
		}
		return save(to, func(w io.Writer) error { return c.write(ctx, node, w) })
	}
	if c.media == "application/json" && c.blob.Digest.IsZero() {
		return x.p.raw(c.text)
	}
	if err := c.write(ctx, node, x.p.out); err != nil {
		return err
	}
	if terminal(x.p.out) && !bytes.HasSuffix(c.text, []byte("\n")) {
		return x.p.print([]byte("\n"))
	}
	return nil
}

func (c content) write(ctx context.Context, node *client.Client, w io.Writer) error {
	if !c.blob.Digest.IsZero() {
		_, err := node.GetBlob(ctx, c.blob.Digest, w)
		return err
	}
	_, err := w.Write(c.text)
	if err != nil {
		return fileError(err)
	}
	return nil
}

// stem is a file's name without its folder and extension.
func stem(path string) string {
	if path == "" || path == "-" {
		return "output"
	}
	base := filepath.Base(path)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// save writes a file whole or not at all. What is there already is replaced.
func save(path string, write func(io.Writer) error) error { return saveAs(path, 0o644, write) }

// savePrivate is save for what only its owner may read.
func savePrivate(path string, write func(io.Writer) error) error { return saveAs(path, 0o600, write) }

func saveAs(path string, mode os.FileMode, write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fileError(err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".crank-*")
	if err != nil {
		return fileError(err)
	}
	defer os.Remove(tmp.Name())
	err = write(tmp)
	if err == nil {
		err = tmp.Chmod(mode)
	}
	if closing := tmp.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fileError(err)
	}
	return nil
}
