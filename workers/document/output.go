package document

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/crank-platform/crank"
)

// inline is the most bytes of JSON that travel inside an answer; what is larger
// becomes a blob.
const inline = 200 << 10

// encode writes an answer as JSON, its marks as they are: "<" takes one byte.
func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// output takes what a writer writes: into memory while it may still travel
// inside the answer, then into a file of the call's folder. It refuses more than
// `most` bytes.
type output struct {
	most int64
	dir  func() (string, error)

	size   int64
	memory bytes.Buffer
	file   *os.File
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	if o.size += int64(len(p)); o.size > o.most {
		return 0, crank.E(crank.CodeWorkerLimit, "the document grows past the limit of %d bytes", o.most)
	}
	if o.file == nil && o.size <= inline {
		return o.memory.Write(p)
	}
	if o.file == nil {
		if err := o.spill(); err != nil {
			return 0, err
		}
	}
	return o.file.Write(p)
}

func (o *output) spill() error {
	dir, err := o.dir()
	if err != nil {
		return err
	}
	if o.file, err = os.CreateTemp(dir, "content-"); err != nil {
		return crank.Wrap(crank.CodeStore, err, "no file can be made for the output")
	}
	_, err = o.memory.WriteTo(o.file)
	return err
}

// content is what stands in the answer: text if it fits, else a blob.
func (o *output) content(ctx context.Context, t crank.Task, mediaType, name string) (any, error) {
	if o.file != nil {
		if _, err := o.file.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		return t.Blobs.Put(ctx, o.file, mediaType, name)
	}
	if b := o.memory.Bytes(); utf8.Valid(b) {
		if text, err := encode(string(b)); err == nil && len(text) <= inline {
			return string(b), nil
		}
	}
	return t.Blobs.Put(ctx, &o.memory, mediaType, name)
}

// Close removes the file, if there is one.
func (o *output) Close() error {
	if o.file == nil {
		return nil
	}
	name := o.file.Name()
	err := o.file.Close()
	if gone := os.Remove(name); err == nil {
		err = gone
	}
	return err
}

// rename gives the sender's file another extension.
func rename(name, ext string) string {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	if name = strings.TrimSuffix(name, path.Ext(name)); name == "" || name == "/" {
		name = "document"
	}
	return clip(name, 200) + ext
}
