package harness

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/child"
)

// Serve is the child's side: when this process was started to be a worker, it
// answers until its input ends and reports true. It must be called early in
// main, after child.Main, with the same list of workers as the node has.
func Serve(workers func() []crank.Worker) (served bool, err error) {
	name := os.Getenv(childEnv)
	if name == "" {
		return false, nil
	}
	for _, w := range workers() {
		if w.Manifest().Worker == name {
			return true, serve(w, os.Stdin, os.Stdout)
		}
	}
	return true, fmt.Errorf("no worker is called %q", name)
}

func serve(w crank.Worker, in io.Reader, out io.Writer) error {
	for {
		message, err := child.ReadFrame(in, maxMessage)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		var q question
		if err := json.Unmarshal(message, &q); err != nil {
			return err
		}
		if err := say(out, answer(w, q, out)); err != nil {
			return err
		}
	}
}

func say(out io.Writer, r reply) error {
	message, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return child.WriteFrame(out, message)
}

func answer(w crank.Worker, q question, out io.Writer) reply {
	ctx, cancel := context.WithDeadline(context.Background(), q.Deadline)
	defer cancel()
	files := &files{q: q}
	task := crank.Task{
		Call: q.Call, Capability: q.Capability, Input: q.Input, Deadline: q.Deadline, Blobs: files,
		Dir: func() (string, error) { return q.Dir, nil },
	}
	if q.Stream {
		task.Emit = func(c crank.Chunk) error { return say(out, reply{Chunk: &c}) }
	}
	result, err := Contained(ctx, w, task)
	if err != nil {
		e := crank.Wrap(crank.CodeWorkerFailed, err, "%s failed", w.Manifest().Worker)
		if e.Cause != nil {
			fmt.Fprintln(os.Stderr, e.Cause) // the node keeps the tail for its log
		}
		return reply{Error: e}
	}
	return reply{Result: &result, Put: files.put}
}

// files are the call's blobs as the child sees them: files in the call's folder.
type files struct {
	q   question
	mu  sync.Mutex
	put []written
}

func (f *files) Open(_ context.Context, ref crank.BlobRef) (io.ReadCloser, error) {
	name, ok := f.q.Files[ref.Digest.String()]
	if !ok {
		return nil, crank.E(crank.CodeBlobUnknown, "the call has no blob %s", ref.Digest)
	}
	file, err := os.Open(filepath.Join(f.q.Dir, name))
	if err != nil {
		return nil, crank.Wrap(crank.CodeBlobUnknown, err, "a file of the call cannot be read")
	}
	return file, nil
}

func (f *files) Put(_ context.Context, r io.Reader, mediaType, name string) (crank.BlobRef, error) {
	file, err := os.CreateTemp(f.q.Dir, "out-")
	if err != nil {
		return crank.BlobRef{}, crank.Wrap(crank.CodeStore, err, "a file of the output cannot be written")
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(file, h), r)
	if closing := file.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return crank.BlobRef{}, crank.Wrap(crank.CodeWorkerLimit, err, "a file of the output cannot be written")
	}
	ref := crank.BlobRef{Digest: crank.Digest(h.Sum(nil)), Size: n, MediaType: mediaType, Name: name}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.put = append(f.put, written{filepath.Base(file.Name()), ref.Digest})
	return ref, nil
}
