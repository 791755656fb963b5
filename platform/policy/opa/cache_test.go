package opa_test

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/policy"
	"github.com/crank-platform/crank/platform/policy/opa"
	"github.com/crank-platform/crank/platform/policy/policytest"
)

func contextOf(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}

func TestTheCacheGoesByWhatThePolicyReads(t *testing.T) {
	for body, want := range map[string][]string{
		`allow := true`: nil,
		"allow := false if input.object == \"o\" else := true if helper\nhelper if input.verb == \"b\"": {"input.object", "input.verb"},
		"allow := false if input.object == \"o\" else := true if f(\"b\")\nf(x) if input.verb == x":     {"input.object", "input.verb"},
		`allow if input.action == "call"`:                                              {"input.action"},
		`allow if input["action"] == "call"`:                                           {"input.action"},
		`allow if input.tags.team == "x"`:                                              {"input.tags.team"},
		`allow if { input.tags.team == "x"; input.tags["cost centre"] == "y" }`:        {"input.tags.cost centre", "input.tags.team"},
		`allow if { some k; input.tags[k] == "x" }`:                                    {"input.tags"},
		`allow if { input.tags.team; count(input.tags) > 1 }`:                          {"input.tags"},
		`allow if input.principal.roles[0] == "caller"`:                                {"input.principal.roles"},
		`allow if { p := input.constraints; p.prefer == "cost" }`:                      {"input.constraints.max_carbon_ug", "input.constraints.max_price_asset", "input.constraints.max_price_micros", "input.constraints.min_reputation", "input.constraints.prefer", "input.constraints.provider", "input.constraints.residency"},
		"allow if helper\nhelper if f(input.family)\nf(x) if x == \"a\"":               {"input.family"},
		"allow := false if input.object == \"o\"\nelse := true if input.verb == \"b\"": {"input.object", "input.verb"},
		"allow if data.third.all":                                                      {"input.parent"},
		"allow if \"x\" in data[input.verb].all":                                       {"input.parent", "input.verb"},
		"allow if data.other.yes":                                                      {"input.parent"},
		"allow if data.other[input.verb]":                                              {"input.parent", "input.verb"},
		"allow := true\nunused if input.major == 1":                                    nil,
		"allow := true\nunused if time.now_ns() > input.major":                         nil,
		"allow := true\nobligations.regions := [x] if x := input.provider":             {"input.provider"},
		"allow if every r in input.principal.roles { r == input.object }":              {"input.object", "input.principal.roles"},
		"allow if count({x | some x in input.operation.egress; x == \"a\"}) > 0":       {"input.operation.egress"},
	} {
		s := engine(t, folder(t, "p.rego", rules+body+"\n", "o.rego", "package other\nyes if input.parent == \"p\"\n",
			"third.rego", "package third\nimport data.other as o\nall contains x if some x in o\n")).Status()
		if !s.Cacheable || !slices.Equal(s.Reads, want) {
			t.Errorf("%s\nreads %v, cacheable %v %v; want %v", body, s.Reads, s.Cacheable, s.Uncached, want)
		}
	}
}

func TestWhatCannotBeCachedIsNotAndSaysWhy(t *testing.T) {
	for body, why := range map[string]string{
		`allow if time.now_ns() > 5`:                                                      "time.now_ns, at p.rego:2",
		`allow if rand.intn("x", 5) == 1`:                                                 "rand.intn",
		`allow if uuid.rfc4122("x") != ""`:                                                "uuid.rfc4122",
		`allow if { some k; input[k] == "call" }`:                                         "input as a whole, at p.rego:2",
		`allow if { x := input; x.action == "call" }`:                                     "input as a whole",
		`allow if object.get(input, "action", "") == "call"`:                              "input as a whole",
		"allow if f(input)\nf(x) if x.action == \"call\"":                                 "input as a whole",
		"allow if ok with input as {\"action\": 1}\nok if input.action":                   "input as a whole",
		"allow if count([1 | time.now_ns() > 0]) > 0":                                     "time.now_ns",
		"allow if { x := walk_all; count(x) > 0 }\nwalk_all := [p | walk(input, [p, _])]": "input as a whole",
	} {
		e := engine(t, folder(t, "p.rego", rules+body+"\n"))
		for range 3 {
			if _, err := e.Decide(t.Context(), policytest.Question("call")); err != nil {
				t.Fatal(body, err)
			}
		}
		s := e.Status()
		if s.Cacheable || s.Hits != 0 || s.Misses != 3 || len(s.Uncached) == 0 || !strings.Contains(s.Uncached[0], why) {
			t.Errorf("%s: %+v; want %q", body, s, why)
		}
	}
}

