// Package http makes any HTTP service a worker.
//
// It owns how a call becomes a request and an answer a result, where a request
// may go, and what each way to fail is called. It does not own the service, nor
// where secrets are kept (the caller lends a func).
//
// The section http of worker.yaml says where each operation goes:
//
//	http:
//	  base_url: https://api.example.org/v2
//	  private: false                  # true lets the host's name stand for an address of a private network
//	  headers: {X-Api-Key: {secret: example-key}, Accept-Language: en}
//	  routes:
//	    - {capability: weather/now@1, method: GET, path: "/cities/{city}", query: {units: units}}
//	    - {capability: image/shrink@1, path: /shrink, body: file, answer: file, query: {width: width}}
//
// A path's {field} and a query's values are properties of the input. With body:
// json (the default) the rest of the input is the body of a POST, PUT or PATCH;
// with body: file the bytes of the property named by file.in are. With answer:
// json (the default) the body of the answer is the output; with answer: file its
// bytes are the property of the output named by file.out.
//
// A request goes to base_url's host and port and nowhere else, also where the
// service redirects elsewhere. Addresses of this machine and of private networks
// are refused, unless base_url itself names one (an address, or localhost) or
// private is true.
package http

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/api/manifest"
)

// Defaults for limits that a manifest leaves out.
const (
	DefaultTime        = time.Minute
	DefaultInputBytes  = 64 << 20
	DefaultOutputBytes = 64 << 20
)

// Config is what a Worker needs beside its manifest.
type Config struct {
	// Secret returns the value of a secret by name. It is asked for each
	// request, so that a rotated secret takes effect at once. Nil: there are none.
	Secret func(ctx context.Context, name string) (string, error)
}

// Worker is an HTTP service as a crank.Worker. It is safe for concurrent use.
type Worker struct {
	manifest crank.Manifest
	service  service
	secret   func(ctx context.Context, name string) (string, error)
	client   *http.Client
	routes   map[crank.Capability]route
}

var _ crank.Worker = (*Worker)(nil)

// service is the section http.
type service struct {
	base    *url.URL
	private bool
	headers map[string]header
	routes  []route
}

// header is a literal value, or a secret's name.
type header struct{ value, secret string }

// route says how one operation is asked for.
type route struct {
	capability   crank.Capability
	method, path string
	query        map[string]string // name in the URL -> property
	body, answer string            // "json", "file"; body also "none"
	op           crank.Operation
}

// Load reads worker.yaml in dir. Every fault is told at once (CodeManifest).
func Load(dir string, c Config) (*Worker, error) {
	w := &Worker{secret: c.Secret, routes: map[crank.Capability]route{}}
	there := false
	m, err := manifest.Load(dir, manifest.Section{Name: "http", Read: func(v manifest.Value) { there = true; w.service.read(v) }})
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, crank.E(crank.CodeManifest, "the manifest of worker %q has no section http", m.Worker)
	}
	if m.Isolation == "process" {
		return nil, crank.E(crank.CodeManifest, "worker %q asks for isolation process", m.Worker).
			Mending("Leave isolation out: nothing of the service runs here.")
	}
	m.Isolation = "inproc" // nothing of the service runs here
	w.manifest = m
	if faults := w.join(); len(faults) > 0 {
		return nil, crank.E(crank.CodeManifest, "the manifest of worker %q has %d faults", m.Worker, len(faults)).With(faults...)
	}
	w.client = w.service.client()
	return w, nil
}

// join brings routes and operations together and says what does not fit.
func (w *Worker) join() (faults []crank.Fault) {
	fault := func(path, reason string) { faults = append(faults, crank.Fault{Path: path, Reason: reason}) }
	for i := range w.manifest.Operations {
		op := &w.manifest.Operations[i]
		if op.Limits.Time == 0 {
			op.Limits.Time = DefaultTime
		}
		if op.Limits.InputBytes == 0 {
			op.Limits.InputBytes = DefaultInputBytes
		}
		if op.Limits.OutputBytes == 0 {
			op.Limits.OutputBytes = DefaultOutputBytes
		}
		if len(op.Properties.Egress) == 0 && w.service.base != nil {
			op.Properties.Egress = []string{hostPort(w.service.base)}
		}
		at := "/operations/" + string(op.Capability)
		n := slices.IndexFunc(w.service.routes, func(r route) bool { return r.capability == op.Capability })
		if n < 0 {
			fault(at, "has no route in http.routes")
			continue
		}
		r := w.service.routes[n]
		r.op = *op
		if r.body == "file" && op.File.In == "" {
			fault(at+"/file", "body is file, so file.in must name a property of the input")
		}
		if r.answer == "file" && op.File.Out == "" {
			fault(at+"/file", "answer is file, so file.out must name a property of the output")
		}
		if w.service.base != nil && !slices.Equal(op.Properties.Egress, []string{hostPort(w.service.base)}) {
			fault(at+"/properties/egress", "must be "+hostPort(w.service.base)+", the one place that requests go to; or leave it out")
		}
		w.routes[op.Capability] = r
	}
	for _, r := range w.service.routes {
		if _, ok := w.routes[r.capability]; !ok && !slices.ContainsFunc(w.manifest.Operations, func(op crank.Operation) bool { return op.Capability == r.capability }) {
			fault("/http/routes", string(r.capability)+" is no operation of this worker")
		}
	}
	for name, h := range w.service.headers {
		if h.secret != "" && w.secret == nil {
			fault("/http/headers/"+name, "names a secret, but none are to be had here")
		}
	}
	return faults
}

