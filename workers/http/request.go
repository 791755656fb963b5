package http

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/crank-platform/crank"
)

var field = regexp.MustCompile(`\{[A-Za-z0-9_]+\}`)

// fields lists the {field}s of a path.
func fields(path string) []string { return field.FindAllString(path, -1) }

// request makes the request of a call. done releases what it reads from.
func (w *Worker) request(ctx context.Context, r route, t crank.Task) (_ *http.Request, done func(), _ error) {
	done = func() {}
	var input map[string]json.RawMessage
	if err := json.Unmarshal(t.Input, &input); err != nil {
		return nil, done, crank.Wrap(crank.CodeInvalidInput, err, "the input is no object")
	}
	path := r.path
	for _, f := range fields(r.path) {
		name := strings.Trim(f, "{}")
		text, ok, err := plain(name, input[name])
		if err != nil {
			return nil, done, err
		}
		if !ok || text == "" || text == "." || text == ".." {
			return nil, done, crank.E(crank.CodeInvalidInput, "%s is needed in the path", name)
		}
		path = strings.Replace(path, f, url.PathEscape(text), 1)
	}
	to := *w.service.base
	query := url.Values{}
	for param, name := range r.query {
		text, ok, err := plain(name, input[name])
		if err != nil {
			return nil, done, err
		}
		if ok {
			query.Set(param, text)
		}
	}
	to.RawQuery = query.Encode()
	raw := to.EscapedPath() + path
	unescaped, err := url.PathUnescape(raw)
	if err != nil {
		return nil, done, crank.Wrap(crank.CodeInvalidInput, err, "the path cannot be made")
	}
	to.Path, to.RawPath = unescaped, raw

	var body io.Reader
	media := "application/json"
	size := int64(-1)
	switch r.body {
	case "json":
		rest, err := remaining(input, r)
		if err != nil {
			return nil, done, err
		}
		body, size = bytes.NewReader(rest), int64(len(rest))
	case "file":
		var ref crank.BlobRef
		if err := json.Unmarshal(input[r.op.File.In], &ref); err != nil {
			return nil, done, crank.Wrap(crank.CodeInvalidInput, err, "%s is no file", r.op.File.In)
		}
		file, err := t.Blobs.Open(ctx, ref)
		if err != nil {
			return nil, done, err
		}
		done = func() { file.Close() }
		if media = ref.MediaType; media == "" || strings.ContainsAny(media, "\r\n") {
			media = "application/octet-stream"
		}
		body = io.NopCloser(file)
		if ref.Size > 0 {
			size = ref.Size // many services do not read chunks
		}
	}
	req, err := http.NewRequestWithContext(ctx, r.method, to.String(), body)
	if err != nil {
		return nil, done, crank.Wrap(crank.CodeInvalidInput, err, "the request cannot be made")
	}
	if body != nil {
		req.Header.Set("Content-Type", media)
		req.ContentLength = size
	}
	if r.answer == "json" {
		req.Header.Set("Accept", "application/json")
	}
	for name, h := range w.service.headers {
		value := h.value
		if h.secret != "" {
			if value, err = w.secret(ctx, h.secret); err != nil {
				return nil, done, crank.Wrap(crank.CodeSecret, err, "the secret %q of %s cannot be had", h.secret, w.manifest.Worker)
			}
		}
		req.Header.Set(name, value)
	}
	return req, done, nil
}

// remaining is the input without what the path and the query have taken.
func remaining(input map[string]json.RawMessage, r route) ([]byte, error) {
	rest := map[string]json.RawMessage{}
	for name, v := range input {
		rest[name] = v
	}
	for _, f := range fields(r.path) {
		delete(rest, strings.Trim(f, "{}"))
	}
	for _, name := range r.query {
		delete(rest, name)
	}
	return json.Marshal(rest)
}

// plain is a property as it stands in a URL: text, a number, true or false.
func plain(name string, value json.RawMessage) (text string, ok bool, err error) {
	if len(value) == 0 || string(value) == "null" {
		return "", false, nil
	}
	switch value[0] {
	case '{', '[':
		return "", false, crank.E(crank.CodeInvalidInput, "%s must be text or a number to stand in a URL", name)
	case '"':
		if err := json.Unmarshal(value, &text); err != nil {
			return "", false, crank.Wrap(crank.CodeInvalidInput, err, "%s is no text", name)
		}
		return text, true, nil
	}
	return string(value), true, nil
}
