package opa_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/policy"
	"github.com/crank-platform/crank/platform/policy/opa"
	"github.com/crank-platform/crank/platform/policy/policytest"
)

// folder writes a bundle: name, content, name, content...
func folder(t testing.TB, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, files...)
	return dir
}

// write replaces files whole, as careful editors do.
func write(t testing.TB, dir string, files ...string) {
	t.Helper()
	for i := 0; i < len(files); i += 2 {
		path := filepath.Join(dir, filepath.FromSlash(files[i]))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+".new", []byte(files[i+1]), 0o640); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
}

func engine(t testing.TB, dir string, change ...func(*opa.Config)) *opa.Engine {
	t.Helper()
	c := opa.Config{Dir: dir, Timeout: 10 * time.Second}
	for _, f := range change {
		f(&c)
	}
	e, err := opa.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func starter(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "policy")
	if wrote, err := opa.WriteStarter(dir); err != nil || !wrote {
		t.Fatal(wrote, err)
	}
	return dir
}

func decide(t *testing.T, s policy.Service, q policy.Question) crank.Decision {
	t.Helper()
	d, err := s.Decide(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const rules = "package crank.authz\n"

func TestTheEngineKeepsTheContract(t *testing.T) {
	policytest.Run(t, func(t *testing.T) policy.Service { return engine(t, starter(t)) })
	t.Run("WithoutACache", func(t *testing.T) {
		policytest.Run(t, func(t *testing.T) policy.Service {
			return engine(t, starter(t), func(c *opa.Config) { c.Cache = -1 })
		})
	})
}

func TestTheStarterPolicyPassesItsTestsAndIsCached(t *testing.T) {
	dir := starter(t)
	results, err := opa.Test(t.Context(), dir)
	if err != nil || len(results) < 8 {
		t.Fatalf("%d tests, %v", len(results), err)
	}
	for _, r := range results {
		if !r.Passed || !strings.HasPrefix(r.Where, "authz_test.rego:") {
			t.Errorf("%+v", r)
		}
	}
	s := engine(t, dir).Status()
	want := []string{
		"input.action", "input.operation.egress", "input.operation.side_effects",
		"input.principal.roles", "input.principal.tenant", "input.tenant",
	}
	if !s.Cacheable || !slices.Equal(s.Reads, want) || !slices.Equal(s.Files, []string{"authz.rego"}) {
		t.Errorf("%+v", s)
	}
	if wrote, err := opa.WriteStarter(dir); err != nil || wrote {
		t.Errorf("a folder in use was written to: %v, %v", wrote, err)
	}
}

func TestABrokenBundleNeverLoadsAndSaysWhere(t *testing.T) {
	good := rules + "allow := true\n"
	for name, c := range map[string]struct {
		files []string
		where string
		why   string
	}{
		"syntax":          {[]string{"p.rego", rules + "allow if {\n\tinput.action ==\n}\n"}, "p.rego:", ""},
		"misspelt field":  {[]string{"p.rego", rules + "\nallow if input.principle.tenant == \"a\"\n"}, "p.rego:3", "input.principle"},
		"wrong type":      {[]string{"p.rego", rules + "allow if startswith(input.major, \"1\")\n"}, "p.rego:2", ""},
		"unsafe variable": {[]string{"p.rego", rules + "allow if x == 1\n"}, "p.rego:2", "x"},
		"http":            {[]string{"p.rego", rules + "allow if http.send({\"method\": \"get\", \"url\": \"http://a\"}).status_code == 200\n"}, "p.rego:2", "http.send"},
		"network names":   {[]string{"p.rego", rules + "allow if net.lookup_ip_addr(\"a\")\n"}, "p.rego:2", "net.lookup_ip_addr"},
		"environment":     {[]string{"p.rego", rules + "allow if opa.runtime().env.HOME\n"}, "p.rego:2", "opa.runtime"},
		"no allow":        {[]string{"p.rego", rules + "deny contains \"no\"\n"}, "crank.authz", "no rule"},
		"reserved":        {[]string{"p.rego", good, "q.rego", "package crank.serve\nallow := true\n"}, "q.rego:1", "Crank's own"},
		"reserved data":   {[]string{"p.rego", good, "data.json", `{"crank": {"authz": {"allow": true}}}`}, "data.json", "no data"},
		"data":            {[]string{"p.rego", good, "data.json", `{"a": `}, "data.json", ""},
		"data twice":      {[]string{"p.rego", good, "data.json", `{"a": 1}`, "data.yaml", "a: 2\n"}, "data.yaml", "as well"},
		"recursion":       {[]string{"p.rego", rules + "allow if allow\n"}, "p.rego:2", "recursive"},
		"own test":        {[]string{"p.rego", good, "p_test.rego", "package t\ntest_it if 1 == 2\n"}, "p_test.rego:2", "test_it"},
		"test's syntax":   {[]string{"p.rego", good, "p_test.rego", "package t\ntest_it if {\n"}, "p_test.rego:", ""},
		"empty folder":    {nil, "crank.authz", "no rule"},
	} {
		t.Run(name, func(t *testing.T) {
			check := func(err error) {
				t.Helper()
				e := crank.AsError(err)
				if e == nil || e.Code != crank.CodePolicyBundle || len(e.Faults) == 0 {
					t.Fatalf("%v", err)
				}
				if f := e.Faults[0]; !strings.HasPrefix(f.Path, c.where) || !strings.Contains(f.Reason, c.why) {
					t.Errorf("%+v; want %q at %q", f, c.why, c.where)
				}
			}
			dir := folder(t, c.files...)
			_, err := opa.New(t.Context(), opa.Config{Dir: dir})
			check(err)

			e := engine(t, folder(t, "p.rego", good))
			before := e.Status().Digest
			at := e.Status().Dir
			if c.files == nil {
				if err := os.Remove(filepath.Join(at, "p.rego")); err != nil {
					t.Fatal(err)
				}
			}
			write(t, at, c.files...)
			check(e.Reload(t.Context()))
			if d := decide(t, e, policytest.Question("call")); !d.Allow || d.Policy != before || e.Status().Failed == nil {
				t.Errorf("the old policy does not serve on: %+v, %+v", d, e.Status())
			}
			for name := range c.files {
				if name%2 == 0 {
					if err := os.Remove(filepath.Join(at, c.files[name])); err != nil {
						t.Fatal(err)
					}
				}
			}
			write(t, at, "p.rego", good)
			if err := e.Reload(t.Context()); err != nil || e.Status().Failed != nil || e.Status().Digest != before {
				t.Errorf("mended: %v, %+v", err, e.Status())
			}
		})
	}
	if _, err := opa.New(t.Context(), opa.Config{Dir: filepath.Join(t.TempDir(), "none")}); crank.AsError(err).Code != crank.CodePolicyBundle {
		t.Errorf("no folder: %v", err)
	}
}

func TestDenyWinsInEveryForm(t *testing.T) {
	for form, reason := range map[string]string{
		`deny contains "no"`:                 "no",
		`deny := "no"`:                       "no",
		`deny := ["no"]`:                     "no",
		`deny := true`:                       "rule deny says so",
		`deny[x] := 1 if some x in ["no"]`:   "no",
		`deny contains x if x := {"why": 1}`: "map[why:1]",
	} {
		d := decide(t, engine(t, folder(t, "p.rego", rules+"allow := true\n"+form+"\n")), policytest.Question("call"))
		if d.Allow || !slices.Equal(d.Reasons, []string{reason}) {
			t.Errorf("%s: %+v", form, d)
		}
	}
	for _, form := range []string{`deny := false`, `deny := []`, `deny contains "no" if input.action == "other"`} {
		if d := decide(t, engine(t, folder(t, "p.rego", rules+"allow := true\n"+form+"\n")), policytest.Question("call")); !d.Allow {
			t.Errorf("%s: %+v", form, d)
		}
	}
}

func TestAPolicyThatFailsAtRunTimeDenies(t *testing.T) {
	for name, body := range map[string]string{
		"allow is no boolean":  `allow := "yes"`,
		"deny is a number":     "allow := true\ndeny := 5",
		"unknown obligation":   "allow := true\nobligations := {\"pray\": true}",
		"negative obligation":  "allow := true\nobligations := {\"max_price_micros\": -1}",
		"two values":           "allow := true\nobligations := {\"approval\": true} if input.action == \"call\"\nobligations := {} if input.action == \"call\"",
		"a builtin's error":    "allow := true\ndeny contains \"big\" if to_number(input.action) > 5",
		"obligation's wrong":   "allow := true\nobligations := {\"regions\": \"eu\"}",
		"reasons is an number": "allow := true\nreasons := 5",
	} {
		e := engine(t, folder(t, "p.rego", rules+body+"\n"))
		d, err := e.Decide(t.Context(), policytest.Question("call"))
		if ce := crank.AsError(err); ce == nil || ce.Code != crank.CodePolicyFailed || d.Allow {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
		if e.Status().Hits != 0 {
			t.Errorf("%s: cached", name)
		}
		if _, err := e.Decide(t.Context(), policytest.Question("call")); err == nil || e.Status().Hits != 0 {
			t.Errorf("%s: the failure was cached", name)
		}
		q := policytest.Question("call")
		q.Observe = true
		if d, err := e.Decide(t.Context(), q); err != nil || !d.Allow || !d.Observed || len(d.Reasons) != 1 {
			t.Errorf("%s in observe mode: %+v, %v", name, d, err)
		}
	}
}

func TestAnEndlessPolicyIsStopped(t *testing.T) {
	slow := rules + "allow if count([1 | some a in numbers.range(1, 3000); some b in numbers.range(1, 3000); a == b; input.action == \"call\"]) > 0\n"
	dir := folder(t, "p.rego", slow)
	patient := engine(t, dir, func(c *opa.Config) { c.Timeout, c.Observe = time.Hour, true })
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer stop()
	if d, err := patient.Decide(ctx, policytest.Question("call")); d.Allow || err == nil || crank.KindOf(err) != crank.KindDeadlineExceeded {
		t.Errorf("who stops waiting is answered %+v, %v", d, err)
	}
	e := engine(t, dir, func(c *opa.Config) { c.Timeout = 20 * time.Millisecond })
	d, err := e.Decide(t.Context(), policytest.Question("call"))
	if ce := crank.AsError(err); ce == nil || ce.Code != crank.CodePolicyFailed || d.Allow || !strings.Contains(ce.Message, "20ms") {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestObligationsReachTheDecision(t *testing.T) {
	e := engine(t, folder(t, "p.rego", rules+`allow := true
reasons contains "because"
obligations.regions := {"eu", "ch"}
obligations.max_price_micros := data.cap.micros
obligations.redact := ["/name"]
obligations.approval := true`, "cap/data.yaml", "micros: 500\n"))
	want := crank.Obligations{Regions: []string{"ch", "eu"}, MaxPrice: 500, Redact: []string{"/name"}, Approval: true}
	if d := decide(t, e, policytest.Question("call")); !reflect.DeepEqual(d.Obligations, want) || !slices.Equal(d.Reasons, []string{"because"}) {
		t.Errorf("%+v", d)
	}
}

func TestTheDigestIsOfWhatServes(t *testing.T) {
	of := func(files ...string) crank.Digest { return engine(t, folder(t, files...)).Status().Digest }
	base := of("p.rego", rules+"allow := true\n")
	if of("p.rego", rules+"allow := true\n", "p_test.rego", "package t\n", ".hidden.rego", "nonsense", "README.md", "words") != base {
		t.Error("a test, a hidden file or a text changes the digest")
	}
	for name, other := range map[string]crank.Digest{
		"content": of("p.rego", rules+"allow := true \n"), "name": of("q.rego", rules+"allow := true\n"),
		"data": of("p.rego", rules+"allow := true\n", "data.json", "{}"),
	} {
		if other == base {
			t.Errorf("another %s has the same digest", name)
		}
	}
}

func TestEveryDecisionIsLoggedAsItWasGiven(t *testing.T) {
	var got []string
	e := engine(t, starter(t), func(c *opa.Config) {
		c.Observe = true
		c.Log = func(q policy.Question, d crank.Decision, err error) {
			got = append(got, fmt.Sprint(q.Action, d.Allow, d.Observed, err))
		}
	})
	for _, role := range []string{"caller", "caller", "auditor"} {
		decide(t, e, policytest.Question("call", role))
	}
	if want := []string{"calltrue false <nil>", "calltrue false <nil>", "calltrue true <nil>"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// Every decision must be the one of the policy whose digest it carries, while
// the policy is swapped under it.
func TestNoDecisionIsLostOrWrongWhilePoliciesAreSwapped(t *testing.T) {
	dir := t.TempDir()
	version := func(i int) string {
		return fmt.Sprintf("%sallow if input.action == \"call\"\ndeny contains \"odd\" if { %d == 1; input.principal.tenant == \"a\" }\nreasons contains \"v%d\"\n", rules, i%2, i)
	}
	write(t, dir, "p.rego", version(0))
	e := engine(t, dir)
	var known sync.Map // digest -> version
	known.Store(e.Status().Digest, 0)
	done := make(chan struct{})
	type given struct {
		digest crank.Digest
		allow  bool
		reason string
	}
	all := make([]map[given]int, 4)
	var callers sync.WaitGroup
	for i := range all {
		all[i] = map[given]int{}
		callers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				d, err := e.Decide(t.Context(), policytest.Question("call"))
				if err != nil {
					t.Error(err)
					return
				}
				all[i][given{d.Policy, d.Allow, d.Reasons[len(d.Reasons)-1]}]++
			}
		})
	}
	for i := 1; i <= 100; i++ {
		write(t, dir, "p.rego", version(i))
		if err := e.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		known.Store(e.Status().Digest, i)
		if i%10 == 0 { // a broken one in between changes nothing
			write(t, dir, "p.rego", "broken")
			if e.Reload(t.Context()) == nil {
				t.Fatal("a broken policy loaded")
			}
		}
	}
	close(done)
	callers.Wait()
	seen := map[crank.Digest]bool{}
	for _, m := range all {
		for g := range m {
			v, ok := known.Load(g.digest)
			if !ok || g.allow != (v.(int)%2 == 0) || g.reason != fmt.Sprint("v", v) {
				t.Errorf("version %v answered %+v", v, g)
			}
			seen[g.digest] = true
		}
	}
	t.Logf("decisions of %d of 101 policies were given", len(seen))
}

func TestAChangedFolderIsLoadedByItself(t *testing.T) {
	dir := folder(t, "p.rego", rules+"allow := true\n")
	heard := make(chan error, 100)
	e := engine(t, dir, func(c *opa.Config) {
		c.Settle = 5 * time.Millisecond
		c.Loaded = func(_ opa.Status, err error) { heard <- err }
	})
	stopped := make(chan error)
	ctx, stop := contextOf(t)
	go func() { stopped <- e.Run(ctx) }()
	wait := func(what string, good func() bool) {
		t.Helper()
		for limit := time.After(20 * time.Second); !good(); {
			select {
			case <-heard:
			case <-time.After(10 * time.Millisecond):
			case <-limit:
				t.Fatalf("%s: never", what)
			}
		}
	}
	allows := func() bool { return decide(t, e, policytest.Question("call")).Allow }
	write(t, dir, "p.rego", rules+"allow := false\n")
	wait("the new rule serves", func() bool { return !allows() })
	write(t, dir, "p.rego", "package crank.authz\nallow if")
	wait("the broken one is told", func() bool { return e.Status().Failed != nil })
	if allows() {
		t.Error("the broken policy changed the decision")
	}
	write(t, dir, "p.rego", rules+"allow if data.deep.down.yes\n", "deep/down/data.json", `{"yes": true}`)
	wait("data in a new folder serves", allows)
	write(t, dir, "deep/down/data.json", `{"yes": false}`)
	wait("a change in the new folder serves", func() bool { return !allows() })
	stop()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestDiffNamesTheQuestionsThatChange(t *testing.T) {
	before := folder(t, "p.rego", rules+"allow if input.action == \"call\"\n")
	after := folder(t, "p.rego", rules+"allow if input.principal.tenant == \"a\"\n")
	questions := []policy.Question{policytest.Question("call"), policytest.Question("quote")}
	changes, err := opa.Diff(t.Context(), before, after, questions)
	if err != nil || len(changes) != 1 || changes[0].Question.Action != "quote" || changes[0].Before.Allow || !changes[0].After.Allow {
		t.Errorf("%+v, %v", changes, err)
	}
	if changes, err := opa.Diff(t.Context(), before, before, questions); err != nil || len(changes) != 0 {
		t.Errorf("a policy differs from itself: %+v, %v", changes, err)
	}
	if d, err := opa.Eval(t.Context(), after, questions[1]); err != nil || !d.Allow {
		t.Errorf("%+v, %v", d, err)
	}
}
