package crank

import (
	"context"
	"encoding/json"
	"io"
	"time"
)

// Manifest is what a worker says of itself, as data: discovery, doors, docs and
// non-Go workers all read it.
type Manifest struct {
	Version     int         `json:"version" yaml:"version"` // of this format: 1
	Worker      string      `json:"worker" yaml:"worker"`   // name; matches a capability's part
	Provider    string      `json:"provider" yaml:"provider"`
	Description string      `json:"description,omitempty" yaml:"description,omitempty"`
	Isolation   string      `json:"isolation,omitempty" yaml:"isolation,omitempty"` // "process" (default) or "inproc"
	Operations  []Operation `json:"operations" yaml:"operations"`
}

// Worker does the work of the operations in its manifest. Do may be called
// concurrently; it stops soon after ctx ends. What the manifest limits, the
// harness enforces.
type Worker interface {
	Manifest() Manifest
	Do(ctx context.Context, t Task) (Result, error)
}

// Task is one call as a worker sees it: the work, not the caller.
type Task struct {
	Call       string
	Capability Capability      // with its major
	Input      json.RawMessage // checked against the operation's schema
	Deadline   time.Time
	Blobs      Blobs
	Emit       func(Chunk) error      // nil when nobody listens; an error means stop
	Dir        func() (string, error) // a folder of the call's own, made when first asked for, removed after the call
}

// Blobs is how a worker reaches the bytes of its call's tenant.
type Blobs interface {
	// Open streams a blob that the input refers to.
	Open(ctx context.Context, ref BlobRef) (io.ReadCloser, error)
	// Put keeps bytes for the output to refer to.
	Put(ctx context.Context, r io.Reader, mediaType, name string) (BlobRef, error)
}
