package opa

import (
	"context"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/policy"
)

// generation is one loaded policy with its own cache. It is replaced as a
// whole, so no decision of one policy is ever given under another.
type generation struct {
	digest crank.Digest
	files  []string
	loaded time.Time
	query  rego.PreparedEvalQuery
	reads  analysis
	cache  *cache // nil where nothing may be cached

	hits, misses atomic.Uint64
}

func (b *bundle) generation(ctx context.Context, size int) (*generation, error) {
	c, query, err := b.compile(ctx)
	if err != nil {
		return nil, err
	}
	g := &generation{digest: b.digest, files: slices.Sorted(maps.Keys(b.modules)), query: query, reads: analyse(c)}
	if size < 0 {
		g.reads.why = append(g.reads.why, "the cache is turned off")
	}
	if len(g.reads.why) == 0 {
		g.cache, err = newCache(size)
	}
	return g, err
}

func (g *generation) decide(ctx context.Context, q *policy.Question, timeout time.Duration) (crank.Decision, error) {
	if g.cache == nil {
		g.misses.Add(1)
		return g.eval(ctx, q, timeout)
	}
	var space [384]byte
	key := space[:0]
	for i := range g.reads.reads {
		key = g.reads.reads[i].appendKey(key, q)
	}
	if d, ok := g.cache.get(key); ok {
		g.hits.Add(1)
		return d, nil
	}
	g.misses.Add(1)
	asked := *q // the evaluator keeps what it is given; the question of a hit stays on the stack
	d, err := g.eval(ctx, &asked, timeout)
	if err == nil {
		g.cache.put(key, d)
	}
	return d, err
}

// eval asks the policy itself.
func (g *generation) eval(ctx context.Context, q *policy.Question, timeout time.Duration) (crank.Decision, error) {
	bounded, stop := context.WithTimeoutCause(ctx, timeout, errSlow)
	defer stop()
	rs, err := g.query.Eval(bounded, rego.EvalParsedInput(document(g.reads.reads, q)))
	switch {
	case ctx.Err() != nil:
		return crank.Decision{}, crank.Wrap(crank.CodePolicyFailed, ctx.Err(), "nobody waits for the decision any more")
	case context.Cause(bounded) == errSlow:
		return crank.Decision{}, crank.E(crank.CodePolicyFailed, "the policy did not decide within %v", timeout)
	case err != nil:
		return crank.Decision{}, crank.Wrap(crank.CodePolicyFailed, err, "the policy failed: %v", err)
	case len(rs) != 1 || len(rs[0].Expressions) != 1:
		return crank.Decision{}, crank.E(crank.CodePolicyFailed, "the policy gave %d answers", len(rs))
	}
	d, err := answer(rs[0].Expressions[0].Value)
	d.Policy = g.digest
	if err != nil {
		return crank.Decision{}, err
	}
	return d, nil
}
