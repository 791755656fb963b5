package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/crank-platform/crank"
)

// The capabilities that are called. All are idempotent, so the one journal
// record of a call is its receipt.
const (
	givePath   = "/v1/call/bench/give"   // echo, a Go function in the node
	echoPath   = "/v1/call/bench/echo"   // the same HTTP worker that the proxies reach
	threadPath = "/v1/call/email/thread" // a worker that is built in, in the node or in children
)

const giveCapability crank.Capability = "bench/give@1"

// The contract of both echoes.
const (
	echoInput  = `{"type":"object","required":["text"],"additionalProperties":false,"properties":{"text":{"type":"string","maxLength":65536}}}`
	echoOutput = `{"type":"object","required":["text"]}`
)

// echo is the least that a worker can be: what remains is what the platform does.
type echo struct{}

// Manifest implements crank.Worker.
func (echo) Manifest() crank.Manifest {
	return crank.Manifest{
		Version: crank.FormatVersion, Worker: "give", Provider: "bench", Isolation: "inproc",
		Operations: []crank.Operation{{
			Capability: giveCapability, Summary: "Give back what was given.",
			Input: json.RawMessage(echoInput), Output: json.RawMessage(echoOutput),
			Properties: crank.Properties{Idempotent: true, Deterministic: true},
			Plan:       crank.Plan{Asset: "USD", Prices: []crank.Price{{Meter: crank.MeterCalls, Micros: 100}}},
		}},
	}
}

// Do implements crank.Worker.
func (echo) Do(_ context.Context, t crank.Task) (crank.Result, error) {
	return crank.Result{Output: t.Input}, nil
}

// echoManifest makes the HTTP worker at an address one of the node's.
const echoManifest = `version: 1
worker: bench
provider: bench
description: The HTTP worker of the bench.
http:
  base_url: http://%s
  routes:
    - {capability: bench/echo@1, method: POST, path: /}
operations:
  - capability: bench/echo@1
    summary: Give back what was given.
    input: ` + echoInput + `
    output: ` + echoOutput + `
    properties: {idempotent: true, deterministic: true}
    limits: {time: 10s}
    plan: {asset: USD, prices: [{meter: calls, price: "0.000100 USD"}]}
`

// echoBody is 1 KiB of JSON for the echoes.
func echoBody() []byte {
	const frame = len(`{"text":""}`)
	return fmt.Appendf(nil, `{"text":%q}`, strings.Repeat("0123456789abcdef", 64)[:1024-frame])
}

// threadBody is 1 KiB of JSON for the built-in worker: one message with long
// names, so that the work itself is little.
func threadBody() []byte {
	const frame = len(`{"messages":[{"message_id":"","subject":""}]}`)
	text := strings.Repeat("0123456789abcdef", 32)
	return fmt.Appendf(nil, `{"messages":[{"message_id":%q,"subject":%q}]}`, text, text[:1024-frame-len(text)])
}
