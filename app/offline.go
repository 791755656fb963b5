package app

import (
	"context"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/notesign"
	"github.com/crank-platform/crank/platform/policy"
	"github.com/crank-platform/crank/platform/policy/opa"
	"github.com/crank-platform/crank/platform/receipts/verify"
	"github.com/crank-platform/crank/workers/exec"
)

// What the command line does without a node, in the words of the modules that
// own it.
type (
	// Question is what a policy is asked.
	Question = policy.Question
	// PolicyTest is how one test of a policy ended.
	PolicyTest = opa.TestResult
	// PolicyChange is a question that two policies answer differently.
	PolicyChange = opa.Change
	// VerifyReport says what was checked and what is wrong.
	VerifyReport = verify.Report
)

// VerifyBundle checks an exported receipt; see verify.Receipt.
func VerifyBundle(data []byte, trusted notesign.Keys) (VerifyReport, error) {
	b, err := verify.DecodeBundle(data)
	if err != nil {
		return VerifyReport{}, err
	}
	return verify.Receipt(b, trusted)
}

// TestPolicy runs the tests of the policy in dir.
func TestPolicy(ctx context.Context, dir string) ([]PolicyTest, error) { return opa.Test(ctx, dir) }

// EvalPolicy asks the policy in dir one question.
func EvalPolicy(ctx context.Context, dir string, q Question) (crank.Decision, error) {
	return opa.Eval(ctx, dir, q)
}

// DiffPolicy asks two policies the same questions and returns those that they
// answer differently.
func DiffPolicy(ctx context.Context, before, after string, qs []Question) ([]PolicyChange, error) {
	return opa.Diff(ctx, before, after, qs)
}

// NewWorker writes a worker that runs into dir; see exec.New.
func NewWorker(dir, name, lang string) error { return exec.New(dir, name, lang) }

// Languages lists what NewWorker knows.
func Languages() []string { return exec.Languages() }
