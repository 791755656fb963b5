package opa

import (
	"context"
	"reflect"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/policy"
)

// offlineTime bounds one evaluation when nobody is waiting for a call.
const offlineTime = 5 * time.Second

// Eval loads the bundle in dir and asks it one question. Its tests are not run.
func Eval(ctx context.Context, dir string, q policy.Question) (crank.Decision, error) {
	g, err := load(ctx, dir)
	if err != nil {
		return crank.Decision{}, err
	}
	return g.eval(ctx, &q, offlineTime)
}

// Change is a question that two bundles answer differently.
type Change struct {
	Question      policy.Question
	Before, After crank.Decision
	BeforeErr     error // the evaluation failed, which denies
	AfterErr      error
}

// Diff asks both bundles every question and returns those whose answers differ
// in anything but the policy's digest.
func Diff(ctx context.Context, before, after string, questions []policy.Question) ([]Change, error) {
	a, err := load(ctx, before)
	if err != nil {
		return nil, err
	}
	b, err := load(ctx, after)
	if err != nil {
		return nil, err
	}
	var changes []Change
	for _, q := range questions {
		c := Change{Question: q}
		c.Before, c.BeforeErr = a.decide(ctx, &q, offlineTime)
		c.After, c.AfterErr = b.decide(ctx, &q, offlineTime)
		if err := ctx.Err(); err != nil {
			return changes, crank.Wrap(crank.CodePolicyFailed, err, "the comparison was ended early")
		}
		x, y := c.Before, c.After
		x.Policy, y.Policy = crank.Digest{}, crank.Digest{}
		if (c.BeforeErr == nil) != (c.AfterErr == nil) || !reflect.DeepEqual(x, y) {
			changes = append(changes, c)
		}
	}
	return changes, nil
}

func load(ctx context.Context, dir string) (*generation, error) {
	b, err := openBundle(dir)
	if err != nil {
		return nil, err
	}
	return b.generation(ctx, 1024)
}
