package opa

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/tester"

	"github.com/crank-platform/crank"
)

// testTime bounds one test of a bundle.
const testTime = 5 * time.Second

// TestResult is how one test of a bundle ended.
type TestResult struct {
	Name    string // "data.crank.authz_test.test_callers_may_call"
	Where   string // file:line
	Passed  bool
	Skipped bool   // its name begins with todo_
	Why     string // of a failure
	Output  string // what it printed
	Took    time.Duration
}

// Test runs the tests of the bundle in dir, in order of file and line.
// CodePolicyBundle when it does not compile; a failed test is no error.
func Test(ctx context.Context, dir string) ([]TestResult, error) {
	b, err := openBundle(dir)
	if err != nil {
		return nil, err
	}
	if _, _, err := b.compile(ctx); err != nil {
		return nil, err
	}
	return b.test(ctx)
}

func (b *bundle) test(ctx context.Context) ([]TestResult, error) {
	if len(b.tests) == 0 {
		return nil, nil
	}
	modules := maps.Clone(b.modules)
	maps.Copy(modules, b.tests)
	for name, m := range modules {
		modules[name] = m.Copy() // the compiler writes to what it is given
	}
	store := b.store()
	txn, err := store.NewTransaction(ctx, storage.TransactionParams{})
	if err != nil {
		return nil, crank.Wrap(crank.CodePolicyFailed, err, "the tests' data cannot be read")
	}
	defer store.Abort(ctx, txn)
	found, err := tester.NewRunner().SetCompiler(compiler(b).WithEnablePrintStatements(true)).SetStore(store).
		SetModules(modules).SetTimeout(testTime).RaiseBuiltinErrors(true).CapturePrintOutput(true).RunTests(ctx, txn)
	if err != nil {
		return nil, refuse(b.dir, faultsOf(err))
	}
	var all []TestResult
	for r := range found {
		t := TestResult{
			Name: r.Package + "." + r.Name, Where: where(r.Location), Passed: r.Pass(), Skipped: r.Skip,
			Output: string(r.Output), Took: r.Duration,
		}
		switch {
		case t.Skipped:
			t.Passed = true
		case r.Error != nil:
			t.Why = r.Error.Error()
		case !t.Passed:
			t.Why = "it is not true"
		}
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b TestResult) int { return cmp.Or(cmp.Compare(a.Where, b.Where), cmp.Compare(a.Name, b.Name)) })
	return all, ctx.Err()
}

// passes refuses a bundle that fails its own tests.
func (b *bundle) passes(ctx context.Context) error {
	results, err := b.test(ctx)
	if err != nil {
		return crank.Wrap(crank.CodePolicyBundle, err, "the tests of the policy in %s cannot be run", b.dir)
	}
	var faults []crank.Fault
	for _, r := range results {
		if !r.Passed {
			faults = append(faults, crank.Fault{Path: r.Where, Reason: r.Name + " fails: " + r.Why})
		}
	}
	if len(faults) > 0 {
		return refuse(b.dir, faults)
	}
	return nil
}
