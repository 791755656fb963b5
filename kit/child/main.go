package child

import (
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
)

// The marks of a process that is to be a supervisor and not the program: both
// must be there. Neither reaches the child, whose environment is spelled out.
const (
	markArg = "--supervise-child"
	markEnv = "KIT_CHILD_SUPERVISOR=1"
)

// errNoEntry is what exec says when a file, or its interpreter, is missing.
const errNoEntry = syscall.ENOENT

// hooked is whether this program called Main; a program that did not would run
// itself again and again instead of supervising.
var hooked atomic.Bool

// Main makes this program able to run children. Call it first in main, and in
// TestMain of every package whose tests run children. In a process started as a
// supervisor it does that work and never returns; otherwise it returns at once.
func Main() {
	if len(os.Args) == 2 && os.Args[1] == markArg && os.Getenv("KIT_CHILD_SUPERVISOR") == "1" {
		os.Exit(supervise()) // this process is ours alone, from its first instruction
	}
	hooked.Store(true)
}

// report is what a supervisor says: once how the start went, once how it ended.
type report struct {
	Started *started `json:",omitempty"`
	Refused *refusal `json:",omitempty"`
	Ended   *ended   `json:",omitempty"`
	Granted *granted `json:",omitempty"` // the answer to a probe
}

type started struct {
	Base int64 // bytes resident of the supervisor: the floor of what the system says of its children
}

// refusal says at which stage a start failed.
type refusal struct {
	Stage string // "limits", "landlock", "seccomp", "exec"
	Path  string
	Errno int
	Text  string
}

func (r *refusal) Error() string {
	return fmt.Sprintf("%s: %s", r.Stage, r.Text)
}

func (r *refusal) errno() syscall.Errno { return syscall.Errno(r.Errno) }

type ended struct {
	Code   int
	Signal int
	CPU    int64 // ns, of all that was waited for
	MaxRSS int64 // bytes, of the largest process
}

type granted struct {
	First   bool // it is the first process of its pid namespace
	Proc    bool // it could mount a /proc of its own
	Seccomp bool // the filter denies sockets
}
