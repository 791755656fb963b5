package exec

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/child"
)

// maxMessage bounds what a command may say to the caller about a failure, in bytes.
const maxMessage = 300

// problem is how a command names its own failure.
type problem struct {
	Code    crank.Code `json:"code"`
	Message string     `json:"message"`
}

// failed says how a command that ended with another status than 0 failed: in its
// own words where it has some, else with the last line of its stderr. The rest
// of stderr is for the log only.
func (w *Worker) failed(op crank.Operation, end child.Result, cause error) error {
	var said struct {
		Error *problem `json:"error"`
	}
	if json.Unmarshal(end.Stdout, &said) == nil && said.Error != nil {
		return w.problem(op, *said.Error, cause)
	}
	how := "was ended by a signal"
	if end.Signal == 0 {
		how = "failed"
	}
	last := lastLine(end.Stderr)
	if last == "" {
		return because(crank.E(crank.CodeWorkerFailed, "%s %s with exit status %d and said nothing", w.manifest.Worker, how, end.ExitCode), cause)
	}
	return because(crank.E(crank.CodeWorkerFailed, "%s %s with exit status %d: %s", w.manifest.Worker, how, end.ExitCode, last), cause)
}

// problem is the command's own failure. A code counts when it is about the
// call's content or when the operation declares it; any other is CodeWorkerFailed.
func (w *Worker) problem(op crank.Operation, p problem, cause error) error {
	declared := slices.IndexFunc(op.Errors, func(d crank.ErrorDecl) bool { return d.Code == p.Code })
	known := slices.Contains(crank.Codes(), p.Code)
	if !known || declared < 0 && !strings.HasPrefix(string(p.Code), "CRK-1") {
		p.Code = crank.CodeWorkerFailed
	}
	message := clean(p.Message)
	if message == "" {
		message = w.manifest.Worker + " failed and did not say why"
	}
	e := crank.E(p.Code, "%s", message)
	if declared >= 0 {
		e.Retryable = op.Errors[declared].Retryable
	}
	return because(e, cause)
}

// misspoke is for output that is not one JSON value. What it was is for the log.
func (w *Worker) misspoke(out []byte) error {
	if strings.TrimSpace(string(out)) == "" {
		return crank.E(crank.CodeWorkerOutput, "%s ended well but printed nothing; it must print one JSON value", w.manifest.Worker)
	}
	var v any
	cause := json.Unmarshal(out, &v)
	shown := clean(string(out))
	return because(crank.E(crank.CodeWorkerOutput, "%s printed something that is not one JSON value: %v", w.manifest.Worker, cause),
		errors.New("its output begins: "+shown))
}

// broke says why a command was stopped or could not be run.
func (w *Worker) broke(op crank.Operation, err error, stdout int64) error {
	name := w.manifest.Worker
	if stop, ok := errors.AsType[*child.StoppedError](err); ok {
		switch stop.Reason {
		case child.ByTimeout:
			return because(crank.E(crank.CodeDeadline, "%s ran longer than its limit of %s and was stopped", name, op.Limits.Time), err)
		case child.ByMemory:
			return because(crank.E(crank.CodeWorkerLimit, "%s used more memory than its limit of %d bytes and was stopped", name, op.Limits.MemoryBytes), err)
		case child.ByCPU:
			return because(crank.E(crank.CodeWorkerLimit, "%s used more processor time than its limit of %s and was stopped", name, op.Limits.CPU), err)
		case child.ByProcesses:
			return because(crank.E(crank.CodeWorkerLimit, "%s started more processes than its limit of %d and was stopped", name, w.runtime.Processes), err)
		case child.ByFlood:
			return because(crank.E(crank.CodeWorkerLimit, "%s printed more than its limit of %d bytes and was stopped", name, stdout).
				Mending("Larger output belongs in a file: write it and print {\"$file\": \"name\"}."), err)
		case child.ByContext:
			return crank.Wrap(crank.CodeCancelled, stop.Cause, "%s was stopped", name)
		}
	}
	switch {
	case errors.Is(err, child.ErrNotFound):
		return because(crank.E(crank.CodeWorkerFailed, "the program of %s is not there any more", name).
			Mending("Install it again, or correct runtime.command."), err)
	case errors.Is(err, child.ErrClosed):
		return because(crank.E(crank.CodeDraining, "%s is being stopped", name), err)
	case errors.Is(err, child.ErrTooBig):
		return because(crank.E(crank.CodeWorkerLimit, "%s sent a message that is too long", name).
			Mending("Larger output belongs in a file: write it and name it as {\"$file\": \"name\"}."), err)
	case errors.Is(err, child.ErrProtocol):
		if exit, ok := errors.AsType[*child.ExitError](err); ok {
			message := "it ended before it answered"
			if last := lastLine([]byte(exit.Stderr)); last != "" {
				message += ": " + last
			}
			return because(crank.E(crank.CodeWorkerFailed, "%s: %s", name, message), err)
		}
		return because(crank.E(crank.CodeWorkerOutput, "%s did not answer with one JSON value on one line", name), err)
	}
	return crank.Wrap(crank.CodeWorkerFailed, err, "%s could not be run", name)
}

// because gives an error a cause for the log.
func because(e *crank.Error, cause error) *crank.Error {
	e.Cause = cause
	return e
}

// lastLine is the last line of stderr that is not blank.
func lastLine(stderr []byte) string {
	s := strings.TrimRightFunc(strings.ToValidUTF8(string(stderr), "?"), unicode.IsSpace)
	return clean(s[strings.LastIndexByte(s, '\n')+1:])
}

// clean is text as it may be shown: valid, printable and short.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	s = strings.TrimSpace(s)
	if len(s) > maxMessage {
		s = strings.ToValidUTF8(s[:maxMessage], "") + "..."
	}
	return s
}
