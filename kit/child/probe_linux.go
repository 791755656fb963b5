package child

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// probe starts supervisors until one comes up in all the namespaces asked for,
// the most first.
func probe() means {
	m := means{Sandbox: Sandbox{Rlimits: true, Landlock: landlockABI()}}
	_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d/children", os.Getpid()))
	m.Measured = err == nil
	const kernel = unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC
	var tried error
	for _, flags := range []uintptr{
		unix.CLONE_NEWUSER | kernel | unix.CLONE_NEWNS,
		unix.CLONE_NEWUSER | kernel,
		kernel | unix.CLONE_NEWNS, // an administrator where user namespaces are switched off
		0,
	} {
		own := flags&unix.CLONE_NEWPID != 0
		o := order{Probe: true, Proc: flags&unix.CLONE_NEWNS != 0, Seccomp: auditArch() != 0}
		t, r, err := summon(o, flags, [3]*os.File{})
		if err != nil {
			if tried == nil {
				tried = err
			}
			continue
		}
		t.kill()
		t.wait()
		if r.Granted == nil || own && !r.Granted.First || o.Proc && !r.Granted.Proc && flags&unix.CLONE_NEWUSER != 0 {
			continue
		}
		m.namespaces, m.proc, m.seccomp = flags, r.Granted.Proc, r.Granted.Seccomp
		break
	}
	m.PIDNamespace = m.namespaces&unix.CLONE_NEWPID != 0
	m.NetworkDenied = m.seccomp || m.namespaces&unix.CLONE_NEWNET != 0
	m.note(tried)
	return m
}

func (m *means) note(tried error) {
	say := func(s string, args ...any) { m.Notes = append(m.Notes, fmt.Sprintf(s, args...)) }
	if !m.PIDNamespace {
		say("no pid namespace could be made (%v): a hostile program that kills its supervisor may leave processes behind", tried)
	} else if !m.proc {
		say("a /proc of its own could not be mounted: programs that read /proc/self will not find it")
	}
	if m.Landlock == 0 {
		say("the kernel has no Landlock or has it switched off: a program may read and write every file this user may")
	}
	switch {
	case m.NetworkDenied && !m.seccomp:
		say("no socket filter on this machine: a program may still reach Unix sockets in the file system")
	case !m.NetworkDenied && m.Landlock >= 4:
		say("of the network, only TCP is denied (by Landlock)")
	case !m.NetworkDenied:
		say("the network cannot be denied")
	}
	if !m.Measured {
		say("the kernel does not list a process's children: processor time, memory and processes of the whole tree are not watched")
	}
}
