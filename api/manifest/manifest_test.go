package manifest_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/api/manifest"
	"github.com/crank-platform/crank/kit/schema"
)

const full = `
version: 1
worker: greeter
provider: me
description: Greets.
runtime: {command: [sh]}
operations:
  - capability: greeter/greet@1
    summary: Greet somebody.
    input: {type: object, properties: {name: {type: string, maxLength: 80}, card: {$ref: "#/$defs/blob"}}}
    output: out.json
    file: {in: card, accept: [text/plain]}
    properties: {idempotent: true, data_classes: [personal]}
    limits: {time: 1m30s, cpu: 5s, memory: 256MiB, input: 1MB, output: 4096}
    meters: {pages: 1000}
    plan:
      prices: [{meter: calls, price: "0.0010 EUR"}, {meter: pages, micros: 5, per: 10, included: 3}, {meter: pages, tiers: [{up_to: 5, price: "1"}, {micros: 2}]}]
      minimum: "0.0002"
      asset: EUR
    errors: [{code: CRK-1007, when: It is no card.}]
  - capability: greeter/shout@1
    summary: Shout.
    file: {in: text, out: loud}
`

func TestAManifestReadsAsItIsWritten(t *testing.T) {
	files := fstest.MapFS{"out.json": {Data: []byte(`{"type":"object","maxProperties":9007199254740993}`)}}
	var command []string
	m, err := manifest.Parse([]byte(full), files, manifest.Section{Name: "runtime", Read: func(v manifest.Value) {
		v.Fields(map[string]func(manifest.Value){"command": func(v manifest.Value) { command = v.Texts() }})
	}})
	if err != nil {
		t.Fatal(err)
	}
	op := m.Operations[0]
	if m.Worker != "greeter" || m.Provider != "me" || len(command) != 1 || command[0] != "sh" {
		t.Errorf("manifest is %+v, command %v", m, command)
	}
	if l := op.Limits; l != (crank.Limits{Time: 90 * time.Second, CPU: 5 * time.Second, MemoryBytes: 256 << 20, InputBytes: 1e6, OutputBytes: 4096}) {
		t.Errorf("limits are %+v", l)
	}
	if p := op.Plan; p.Asset != "EUR" || p.Minimum != 200 || p.Prices[0].Micros != 1000 || p.Prices[1].Included != 3 || p.Prices[2].Tiers[0].Micros != 1e6 {
		t.Errorf("plan is %+v", p)
	}
	if string(op.Output) != `{"maxProperties":9007199254740993,"type":"object"}` {
		t.Errorf("a schema file reads as %s", op.Output)
	}
	if op.Meters["pages"] != 1000 || op.Errors[0].Code != crank.CodeMalformedFile || !op.Properties.Idempotent {
		t.Errorf("operation is %+v", op)
	}
	for _, c := range []struct {
		schema json.RawMessage
		value  string
		fits   bool
	}{
		{op.Input, `{"name":"a","card":{"$blob":"sha256:` + strings.Repeat("0", 64) + `","size":1}}`, true},
		{op.Input, `{"card":{"$blob":"x"}}`, false},
		{m.Operations[1].Input, `{}`, false},
		{m.Operations[1].Output, `{"loud":{"$blob":"sha256:` + strings.Repeat("0", 64) + `"}}`, true},
	} {
		s, err := schema.Compile(c.schema)
		if err != nil {
			t.Fatal(err)
		}
		if faults, err := s.Check([]byte(c.value)); err != nil || (len(faults) == 0) != c.fits {
			t.Errorf("%s against %s: %v, %v", c.value, c.schema, faults, err)
		}
	}
}

func TestEveryFaultIsToldAtOnceWithItsLine(t *testing.T) {
	_, err := manifest.Parse([]byte(`version: 2
worker: Bad Name
opperations: []
operations:
  - capability: a/b
    sumary: x
    input: {type: 7}
    output: ../out.json
    limits: {time: 10, memory: 5XB, input: -1}
    meters: {Pages: 0}
    plan: {asset: usd, prices: [{price: 0.0010, meter: calls}, {meter: calls, price: "-1 USD"}]}
    errors: [{code: CRK-0000}]
    properties: {idempotent: "yes", idempotent: true}
  - &x {capability: a/b@1, summary: y}
  - *x
`), fstest.MapFS{})
	e := crank.AsError(err)
	if e == nil || e.Code != crank.CodeManifest {
		t.Fatalf("error is %v", err)
	}
	for path, reason := range map[string]string{
		"/version": "line 1", "/worker": "line 2", "/opperations": `is it "operations"?`, "/": `"provider" is missing`,
		"/operations/0/capability": "line 5", "/operations/0/sumary": `is it "summary"?`, "/operations/0": `"summary" is missing`,
		"/operations/0/input": "no JSON Schema", "/operations/0/output": "cannot be read",
		"/operations/0/limits/time": "no time", "/operations/0/limits/memory": "no size", "/operations/0/limits/input": "no size",
		"/operations/0/meters/Pages": "does not match", "/operations/0/plan/asset": "no asset", "/operations/0/plan/prices/0/price": "in quotes",
		"/operations/0/plan/prices/1/price": "usd", "/operations/0/errors/0/code": "no code",
		"/operations/0/properties/idempotent": "stands twice", "/operations/1": "anchors", "/operations/2": "anchors",
	} {
		found := false
		for _, f := range e.Faults {
			found = found || f.Path == path && strings.Contains(f.Reason, reason)
		}
		if !found {
			t.Errorf("no fault at %s says %q in %v", path, reason, e.Faults)
		}
	}
}

func TestTextThatIsNoManifestIsRefused(t *testing.T) {
	for _, text := range []string{"", "- 1", "a: [", "x", "null", "{}", "version: 1\n---\nversion: 1"} {
		if _, err := manifest.Parse([]byte(text), nil); crank.AsError(err) == nil || crank.AsError(err).Code != crank.CodeManifest {
			t.Errorf("%q gives %v", text, err)
		}
	}
	if _, err := manifest.Load(t.TempDir()); crank.AsError(err) == nil || crank.AsError(err).Code != crank.CodeManifest {
		t.Errorf("an empty folder gives %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("operations: [{input: {$ref: '#/$defs/blob', $defs: 7}}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := manifest.Parse(text, fstest.MapFS{})
		if err == nil && (m.Worker == "" || len(m.Operations) == 0) {
			t.Errorf("%q reads as %+v", text, m)
		}
	})
}
