// Package opa is the body of package policy that evaluates Rego, with Open
// Policy Agent's own evaluator in this process.
//
// A bundle is a folder of *.rego and data files; files that end in _test.rego
// are its tests and do not serve. A bundle serves only if it parses, compiles
// against the input document's schema (so a misspelt field is an error with file
// and line), defines crank.authz.allow and passes its own tests. One that does
// not never replaces the one that serves.
package opa

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/policy"
)

// Config is what an Engine needs. Dir is required.
type Config struct {
	Dir     string        // the bundle's folder
	Observe bool          // let every denial pass, and say so in the decision
	Timeout time.Duration // of one evaluation; 0 means 250 ms
	Cache   int           // decisions remembered; 0 means 16,384, below 0 none
	Settle  time.Duration // how long the folder must rest before it is read again; 0 means 200 ms
	// Log hears every decision, from the calling goroutine; nil hears none.
	Log func(policy.Question, crank.Decision, error)
	// Loaded hears of every attempt that Run makes to load a changed folder.
	Loaded func(Status, error)
	Now    func() time.Time // for Status; nil means time.Now
}

// Engine is a policy.Service that serves one folder.
type Engine struct {
	config  Config
	current atomic.Pointer[generation]
	loading sync.Mutex            // one load at a time
	failed  atomic.Pointer[fault] // why the newest load failed; nil after a good one
}

type fault struct{ err error }

var _ policy.Service = (*Engine)(nil)

// New loads the folder. CodePolicyBundle, with file and line of each fault, when
// it does not load: a node does not start without a policy.
func New(ctx context.Context, c Config) (*Engine, error) {
	if c.Timeout <= 0 {
		c.Timeout = 250 * time.Millisecond
	}
	if c.Cache == 0 {
		c.Cache = 16384
	}
	if c.Settle <= 0 {
		c.Settle = 200 * time.Millisecond
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	e := &Engine{config: c}
	if err := e.Reload(ctx); err != nil {
		return nil, err
	}
	return e, nil
}

// Reload reads the folder and, if it is good, lets it serve from the next
// decision on; decisions under way end under the policy they began with. An
// unchanged folder keeps its cache. On an error the policy that serves stays.
func (e *Engine) Reload(ctx context.Context) error {
	e.loading.Lock()
	defer e.loading.Unlock()
	b, err := openBundle(e.config.Dir)
	if err == nil {
		err = b.passes(ctx)
	}
	if now := e.current.Load(); err == nil && (now == nil || now.digest != b.digest) {
		var g *generation
		if g, err = b.generation(ctx, e.config.Cache); err == nil {
			g.loaded = e.config.Now()
			e.current.Store(g)
		}
	}
	switch {
	case err == nil:
		e.failed.Store(nil)
	case ctx.Err() == nil: // else it was not finished, which says nothing of the folder
		e.failed.Store(&fault{err})
	}
	return err
}

// Decide answers a question.
func (e *Engine) Decide(ctx context.Context, q policy.Question) (crank.Decision, error) {
	d, err := e.decide(ctx, &q)
	if e.config.Log != nil {
		e.config.Log(q, d, err)
	}
	return d, err
}

func (e *Engine) decide(ctx context.Context, q *policy.Question) (crank.Decision, error) {
	if err := ctx.Err(); err != nil {
		return crank.Decision{}, crank.Wrap(crank.CodePolicyFailed, err, "nobody waits for the decision any more")
	}
	g := e.current.Load()
	d, err := g.decide(ctx, q, e.config.Timeout)
	if (e.config.Observe || q.Observe) && !d.Allow {
		switch {
		case err == nil:
			d.Allow, d.Observed = true, true
		case ctx.Err() == nil: // the policy failed, which would have been a denial
			d = crank.Decision{Allow: true, Observed: true, Reasons: []string{crank.AsError(err).Message}, Policy: g.digest}
			err = nil
		}
	}
	return d, err
}

// Status is what serves, and how.
type Status struct {
	Dir       string
	Digest    crank.Digest
	Files     []string // that serve, sorted
	Loaded    time.Time
	Observe   bool
	Cacheable bool
	Uncached  []string // why not, each with file and line
	Reads     []string // what the policy reads of the input, which is what the cache goes by
	Hits      uint64   // since this policy was loaded
	Misses    uint64
	Failed    *crank.Error // why the folder as it now is does not serve; nil where it does
}

// Status returns what serves now.
func (e *Engine) Status() Status {
	g := e.current.Load()
	s := Status{
		Dir: e.config.Dir, Digest: g.digest, Files: g.files, Loaded: g.loaded, Observe: e.config.Observe,
		Cacheable: g.cache != nil, Uncached: g.reads.why, Hits: g.hits.Load(), Misses: g.misses.Load(),
	}
	for _, r := range g.reads.reads {
		s.Reads = append(s.Reads, r.String())
	}
	if f := e.failed.Load(); f != nil {
		s.Failed = crank.AsError(f.err)
	}
	return s
}

// errSlow is the cause of an evaluation that took longer than the engine allows.
var errSlow = errors.New("opa: the evaluation took too long")