func TestAFieldThatIsReadIsPartOfTheKey(t *testing.T) {
	e := engine(t, folder(t, "p.rego", rules+"allow if { input.tags.team == \"x\"; input.input_bytes < 10 }\n"))
	q := policytest.Question("call")
	for i, c := range []struct {
		team  string
		bytes int64
		other string
		want  bool
		hits  uint64
	}{{"x", 5, "", true, 0}, {"x", 5, "noise", true, 1}, {"x", 50, "", false, 1}, {"y", 5, "", false, 1}, {"x", 5, "more", true, 2}} {
		q.Tags, q.InputBytes, q.Parent = map[string]string{"team": c.team, "other": c.other}, c.bytes, c.other
		if d := decide(t, e, q); d.Allow != c.want || e.Status().Hits != c.hits {
			t.Errorf("%d: %+v, %d hits; want %v, %d", i, d, e.Status().Hits, c.want, c.hits)
		}
	}
	q.Tags = nil
	if decide(t, e, q).Allow {
		t.Error("a missing tag is taken for another")
	}
}

func TestTheCacheIsBoundedAndStaysRight(t *testing.T) {
	e := engine(t, folder(t, "p.rego", rules+"allow if endswith(input.object, \"7\")\n"), func(c *opa.Config) { c.Cache = 32 })
	for round := range 2 {
		for i := range 300 {
			q := policytest.Question("call")
			q.Object = fmt.Sprint(i)
			if d := decide(t, e, q); d.Allow != (i%10 == 7) {
				t.Fatalf("round %d, %d: %+v", round, i, d)
			}
		}
	}
	if s := e.Status(); s.Misses < 500 {
		t.Errorf("%d misses of 600: more than 32 are remembered", s.Misses)
	}
}

