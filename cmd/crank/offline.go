package main

import (
	"context"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/notesign"
	"github.com/crank-platform/crank/platform/policy"
	"github.com/crank-platform/crank/platform/policy/opa"
	"github.com/crank-platform/crank/platform/receipts/verify"
	"github.com/crank-platform/crank/workers/exec"
)

// What commands do without a node, each with the module that owns it. No other
// file of this package imports a module.

type (
	report       = verify.Report
	policyTest   = opa.TestResult
	policyChange = opa.Change
)

// verifyBundle checks an exported receipt.
func verifyBundle(data []byte, trusted notesign.Keys) (report, error) {
	b, err := verify.DecodeBundle(data)
	if err != nil {
		return report{}, err
	}
	return verify.Receipt(b, trusted)
}

func testPolicy(ctx context.Context, dir string) ([]policyTest, error) { return opa.Test(ctx, dir) }

func evalPolicy(ctx context.Context, dir string, q question) (crank.Decision, error) {
	return opa.Eval(ctx, dir, q.policy())
}

func diffPolicy(ctx context.Context, before, after string, qs []question) ([]policyChange, error) {
	all := make([]policy.Question, len(qs))
	for i, q := range qs {
		all[i] = q.policy()
	}
	return opa.Diff(ctx, before, after, all)
}

// policy is the question as the module asks it.
func (q question) policy() policy.Question {
	return policy.Question{
		Action: q.Action, Tenant: q.Tenant, Object: q.Object, Principal: q.Principal, Capability: q.Capability, Properties: q.Operation,
		Provider: q.Provider, InputBytes: q.InputBytes, Tags: q.Tags, Constraints: q.Constraints, Parent: q.Parent,
	}
}

// questionOf is the other way round.
func questionOf(q policy.Question) question {
	return question{q.Action, q.Tenant, q.Object, q.Principal, q.Capability, q.Properties, q.Provider, q.InputBytes, q.Tags, q.Constraints, q.Parent}
}

func newWorker(dir, name, lang string) error { return exec.New(dir, name, lang) }
func languages() []string                    { return exec.Languages() }
