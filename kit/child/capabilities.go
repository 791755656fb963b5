package child

import (
	"fmt"
	"strings"
	"sync"
)

// Sandbox is what this machine grants for holding a child; what is missing is
// not enforced, and Notes say so in sentences for people.
type Sandbox struct {
	Rlimits       bool // CPU, memory, file size and descriptors are bounded by the kernel
	Measured      bool // the whole tree is sampled for CPU, memory and processes
	Landlock      int  // ABI of Landlock in force; 0 = file access is not confined
	NetworkDenied bool // Spec.Network false is enforced
	PIDNamespace  bool // nothing a child starts can outlive it, or see other processes
	Notes         []string
}

// String is one line for a log or a doctor.
func (s Sandbox) String() string {
	yes := func(b bool) string {
		if b {
			return "yes"
		}
		return "no"
	}
	files := "no"
	if s.Landlock > 0 {
		files = fmt.Sprintf("landlock %d", s.Landlock)
	}
	return strings.Join([]string{
		"limits " + yes(s.Rlimits), "watched " + yes(s.Measured), "files " + files,
		"network denied " + yes(s.NetworkDenied), "pid namespace " + yes(s.PIDNamespace),
	}, ", ")
}

// Capabilities says what this machine grants. It tries once, at the first call
// or the first child, which takes some milliseconds. Before Main was called it
// reports nothing but that.
func Capabilities() Sandbox {
	if !hooked.Load() {
		return Sandbox{Notes: []string{ErrNotHooked.Error()}}
	}
	s := probed().Sandbox
	s.Notes = append([]string(nil), s.Notes...)
	return s
}

// means is a Sandbox with what the operating system's body needs to know.
type means struct {
	Sandbox
	namespaces uintptr // clone flags that work
	proc       bool    // a /proc of its own can be mounted
	seccomp    bool
}

var probed = sync.OnceValue(probe)
