package child

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"
)

// The kinds of failure; compare with errors.Is.
var (
	ErrNotFound  = errors.New("program not found")
	ErrStart     = errors.New("program could not be started")
	ErrNotHooked = errors.New("child.Main was not called: call it first in main, and in TestMain of tests that run children")
	ErrTimeout   = errors.New("ran past its time limit")
	ErrFlooded   = errors.New("printed more than it may")
	ErrMemory    = errors.New("used more memory than it may")
	ErrCPU       = errors.New("used more processor time than it may")
	ErrProcesses = errors.New("started more processes than it may")
	ErrProtocol  = errors.New("did not keep to the message protocol")
	ErrTooBig    = errors.New("message larger than the limit")
	ErrClosed    = errors.New("closed")
)

// NotFoundError says which program was looked for, and where. It wraps
// ErrNotFound.
type NotFoundError struct {
	Name   string
	Looked []string // folders or files tried
	Why    string   // empty: it simply is not there
}

func (e *NotFoundError) Error() string {
	s := fmt.Sprintf("program %q not found (looked in %s)", e.Name, strings.Join(e.Looked, ", "))
	if e.Why != "" {
		s += ": " + e.Why
	}
	return s
}

func (e *NotFoundError) Unwrap() error { return ErrNotFound }

// StoppedError says why we stopped a child. It wraps the reason's error, and
// the context's cause where the context ended it.
type StoppedError struct {
	Name   string
	Reason Reason
	Cause  error
	Limit  string // the bound that was met, in words; may be empty
	Stderr string // tail
}

func (e *StoppedError) Error() string {
	s := fmt.Sprintf("program %q was stopped: %v", e.Name, e.Cause)
	if e.Limit != "" {
		s += " (" + e.Limit + ")"
	}
	return s + tailOf(e.Stderr)
}

func (e *StoppedError) Unwrap() error { return e.Cause }

// ExitError says how a child ended by itself when that was not exit status 0.
type ExitError struct {
	Name   string // may be empty
	Code   int    // -1 when a signal ended it
	Signal syscall.Signal
	Stderr string // tail
}

func (e *ExitError) Error() string {
	who := "program"
	if e.Name != "" {
		who = fmt.Sprintf("program %q", e.Name)
	}
	if e.Signal != 0 {
		return fmt.Sprintf("%s was ended by signal %d (%v)", who, int(e.Signal), e.Signal) + tailOf(e.Stderr)
	}
	return fmt.Sprintf("%s ended with exit status %d", who, e.Code) + tailOf(e.Stderr)
}

// tailOf is the last lines of stderr as an error shows them.
func tailOf(stderr string) string {
	const most = 400
	s := strings.TrimSpace(strings.ToValidUTF8(stderr, "?"))
	if s == "" {
		return ""
	}
	if len(s) > most {
		s = "..." + strings.ToValidUTF8(s[len(s)-most:], "")
	}
	return "; its stderr ends: " + s
}

// limitOf words the bound of s that a reason is about.
func (s Spec) limitOf(why Reason) string {
	switch why {
	case ByTimeout:
		return "limit " + s.Timeout.String()
	case ByFlood:
		return fmt.Sprintf("limit %d bytes", s.MaxStdout)
	case ByMemory:
		return fmt.Sprintf("limit %d bytes", s.Limits.Memory)
	case ByCPU:
		return "limit " + s.Limits.CPU.Round(time.Millisecond).String()
	case ByProcesses:
		return fmt.Sprintf("limit %d", s.Limits.Processes)
	}
	return ""
}
