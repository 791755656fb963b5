package exec

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/crank-platform/crank"
)

// maxFiles bounds the files that one output may name.
const maxFiles = 1000

// folder is a call's own folder, through which its files come and go.
type folder struct {
	dir   string
	blobs crank.Blobs
	left  int64 // bytes that may still be brought in
	files int   // named by the output so far
}

// lend writes each blob of the input into the folder and puts {"$file": path} in
// its place.
func (f *folder) lend(ctx context.Context, input json.RawMessage) (json.RawMessage, error) {
	if !bytes.Contains(input, []byte(`"$blob"`)) {
		return input, nil
	}
	lent := map[string]map[string]any{}
	return rewrite(input, "$blob", func(digest string, o map[string]any) (any, error) {
		if file, ok := lent[digest]; ok {
			return file, nil
		}
		d, err := crank.ParseDigest(digest)
		if err != nil {
			return nil, err
		}
		name, _ := o["name"].(string)
		path := filepath.Join(f.dir, "in", fmt.Sprintf("%d-%s", len(lent)+1, plain(name)))
		size, err := f.write(ctx, crank.BlobRef{Digest: d}, path)
		if err != nil {
			return nil, err
		}
		file := map[string]any{"$file": path, "size": size}
		for _, k := range []string{"media_type", "name"} {
			if s, ok := o[k].(string); ok {
				file[k] = s
			}
		}
		lent[digest] = file
		return file, nil
	})
}

func (f *folder) write(ctx context.Context, ref crank.BlobRef, path string) (int64, error) {
	from, err := f.blobs.Open(ctx, ref)
	if err != nil {
		return 0, err
	}
	defer from.Close()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return 0, crank.Wrap(crank.CodeStore, err, "a folder of the call cannot be made")
	}
	to, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, crank.Wrap(crank.CodeStore, err, "a file of the call cannot be written")
	}
	n, err := io.Copy(to, io.LimitReader(from, f.left+1))
	if err := errors.Join(err, to.Close()); err != nil {
		return n, crank.Wrap(crank.CodeStore, err, "a file of the call cannot be copied")
	}
	if f.left -= n; f.left < 0 {
		return n, crank.E(crank.CodeTooLarge, "the files of the input are larger than the operation's limit")
	}
	return n, nil
}

// gather keeps each file that the output names and puts its reference in place.
func (f *folder) gather(ctx context.Context, output json.RawMessage) (json.RawMessage, error) {
	if !bytes.Contains(output, []byte(`"$file"`)) {
		return output, nil
	}
	root, err := os.OpenRoot(f.dir)
	if err != nil {
		return nil, crank.Wrap(crank.CodeStore, err, "the call's folder cannot be read")
	}
	defer root.Close()
	return rewrite(output, "$file", func(path string, o map[string]any) (any, error) {
		if f.files++; f.files > maxFiles {
			return nil, crank.E(crank.CodeWorkerOutput, "the output names more than %d files", maxFiles)
		}
		media, _ := o["media_type"].(string)
		name, ok := o["name"].(string)
		if !ok {
			name = filepath.Base(path)
		}
		return f.take(ctx, root, path, media, name)
	})
}

// take keeps one file. The root keeps a path or a link from leading out of the
// folder, and a pipe in a file's place from holding us up.
func (f *folder) take(ctx context.Context, root *os.Root, path, media, name string) (crank.BlobRef, error) {
	local := path
	if filepath.IsAbs(path) {
		if rel, err := filepath.Rel(f.dir, path); err == nil {
			local = rel
		}
	}
	if !filepath.IsLocal(local) {
		return crank.BlobRef{}, crank.E(crank.CodeWorkerOutput, "the output names a file outside the call's folder")
	}
	file, err := root.OpenFile(local, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return crank.BlobRef{}, crank.Wrap(crank.CodeWorkerOutput, err, "the output names a file that is not in the call's folder")
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return crank.BlobRef{}, crank.E(crank.CodeWorkerOutput, "the output names something that is no file")
	}
	return f.blobs.Put(ctx, file, media, name)
}

// rewrite replaces each object of a JSON value that has text under key.
func rewrite(value json.RawMessage, key string, by func(text string, o map[string]any) (any, error)) (json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(value))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, crank.Wrap(crank.CodeMalformedJSON, err, "the value is not well-formed JSON")
	}
	var walk func(v any) (any, error)
	walk = func(v any) (_ any, err error) {
		switch v := v.(type) {
		case []any:
			for i := range v {
				if v[i], err = walk(v[i]); err != nil {
					return nil, err
				}
			}
		case map[string]any:
			if text, ok := v[key].(string); ok {
				return by(text, v)
			}
			for k := range v {
				if v[k], err = walk(v[k]); err != nil {
					return nil, err
				}
			}
		}
		return v, nil
	}
	v, err := walk(v)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err = enc.Encode(v)
	return bytes.TrimSpace(out.Bytes()), err
}

// plain is a sender's name of a file as a safe name: its last part, letters,
// digits, dots, dashes and underscores of it, at most 100 bytes.
func plain(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, name)
	if name = strings.TrimLeft(name, "."); name == "" {
		return "file"
	}
	return name[max(0, len(name)-100):]
}
