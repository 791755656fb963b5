package crank

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Error is what every room returns: a code for machines, a sentence for people
// and a mend. Cause is for the log only; it never crosses a wire.
type Error struct {
	Code       Code          `json:"code"`
	Kind       Kind          `json:"kind"`
	Message    string        `json:"message"`
	Mend       string        `json:"mend,omitempty"`
	Retryable  bool          `json:"retryable,omitempty"`
	RetryAfter time.Duration `json:"retry_after_ns,omitempty"`
	Faults     []Fault       `json:"faults,omitempty"`
	Cause      error         `json:"-"`
}

// Fault is one thing wrong with an input: where (a JSON pointer, RFC 6901, or a
// name) and what.
type Fault struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// E makes an error of a code of the table, whose kind and mend it takes.
func E(code Code, format string, args ...any) *Error {
	about := code.About()
	return &Error{Code: code, Kind: about.Kind, Message: fmt.Sprintf(format, args...), Mend: about.Mend, Retryable: about.Retryable}
}

// Wrap is E with a cause for the log. A cause that is an *Error already passes
// through as it is; a context's end becomes a deadline or a cancellation.
func Wrap(code Code, cause error, format string, args ...any) *Error {
	if e, ok := errors.AsType[*Error](cause); ok {
		return e
	}
	switch {
	case errors.Is(cause, context.DeadlineExceeded):
		code = CodeDeadline
	case errors.Is(cause, context.Canceled):
		code = CodeCancelled
	}
	e := E(code, format, args...)
	e.Cause = cause
	return e
}

// AsError returns err as an *Error; one that is none becomes CodeInternal, so
// that its text does not leak. It returns nil for nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	return Wrap(CodeInternal, err, "something went wrong inside Crank")
}

// KindOf returns the kind of err, which must not be nil; KindInternal when it is
// no *Error.
func KindOf(err error) Kind { return AsError(err).Kind }

// IsKind reports whether err is an error of that kind; nil is of none.
func IsKind(err error, k Kind) bool { return err != nil && KindOf(err) == k }

// Error returns code and sentence.
func (e *Error) Error() string {
	s := string(e.Code) + " " + e.Message
	for _, f := range e.Faults {
		s += fmt.Sprintf("; %s: %s", f.Path, f.Reason)
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Is reports whether target is an *Error of the same code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// With returns a copy that carries faults.
func (e *Error) With(faults ...Fault) *Error {
	c := *e
	c.Faults = append(append([]Fault(nil), e.Faults...), faults...)
	return &c
}

// Mending returns a copy with another mend than the table's.
func (e *Error) Mending(format string, args ...any) *Error {
	c := *e
	c.Mend = fmt.Sprintf(format, args...)
	return &c
}

// After returns a copy that says when a retry makes sense.
func (e *Error) After(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}
