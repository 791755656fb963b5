// Package child runs foreign programs, and copies of our own binary, so that
// they cannot hurt the machine or outlive the call.
//
// It owns: starting a program in a folder, an environment and a sandbox that
// are all spelled out; feeding and bounding its streams; measuring the whole
// tree of processes it starts; and ending that whole tree, always. [Run] is for
// a program that runs once; [Start] and [Pool] are for one that answers many
// messages. It does not own what the messages mean, what the time and memory
// cost, or when to try again.
//
// On Linux every child stands under a supervisor: a second process of our own
// binary, which takes hold in [Main], applies limits, Landlock and seccomp,
// starts the program, gathers its orphans, and ends all of them when told to or
// when we die. What this machine grants is said by [Capabilities].
package child

import (
	"context"
	"errors"
	"io"
	"syscall"
	"time"
)

// Defaults for what a Spec leaves zero.
const (
	DefaultMaxStdout = 8 << 20  // bytes
	DefaultMaxStderr = 64 << 10 // bytes
	DefaultMaxFrame  = 16 << 20 // bytes
)

// blockedRead is how long Run waits for its Stdin to notice the child's end.
const blockedRead = 100 * time.Millisecond

// Spec says what to run and what it may do. Only Path is needed.
type Spec struct {
	// Path is a program's absolute path, a path relative to Dir (if it holds a
	// separator), or a bare name looked for in Env's PATH (in the usual system
	// folders where Env has none).
	Path string
	// Args are the arguments after the program's own name.
	Args []string
	// Env is the whole environment; nothing is inherited. Only where Dir is
	// empty, HOME and TMPDIR are added (unless Env names them), since no caller
	// can know the folder made for the child.
	Env []string
	// Dir is the working folder. Empty: a fresh folder, removed afterwards.
	Dir string

	// Stdin feeds a child of Run; nil is empty input. Run does not wait for a
	// Read that is still blocked when the child has ended. Start ignores it.
	Stdin io.Reader
	// Stdout takes what a child of Run prints instead of Result.Stdout; an
	// error of Write stops the child. Start ignores it.
	Stdout io.Writer
	// MaxStdout bounds what Run's child may print, in bytes; one more stops it
	// with ErrFlooded. 0 means DefaultMaxStdout.
	MaxStdout int64
	// MaxStderr is how many of the last bytes of stderr are kept; more are read
	// and forgotten. 0 means DefaultMaxStderr.
	MaxStderr int

	// Timeout bounds the wall time of Run, and of each Exchange of a Proc. 0
	// means only the context bounds it.
	Timeout time.Duration
	// Grace is how long a child that is out of time, or cancelled, may live on
	// after a polite SIGTERM. 0 means it is killed at once. Floods and broken
	// limits are never polite.
	Grace time.Duration

	Limits Limits
	// Network true leaves the network open; false denies every socket (also
	// loopback and Unix sockets; pipes and socketpair stay).
	Network bool
	// ReadPaths may be read and executed, besides SystemPaths, the program
	// itself and its installation (see InstallPaths). A path that does not
	// exist is passed over.
	ReadPaths []string
	// WritePaths may be read, written and executed, besides Dir. A path that
	// does not exist is passed over.
	WritePaths []string

	// Framing is how a Proc tells messages apart; Run ignores it.
	Framing Framing
	// MaxFrame bounds one message of a Proc, each way, in bytes. 0 means
	// DefaultMaxFrame.
	MaxFrame int
}

// Limits bound a child; a zero field is no bound.
type Limits struct {
	// CPU bounds the processor time of the whole tree (user and system): for
	// Run of its life, for a Proc of each exchange.
	CPU time.Duration
	// Memory bounds the resident memory of the whole tree, in bytes. It is
	// watched by sampling, so one process also meets a wall of its own at a
	// quarter more plus 16 MiB, where its allocations fail.
	Memory int64
	// FileSize bounds each file it writes, in bytes.
	FileSize int64
	// OpenFiles bounds the descriptors of each process.
	OpenFiles int
	// Processes bounds the processes alive at once in the tree, the first
	// included. Where the child has a user namespace, threads count as well in
	// the kernel's own, wider wall.
	Processes int
}

