package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/api/status"
	"github.com/crank-platform/crank/platform/auth"
)

// guard is outermost: it contains what breaks.
func (d *door) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if broken := recover(); broken != nil {
				if broken == http.ErrAbortHandler {
					panic(broken)
				}
				d.Log.Error("a request broke", "path", r.URL.Path, "err", broken, "stack", string(debug.Stack()))
				problem(w, crank.E(crank.CodeInternal, "something went wrong inside Crank"), 0)
			}
		}()
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// wrap identifies the caller and turns errors into problem details.
func (d *door) wrap(route Route) http.Handler {
	name := route.Method + " " + route.Path
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		seen := &recorder{ResponseWriter: w, status: http.StatusOK}
		if r.ContentLength != 0 {
			r.Body = &patient{r.Body, http.NewResponseController(w)}
		}
		req := &request{Request: r, w: seen}
		err := d.identify(route, req)
		if err == nil {
			err = route.serve(d, req)
		}
		if err != nil {
			if e := crank.AsError(err); e.Cause != nil && e.Kind == crank.KindInternal {
				d.Log.Error("a request failed", "route", name, "code", e.Code, "err", e)
			}
			problem(seen, err, 0)
		}
		if d.Observe != nil {
			d.Observe(name, seen.status, time.Since(began))
		}
	})
}

func (d *door) identify(route Route, r *request) (err error) {
	if route.Public {
		return nil
	}
	bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || bearer == "" {
		return crank.E(crank.CodeUnauthenticated, "the request carries no key")
	}
	r.principal, err = d.Identity.Identify(r.Context(), auth.Credential{Bearer: bearer})
	return err
}

// recorder remembers the status and whether anything was written.
type recorder struct {
	http.ResponseWriter
	status int
	wrote  bool
}

func (w *recorder) WriteHeader(status int) {
	if !w.wrote {
		w.status, w.wrote = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	w.wrote = true
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// details are RFC 9457's members and Crank's own.
type details struct {
	Type       string        `json:"type"`
	Title      string        `json:"title"`
	Status     int           `json:"status"`
	Detail     string        `json:"detail"`
	Code       crank.Code    `json:"code"`
	Kind       crank.Kind    `json:"kind"`
	Mend       string        `json:"mend,omitempty"`
	Retryable  bool          `json:"retryable,omitempty"`
	RetryAfter float64       `json:"retry_after_s,omitempty"`
	Faults     []crank.Fault `json:"faults,omitempty"`
	Receipt    string        `json:"receipt,omitempty"`
}

// problem answers an error; httpStatus 0 means the table's.
func problem(w http.ResponseWriter, err error, httpStatus int) {
	e := crank.AsError(err)
	if httpStatus == 0 {
		httpStatus = status.Of(e).HTTP
	}
	if r, ok := w.(*recorder); ok && r.wrote {
		return // the answer has begun; its end is cut and the client sees that
	}
	d := details{
		Type: "https://crank.dev/errors/" + string(e.Code), Title: e.Code.About().Title, Status: httpStatus, Detail: e.Message,
		Code: e.Code, Kind: e.Kind, Mend: e.Mend, Retryable: e.Retryable, RetryAfter: e.RetryAfter.Seconds(), Faults: e.Faults,
		Receipt: w.Header().Get("Crank-Receipt"),
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	if httpStatus == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="crank"`)
	}
	body, err := json.Marshal(d)
	if err != nil {
		body = []byte(`{}`)
	}
	w.WriteHeader(httpStatus)
	_, _ = w.Write(append(body, '\n'))
}

// decode reads one JSON value strictly: no unknown, no duplicate names.
func decode(body []byte, v any) error {
	if err := jsonv2.Unmarshal(body, v, jsonv2.RejectUnknownMembers(true)); err != nil {
		return crank.E(crank.CodeMalformedJSON, "the body cannot be read: %v", readable(err))
	}
	return nil
}

func readable(err error) error {
	if s, ok := errors.AsType[*jsonv2.SemanticError](err); ok {
		where := string(s.JSONPointer)
		if s.Err != nil {
			return fmt.Errorf("%s: %w", path.Join("/", where), s.Err)
		}
		return fmt.Errorf("%s: is of the wrong type", path.Join("/", where))
	}
	return err
}

func tooLarge(err error) error {
	if big, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return crank.E(crank.CodeTooLarge, "the body is larger than %d bytes", big.Limit)
	}
	return crank.Wrap(crank.CodeMalformedFile, err, "the body was cut short")
}

// methods lists which methods a path is answered for.
func methods(routes []Route, requested string) string {
	var all []string
	for _, r := range routes {
		pattern := r.Path
		for strings.Contains(pattern, "{") {
			open, end := strings.Index(pattern, "{"), strings.Index(pattern, "}")
			pattern = pattern[:open] + "*" + pattern[end+1:]
		}
		if ok, err := path.Match(pattern, requested); ok && err == nil {
			all = append(all, r.Method)
		}
	}
	return strings.Join(all, ", ")
}