// The rules are put together at random; the cached engine must answer every
// question as one does that never caches.
func TestACachedDecisionIsAlwaysTheOneThatEvaluationGives(t *testing.T) {
	conditions := []string{
		`input.action == "call"`, `input.tenant == input.principal.tenant`, `"caller" in input.principal.roles`,
		`input.tags.team == "x"`, `some k, v in input.tags; k == v`, `input.operation.side_effects`, `not input.operation.idempotent`,
		`count(input.operation.egress) > 1`, `input.major > 1`, `input.input_bytes > 100`, `input.principal.labels.a == input.tags.a`,
		`not input.tags.team`, `input.constraints.max_price_micros < 5`, `c := input.constraints; c.residency == "eu"`,
		`startswith(input.capability, "a/")`, `input.family in {"a", "b"}`, `input.object == input.parent`, `input.provider == ""`,
	}
	word := rapid.SampledFrom([]string{"", "a", "x", "call", "eu", "caller"})
	set := rapid.MapOfN(rapid.SampledFrom([]string{"a", "team", "x"}), word, 0, 3)
	list := rapid.SliceOfN(word, 0, 3)
	root := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(root, "")
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		b.WriteString(rules + "default allow := false\n")
		for range rapid.IntRange(1, 3).Draw(t, "rules") {
			fmt.Fprintf(&b, "allow if { %s }\n", strings.Join(rapid.SliceOfN(rapid.SampledFrom(conditions), 1, 3).Draw(t, "all of"), "\n"))
		}
		fmt.Fprintf(&b, "deny contains \"d\" if { %s }\n", rapid.SampledFrom(conditions).Draw(t, "unless"))
		if err := os.WriteFile(dir+"/p.rego", []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		make := func(cache int) *opa.Engine {
			e, err := opa.New(context.Background(), opa.Config{Dir: dir, Cache: cache, Timeout: time.Minute})
			if err != nil {
				t.Skip("the same variable twice") // as `c := ...` drawn for one body
			}
			return e
		}
		cached, plain := make(0), make(-1)
		for range 20 {
			q := policy.Question{
				Action: word.Draw(t, "action"), Tenant: word.Draw(t, "tenant"), Object: word.Draw(t, "object"), Provider: word.Draw(t, "provider"), Parent: word.Draw(t, "parent"),
				Principal:  crank.Principal{Payer: crank.Payer{Tenant: word.Draw(t, "own")}, Roles: list.Draw(t, "roles"), Labels: set.Draw(t, "labels")},
				Capability: rapid.SampledFrom([]crank.Capability{"", "a/b@1", "a/b@2", "c/d@1"}).Draw(t, "capability"),
				Properties: crank.Properties{SideEffects: rapid.Bool().Draw(t, "effects"), Idempotent: rapid.Bool().Draw(t, "idempotent"), Egress: list.Draw(t, "egress")},
				InputBytes: rapid.Int64Range(99, 102).Draw(t, "bytes"), Tags: set.Draw(t, "tags"),
				Constraints: crank.Constraints{Residency: word.Draw(t, "residency"), MaxPrice: crank.Money{Micros: crank.Micros(rapid.Int64Range(4, 6).Draw(t, "price"))}},
			}
			got, err1 := cached.Decide(context.Background(), q)
			want, err2 := plain.Decide(context.Background(), q)
			if err1 != nil || err2 != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("%s\ncached %+v %v\nevaluated %+v %v", b.String(), got, err1, want, err2)
			}
		}
	})
}

func TestTheDocumentationNamesEveryFieldOfTheInput(t *testing.T) {
	doc, err := os.ReadFile("../doc.go")
	if err != nil {
		t.Fatal(err)
	}
	all := engine(t, folder(t, "p.rego", rules+"allow if input\n")).Status().Reads
	if len(all) < 30 {
		t.Fatalf("only %v are read of the whole", all)
	}
	for _, name := range all {
		if !strings.Contains(string(doc), "//\t"+name+" ") {
			t.Errorf("%s is not documented", name)
		}
	}
	if n := strings.Count(string(doc), "//\tinput."); n != len(all) {
		t.Errorf("%d fields are documented, there are %d", n, len(all))
	}
}

func TestAHitAllocatesAtMostOnce(t *testing.T) {
	e := engine(t, starter(t))
	q := policytest.Question("call", "caller")
	ctx := context.Background()
	if n := testing.AllocsPerRun(200, func() {
		if d, err := e.Decide(ctx, q); err != nil || !d.Allow {
			t.Fatal(d, err)
		}
	}); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func benchDecide(b *testing.B, cache int) {
	e := engine(b, starter(b), func(c *opa.Config) { c.Cache = cache })
	q := policytest.Question("call", "caller")
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if d, err := e.Decide(ctx, q); err != nil || !d.Allow {
			b.Fatal(d, err)
		}
	}
}

func BenchmarkDecideCached(b *testing.B)    { benchDecide(b, 0) }
func BenchmarkDecideEvaluated(b *testing.B) { benchDecide(b, -1) }

func BenchmarkDecideCachedParallel(b *testing.B) {
	e := engine(b, starter(b))
	b.RunParallel(func(pb *testing.PB) {
		q := policytest.Question("call", "caller")
		for pb.Next() {
			if d, err := e.Decide(context.Background(), q); err != nil || !d.Allow {
				b.Fatal(d, err)
			}
		}
	})
}

func BenchmarkLoad(b *testing.B) {
	dir := starter(b)
	for b.Loop() {
		engine(b, dir)
	}
}
