package exec

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/child"
)

// once runs the command for one call.
func (w *Worker) once(ctx context.Context, op crank.Operation, t crank.Task, f *folder) (crank.Result, error) {
	spec := w.spec(op.Limits, "HOME="+f.dir, "TMPDIR="+f.dir, "CRANK_CAPABILITY="+string(t.Capability), "CRANK_CALL="+t.Call)
	spec.Dir = f.dir
	spec.MaxStdout = min(op.Limits.OutputBytes, crank.MaxInline)

	input := t.Input
	if w.runtime.Stdin == File {
		body, rest, err := f.split(ctx, t.Input, op.File.In)
		if err != nil {
			return crank.Result{}, err
		}
		defer body.Close()
		spec.Stdin, input = body, rest
	}
	input, err := f.lend(ctx, input)
	if err != nil {
		return crank.Result{}, err
	}
	if w.runtime.Stdin == File {
		path := filepath.Join(f.dir, "input.json")
		if err := os.WriteFile(path, input, 0o600); err != nil {
			return crank.Result{}, crank.Wrap(crank.CodeStore, err, "a file of the call cannot be written")
		}
		spec.Env = append(spec.Env, "CRANK_INPUT="+path)
	} else {
		spec.Stdin = bytes.NewReader(input)
	}
	var printed *os.File
	if w.runtime.Stdout == File {
		if printed, err = os.CreateTemp(f.dir, "stdout-"); err != nil {
			return crank.Result{}, crank.Wrap(crank.CodeStore, err, "a file of the call cannot be written")
		}
		defer printed.Close()
		spec.Stdout, spec.MaxStdout = printed, op.Limits.OutputBytes
	}

	end, err := child.Run(ctx, spec)
	result := crank.Result{Usage: measured(end.CPU, end.MaxRSS)}
	if err != nil {
		return result, w.broke(op, err, spec.MaxStdout)
	}
	if err := end.Err(); err != nil {
		return result, w.failed(op, end, err)
	}
	if printed != nil {
		result.Output, err = f.printed(ctx, printed, op.File)
		return result, err
	}
	if !json.Valid(end.Stdout) {
		return result, w.misspoke(end.Stdout)
	}
	result.Output, err = f.gather(ctx, bytes.TrimSpace(end.Stdout))
	return result, err
}

// split takes the property that is the body out of the input: a blob, or text.
func (f *folder) split(ctx context.Context, input json.RawMessage, property string) (io.ReadCloser, json.RawMessage, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(input, &all); err != nil {
		return nil, nil, crank.Wrap(crank.CodeInvalidInput, err, "the input is no object")
	}
	value := all[property]
	delete(all, property)
	rest, err := json.Marshal(all)
	if err != nil {
		return nil, nil, crank.Wrap(crank.CodeMalformedJSON, err, "the input cannot be written")
	}
	var text string
	if !isObject(value) {
		if len(value) > 0 && json.Unmarshal(value, &text) != nil {
			return nil, nil, crank.E(crank.CodeInvalidInput, "%s is neither a file nor text", property)
		}
		return io.NopCloser(strings.NewReader(text)), rest, nil
	}
	var ref crank.BlobRef
	if err := json.Unmarshal(value, &ref); err != nil {
		return nil, nil, crank.Wrap(crank.CodeInvalidInput, err, "%s is no file", property)
	}
	body, err := f.blobs.Open(ctx, ref)
	return body, rest, err
}

// printed keeps what the command printed as the property of the output.
func (f *folder) printed(ctx context.Context, from *os.File, field crank.FileField) (json.RawMessage, error) {
	if _, err := from.Seek(0, io.SeekStart); err != nil {
		return nil, crank.Wrap(crank.CodeStore, err, "a file of the call cannot be read")
	}
	media := "application/octet-stream"
	if len(field.Produces) > 0 {
		media = field.Produces[0]
	}
	ref, err := f.blobs.Put(ctx, from, media, "")
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]crank.BlobRef{field.Out: ref})
}
