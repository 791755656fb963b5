// Package email is the worker that reads mail: single messages and mbox
// archives into JMAP Email objects, and messages into threads.
//
// It owns the shape of the answers, where attachments and long texts are kept,
// and what is counted. It does not own how mail is read (format/mail).
package email

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/api/manifest"
	"github.com/crank-platform/crank/format/mail"
)

// The operations.
const (
	Parse  crank.Capability = "email/parse@1"
	Thread crank.Capability = "email/thread@1"
)

// MeterMessages counts messages read.
const MeterMessages = "messages"

// maxMessages is what the manifest promises of MeterMessages.
const maxMessages = 1_000_000

//go:embed worker.yaml schema
var files embed.FS

// Worker implements crank.Worker. It is safe for concurrent use.
type Worker struct{ manifest func() crank.Manifest }

var _ crank.Worker = Worker{}

// New makes the worker. Its manifest is read when first asked for.
func New() Worker {
	return Worker{sync.OnceValue(func() crank.Manifest {
		text, err := files.ReadFile(manifest.File)
		if err != nil {
			panic(err) // it is built in
		}
		m, err := manifest.Parse(text, files)
		if err != nil {
			panic(err)
		}
		return m
	})}
}

// Manifest implements crank.Worker.
func (w Worker) Manifest() crank.Manifest {
	m := w.manifest()
	m.Operations = slices.Clone(m.Operations)
	return m
}

// Do implements crank.Worker.
func (w Worker) Do(ctx context.Context, t crank.Task) (crank.Result, error) {
	switch t.Capability {
	case Parse:
		return parse(ctx, t)
	case Thread:
		return thread(ctx, t)
	}
	return crank.Result{}, crank.E(crank.CodeUnknownCap, "the email worker does not provide %s", t.Capability)
}

// result is an answer that read n messages.
func result(output any, n int) (crank.Result, error) {
	text, err := encode(output)
	return crank.Result{Output: text, Usage: crank.Usage{
		{Meter: MeterMessages, Quantity: int64(n), Method: crank.Measured, Source: crank.SourceWorker},
	}}, err
}

// read decodes the input, which the harness has checked.
func read(t crank.Task, into any) error {
	if err := json.Unmarshal(t.Input, into); err != nil {
		return crank.Wrap(crank.CodeInvalidInput, err, "the input cannot be read")
	}
	return nil
}

// mended gives an error of format/mail a crank code.
func mended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return crank.Wrap(crank.CodeCancelled, context.Cause(ctx), "the reading was stopped")
	}
	failure, ok := errors.AsType[*mail.Error](err)
	switch {
	case !ok:
		return crank.Wrap(crank.CodeWorkerFailed, err, "the mail cannot be read")
	case failure.Reason == mail.Malformed:
		return crank.Wrap(crank.CodeMalformedFile, err, "the file is no mail: %s", failure.Detail)
	case failure.Reason == mail.SinkFailed:
		return crank.Wrap(crank.CodeStore, err, "an attachment cannot be kept")
	}
	return crank.Wrap(crank.CodeStore, err, "the file cannot be read to its end")
}

func noMail(why string) error {
	return crank.E(crank.CodeMalformedFile, "the file is no mail: %s", why)
}

func tooMany() error {
	return crank.E(crank.CodeTooLarge, "there are more than %d messages", maxMessages).Mending("Split the archive.")
}

// lasting is a reader that ends with its context.
type lasting struct {
	ctx context.Context
	io.Reader
}

func (l lasting) Read(p []byte) (int, error) {
	if err := l.ctx.Err(); err != nil {
		return 0, fmt.Errorf("stopped: %w", err)
	}
	return l.Reader.Read(p)
}