// Reason says why a child was stopped before its own end. Empty: it was not.
type Reason string

// The reasons to stop a child.
const (
	ByTimeout   Reason = "timeout"
	ByContext   Reason = "cancelled"
	ByFlood     Reason = "flooded"
	ByMemory    Reason = "memory"
	ByCPU       Reason = "cpu"
	ByProcesses Reason = "processes"
	ByProtocol  Reason = "protocol"
	ByOutput    Reason = "output" // Spec.Stdout would not take more
	ByOwner     Reason = "closed"
)

// Result is how a child ended.
type Result struct {
	ExitCode int            // -1 when a signal ended it
	Signal   syscall.Signal // 0 when it exited by itself
	Stdout   []byte         // nil where Spec.Stdout took it
	Stderr   []byte         // the last MaxStderr bytes
	Wall     time.Duration  // from before the start to the end of the whole tree
	CPU      time.Duration  // user + system of the whole tree, the supervisor's own left out
	// MaxRSS in bytes: the peak of the largest process, or the largest sum over
	// the tree that was sampled, whichever is more. A child smaller than our
	// own supervisor that ends before it is sampled reports the supervisor's size.
	MaxRSS   int64
	TimedOut bool
	Flooded  bool
	Killed   Reason
}

// Err is nil for exit status 0, else an *ExitError.
func (r Result) Err() error {
	if r.ExitCode == 0 && r.Signal == 0 {
		return nil
	}
	return &ExitError{Code: r.ExitCode, Signal: r.Signal, Stderr: string(r.Stderr)}
}

// Run starts the program of s, waits for it, and leaves nothing of it alive.
//
// The error tells whether it could not be started (ErrNotFound, ErrStart,
// ErrNotHooked) or was stopped (a *StoppedError that wraps ErrTimeout,
// ErrFlooded, ErrMemory, ErrCPU, ErrProcesses or the context's cause); Result
// holds what is known even then. A program that ends by itself is no error,
// whatever its exit status: ask Result.Err.
func Run(ctx context.Context, s Spec) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{ExitCode: -1}, context.Cause(ctx)
	}
	s = s.withDefaults()
	began := time.Now()
	r, err := launch(s, true)
	if err != nil {
		return Result{ExitCode: -1, Wall: time.Since(began)}, err
	}
	r.begin(s.Timeout)
	defer context.AfterFunc(ctx, func() { r.stop(ByContext, context.Cause(ctx)) })()

	fed := make(chan struct{})
	go func() {
		defer close(fed)
		feed(r.stdin, s.Stdin)
	}()
	var kept capped
	kept.left, kept.to = s.MaxStdout, s.Stdout
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		kept.drain(r)
	}()

	<-r.done
	r.stdout.SetReadDeadline(time.Now().Add(lingering)) // an escaped writer must not hold us
	<-drained
	r.stdin.Close()
	select {
	case <-fed:
	case <-time.After(blockedRead):
	}
	r.close()

	why, cause := r.stopped()
	res := Result{
		ExitCode: r.end.code, Signal: r.end.signal,
		Stdout: kept.buf.Bytes(), Stderr: r.stderr.bytes(),
		Wall: time.Since(began), CPU: r.end.cpu, MaxRSS: max(r.end.maxRSS, r.peak.Load()),
		TimedOut: errors.Is(cause, ErrTimeout),
		Flooded:  why == ByFlood, Killed: why,
	}
	if s.Stdout != nil {
		res.Stdout = nil
	}
	if why == "" && s.Limits.Memory > 0 && res.Err() != nil && res.MaxRSS > s.Limits.Memory {
		why, cause = ByMemory, ErrMemory // it died at its own wall before the watch saw it
		res.Killed = why
	}
	if why != "" {
		return res, &StoppedError{Name: s.Path, Reason: why, Cause: cause, Limit: s.limitOf(why), Stderr: string(res.Stderr)}
	}
	if r.end.lost != nil {
		return res, r.end.lost
	}
	return res, nil
}
