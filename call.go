package crank

import (
	"encoding/json"
	"time"
)

// Call is one request for a capability, as every door makes it.
type Call struct {
	ID          string            `json:"id"`
	Principal   Principal         `json:"principal"`
	Capability  Capability        `json:"capability"`
	Input       json.RawMessage   `json:"input"` // one JSON value; files in it are BlobRefs
	Constraints Constraints       `json:"constraints,omitzero"`
	Key         string            `json:"idempotency_key,omitempty"` // at most 255 bytes
	Parent      string            `json:"parent,omitempty"`          // id of the call that makes this one
	Job         string            `json:"job,omitempty"`
	Quote       string            `json:"quote,omitempty"` // id of a quote to honour
	Trace       string            `json:"trace,omitempty"` // W3C traceparent
	Tags        map[string]string `json:"tags,omitempty"`  // for chargeback; at most 16, 64 bytes each side
	Deadline    time.Time         `json:"deadline,omitzero"`
}

// Constraints narrow which offers may serve a call. The zero value narrows nothing.
type Constraints struct {
	MaxPrice      Money  `json:"max_price,omitzero"`
	MaxCarbon     int64  `json:"max_carbon_ug,omitempty"` // micrograms CO2e
	MinReputation int    `json:"min_reputation,omitempty"`
	Residency     string `json:"residency,omitempty"` // zone prefix, such as "eu"
	Prefer        string `json:"prefer,omitempty"`    // "cost", "latency", "carbon", "balanced" (also "")
	Provider      string `json:"provider,omitempty"`  // only this one
}

// Result is what a worker answers.
type Result struct {
	Output json.RawMessage `json:"output"` // one JSON value; files in it are BlobRefs
	Usage  Usage           `json:"usage,omitempty"`
}

// Answer is what a caller gets: the result and its receipt.
type Answer struct {
	Output   json.RawMessage `json:"output,omitempty"`
	Receipt  Receipt         `json:"receipt"`
	Replayed bool            `json:"replayed,omitempty"` // the first answer of an idempotency key, again
}

// Chunk is a part of a streamed output, in order.
type Chunk struct {
	Event string `json:"event,omitempty"`
	Data  []byte `json:"data"`
}

// Job is a call that runs while nobody waits for it.
type Job struct {
	ID         string          `json:"id"`
	Tenant     string          `json:"tenant"`
	Call       string          `json:"call"`
	Capability Capability      `json:"capability"`
	State      JobState        `json:"state"`
	Attempt    int             `json:"attempt"`            // fences: a result of an older attempt is dropped
	Progress   int             `json:"progress,omitempty"` // parts per thousand
	Note       string          `json:"note,omitempty"`
	Output     json.RawMessage `json:"output,omitempty"`
	Error      *Error          `json:"error,omitempty"`
	Receipt    string          `json:"receipt,omitempty"`
	Submitted  time.Time       `json:"submitted"`
	StartBy    time.Time       `json:"start_by,omitzero"` // the quote is fixed until then
	Ended      time.Time       `json:"ended,omitzero"`
}

// JobState is where a job stands.
type JobState string

// The states. The last three are final.
const (
	JobQueued    JobState = "queued"
	JobRunning   JobState = "running"
	JobDone      JobState = "done"
	JobFailed    JobState = "failed"
	JobCancelled JobState = "cancelled"
)

// Final reports whether the job has ended.
func (s JobState) Final() bool { return s == JobDone || s == JobFailed || s == JobCancelled }