func (s *service) read(v manifest.Value) {
	v.Fields(map[string]func(manifest.Value){
		"base_url": func(v manifest.Value) {
			u, err := url.Parse(v.Text())
			if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
				v.Fault("this must be http(s)://host[:port][/path], without user, query or fragment")
				return
			}
			u.Path = strings.TrimSuffix(u.Path, "/")
			s.base = u
		},
		"private": func(v manifest.Value) { s.private = v.Bool() },
		"headers": func(v manifest.Value) {
			s.headers = map[string]header{}
			v.Entries(func(name string, v manifest.Value) {
				if !isToken(name) || slices.Contains(ours, http.CanonicalHeaderKey(name)) {
					v.Fault("header %q cannot be set", name)
				}
				var h header
				if v.IsText() {
					if h.value = v.Text(); strings.ContainsAny(h.value, "\r\n\x00") {
						v.Fault("a header is one line")
					}
				} else {
					v.Fields(map[string]func(manifest.Value){"secret": func(v manifest.Value) { h.secret = v.Text() }})
				}
				s.headers[name] = h
			})
		},
		"routes": func(v manifest.Value) {
			v.Each(func(v manifest.Value) {
				r := route{method: http.MethodPost, body: "json", answer: "json"}
				hasBody := false
				v.Fields(map[string]func(manifest.Value){
					"capability": func(v manifest.Value) { r.capability = crank.Capability(v.Text()) },
					"method":     func(v manifest.Value) { r.method = v.OneOf("GET", "POST", "PUT", "PATCH", "DELETE") },
					"path": func(v manifest.Value) {
						if r.path = v.Text(); !strings.HasPrefix(r.path, "/") || strings.ContainsAny(r.path, "?#") || strings.Contains(r.path, "..") {
							v.Fault("this must be a path that begins with / and has no query")
						}
						if bare := field.ReplaceAllString(r.path, "x"); (&url.URL{Path: bare}).EscapedPath() != bare {
							v.Fault("this holds a character that does not stand in a path as it is")
						}
						if strings.Count(r.path, "{") != len(fields(r.path)) || strings.Count(r.path, "}") != len(fields(r.path)) {
							v.Fault("each { needs its }, with a property's name between them")
						}
					},
					"query": func(v manifest.Value) {
						r.query = map[string]string{}
						v.Entries(func(name string, v manifest.Value) { r.query[name] = v.Text() })
					},
					"body":   func(v manifest.Value) { hasBody = true; r.body = v.OneOf("json", "file", "none") },
					"answer": func(v manifest.Value) { r.answer = v.OneOf("json", "file") },
				})
				if r.method == http.MethodGet || r.method == http.MethodDelete {
					if hasBody && r.body != "none" {
						v.Fault("a %s has no body", r.method)
					}
					r.body = "none"
				}
				if slices.ContainsFunc(s.routes, func(o route) bool { return o.capability == r.capability }) {
					v.Fault("%s has two routes", r.capability)
				}
				s.routes = append(s.routes, r)
			})
		},
	})
	if s.base == nil {
		v.Fault("key \"base_url\" is missing or wrong")
	}
}

// ours are the headers that a request sets itself.
var ours = []string{"Host", "Content-Length", "Transfer-Encoding", "Connection", "Content-Type", "Accept", "Accept-Encoding", "Upgrade", "Trailer", "Te"}

// isToken reports whether a header may be called so: RFC 9110 section 5.6.2.
func isToken(s string) bool {
	return s != "" && strings.Trim(s, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// Manifest implements crank.Worker.
func (w *Worker) Manifest() crank.Manifest {
	m := w.manifest
	m.Operations = slices.Clone(m.Operations)
	return m
}

// Close closes idle connections.
func (w *Worker) Close() { w.client.CloseIdleConnections() }

// Do implements crank.Worker.
func (w *Worker) Do(ctx context.Context, t crank.Task) (crank.Result, error) {
	r, ok := w.routes[t.Capability]
	if !ok {
		return crank.Result{}, crank.E(crank.CodeUnknownCap, "%s does not provide %s", w.manifest.Worker, t.Capability)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, r.op.Limits.Time,
		crank.E(crank.CodeDeadline, "%s took longer than its limit of %s", w.manifest.Worker, r.op.Limits.Time))
	defer cancel()
	req, done, err := w.request(ctx, r, t)
	if err != nil {
		return crank.Result{}, err
	}
	defer done()
	resp, err := w.client.Do(req)
	if err != nil {
		return crank.Result{}, w.unanswered(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return crank.Result{}, w.refused(resp)
	}
	output, err := w.answer(ctx, r, t, resp)
	return crank.Result{Output: output}, err
}
