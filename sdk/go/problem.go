package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/api/status"
)

// details are the problem details (RFC 9457) that a node sends.
type details struct {
	Detail     string        `json:"detail"`
	Code       crank.Code    `json:"code"`
	Kind       *crank.Kind   `json:"kind"`
	Mend       string        `json:"mend"`
	Retryable  bool          `json:"retryable"`
	RetryAfter float64       `json:"retry_after_s"`
	Faults     []crank.Fault `json:"faults"`
	Receipt    string        `json:"receipt"`
}

// maxProblem bounds what is read of an error.
const maxProblem = 1 << 20

// problem reads an answer that is an error.
func problem(resp *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	if err == nil {
		if e := parseProblem(text); e != nil {
			if s := resp.Header.Get("Retry-After"); e.RetryAfter == 0 && s != "" {
				if n, err := strconv.Atoi(s); err == nil && n > 0 {
					e.RetryAfter = time.Duration(n) * time.Second
				}
			}
			return e
		}
	}
	return foreign(resp.StatusCode, text)
}

// parseProblem returns nil for what is no error of Crank's. A code of a newer
// node keeps its kind.
func parseProblem(text []byte) *crank.Error {
	var d details
	if json.Unmarshal(text, &d) != nil || d.Code == "" {
		return nil
	}
	e := crank.E(d.Code, "%s", d.Detail)
	if d.Kind != nil {
		e.Kind = *d.Kind
	}
	if d.Mend != "" {
		e.Mend = d.Mend
	}
	e.Retryable, e.Faults = d.Retryable, d.Faults
	e.RetryAfter = time.Duration(d.RetryAfter * float64(time.Second))
	return e
}

// foreign makes an error of an answer that no node wrote: a proxy's, or that of
// something else at this address.
func foreign(code int, text []byte) error {
	e := crank.E(crank.CodeUnimplemented, "what answered is no Crank node: status %d %s", code, http.StatusText(code))
	e.Mend = "Check the address."
	for _, k := range crank.Kinds() {
		if status.OfKind(k).HTTP == code {
			e.Kind = k
		}
	}
	if line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n"); line != "" && len(line) < 200 && !strings.HasPrefix(line, "<") {
		e.Message += " (" + line + ")"
	}
	return e
}

// broken says why no answer came. A request that may have reached the node and
// changes something has an unknown outcome.
func (c *Client) broken(ctx context.Context, method string, err error) error {
	if e, ok := errors.AsType[*crank.Error](err); ok {
		return e
	}
	if end := ctx.Err(); end != nil {
		return crank.Wrap(crank.CodeCancelled, end, "the answer of %s was not waited for", c.where)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		e := crank.Wrap(crank.CodeWorkerGone, op.Err, "no node answers at %s", c.where)
		if e.Code == crank.CodeWorkerGone {
			e.Mend = "Start one with `crank up`, or name another with --url."
		}
		return e
	}
	if method == http.MethodGet {
		e := crank.Wrap(crank.CodeWorkerGone, err, "the connection to %s broke", c.where)
		return e
	}
	return crank.Wrap(crank.CodeUnknownOutcome, err, "the connection to %s broke before its answer came", c.where)
}
