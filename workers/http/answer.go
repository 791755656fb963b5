package http

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/crank-platform/crank"
)

// maxTold bounds what a service may say to the caller about a failure, in bytes.
const maxTold = 300

// answer reads a good answer into the output.
func (w *Worker) answer(ctx context.Context, r route, t crank.Task, resp *http.Response) (json.RawMessage, error) {
	most := r.op.Limits.OutputBytes
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if r.answer == "file" {
		if resp.ContentLength > most {
			return nil, w.tooLong(most)
		}
		body := &counted{r: resp.Body, left: most}
		ref, err := t.Blobs.Put(ctx, body, media, "")
		if body.err != nil { // the service's failure, whatever the store made of it
			return nil, w.broken(ctx, body.err, most)
		}
		if err != nil {
			return nil, err
		}
		return json.Marshal(map[string]crank.BlobRef{r.op.File.Out: ref})
	}
	most = min(most, crank.MaxInline)
	if media != "application/json" && !strings.HasSuffix(media, "+json") {
		return nil, crank.E(crank.CodeWorkerOutput, "%s answered with media type %q, not with JSON", w.manifest.Worker, clean(media))
	}
	if resp.ContentLength > most {
		return nil, w.tooLong(most)
	}
	text, err := io.ReadAll(&counted{r: resp.Body, left: most})
	if err != nil {
		return nil, w.broken(ctx, err, most)
	}
	if !json.Valid(text) {
		return nil, crank.E(crank.CodeWorkerOutput, "%s answered something that is not one JSON value", w.manifest.Worker)
	}
	return bytes.TrimSpace(text), nil
}

var errTooLong = errors.New("longer than the limit")

// counted fails when more than left bytes come, and remembers how it failed.
type counted struct {
	r    io.Reader
	left int64
	err  error
}

func (c *counted) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	if int64(len(p)) > c.left+1 {
		p = p[:c.left+1]
	}
	n, err := c.r.Read(p)
	if c.left -= int64(n); c.left < 0 {
		n, err = 0, errTooLong
	}
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

// broken says why an answer could not be read to its end.
func (w *Worker) broken(ctx context.Context, err error, most int64) error {
	switch {
	case errors.Is(err, errTooLong):
		return w.tooLong(most)
	case ctx.Err() != nil:
		return crank.Wrap(crank.CodeDeadline, context.Cause(ctx), "%s did not finish its answer", w.manifest.Worker)
	}
	return because(crank.E(crank.CodeWorkerFailed, "the connection to %s broke within its answer", w.manifest.Worker), err)
}

func (w *Worker) tooLong(most int64) error {
	return crank.E(crank.CodeWorkerLimit, "%s answered with more than its limit of %d bytes", w.manifest.Worker, most)
}

// unanswered says why there is no answer. Only where nothing can have been sent
// may the call be tried again.
func (w *Worker) unanswered(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return crank.Wrap(crank.CodeDeadline, context.Cause(ctx), "%s did not answer", w.manifest.Worker)
	}
	var dial *net.OpError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, errPlace):
		return because(crank.E(crank.CodeWorkerFailed, "%s leads to a place that its base_url does not name", w.manifest.Worker).
			Mending("Correct http.base_url; `private: true` allows a host of a private network."), err)
	case errors.As(err, &certificate):
		return because(crank.E(crank.CodeWorkerFailed, "the certificate of %s does not verify", w.manifest.Worker), err)
	case errors.As(err, &dial) && dial.Op == "dial":
		return because(crank.E(crank.CodeWorkerGone, "%s could not be reached", w.manifest.Worker), err)
	}
	return because(crank.E(crank.CodeWorkerFailed, "%s did not answer; the work may have been done", w.manifest.Worker), err)
}

// refused maps a status that is no success.
func (w *Worker) refused(resp *http.Response) error {
	code, known := map[int]crank.Code{
		http.StatusBadRequest: crank.CodeInvalidInput, http.StatusUnprocessableEntity: crank.CodeInvalidInput,
		http.StatusNotFound: crank.CodeNotFound, http.StatusGone: crank.CodeNotFound,
		http.StatusConflict: crank.CodeExists, http.StatusRequestEntityTooLarge: crank.CodeTooLarge,
		http.StatusUnsupportedMediaType: crank.CodeMediaType, http.StatusTooManyRequests: crank.CodeOverloaded,
	}[resp.StatusCode]
	if !known {
		code = crank.CodeWorkerFailed
	}
	e := crank.E(code, "%s answered with status %d", w.manifest.Worker, resp.StatusCode)
	if known { // it is about the call: the service's own words help
		if said := told(resp); said != "" {
			e = crank.E(code, "%s: %s", w.manifest.Worker, said)
		}
	}
	if code == crank.CodeOverloaded {
		e = e.After(retryAfter(resp.Header.Get("Retry-After")))
	}
	return e
}

// told is the message in a JSON error, after RFC 9457 or by the usual names.
func told(resp *http.Response) string {
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if media != "application/json" && !strings.HasSuffix(media, "+json") {
		return ""
	}
	var body struct {
		Detail, Message, Title string
		Error                  json.RawMessage
	}
	if json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&body) != nil {
		return ""
	}
	for _, s := range []string{body.Detail, body.Message, body.Title} {
		if s != "" {
			return clean(s)
		}
	}
	var text string
	var inner struct{ Message string }
	if json.Unmarshal(body.Error, &text) == nil {
		return clean(text)
	}
	if json.Unmarshal(body.Error, &inner) == nil {
		return clean(inner.Message)
	}
	return ""
}

// retryAfter reads seconds or a date (RFC 9110 section 10.2.3), at most an hour;
// a second where neither is there.
func retryAfter(s string) time.Duration {
	d := time.Second
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		d = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(s); err == nil {
		d = time.Until(at)
	}
	return min(max(d, 0), time.Hour)
}

// because gives an error a cause for the log.
func because(e *crank.Error, cause error) *crank.Error {
	e.Cause = cause
	return e
}

// clean is text as it may be shown: valid, printable and short.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > maxTold {
		s = strings.ToValidUTF8(s[:maxTold], "") + "..."
	}
	return strings.TrimSpace(s)
}
