package child

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The supervisor's ends of the two pipes to its parent.
const (
	orderFD  = 3 // one order as a frame, then polite requests, then EOF: end all
	reportFD = 4 // reports as frames
)

const maxOrder = 64 << 20 // bytes; the kernel's own bound on arguments is far lower

// politely is the byte on the order pipe that asks for a SIGTERM.
const politely = 't'

// supervise is the life of a supervisor: take one order, hold itself back from
// nothing but start the program held, gather what it orphans, and end it all
// when the program ends, or the parent says so or dies. It returns the exit
// status of the process, which the parent does not read.
func supervise() int {
	// Limits on file access, sockets and rights are a thread's; this one starts
	// the program, which inherits them. The runtime makes no other thread from
	// a locked one, so the rest of us stays free.
	runtime.LockOSThread()
	// Signals meant for the child's group must not end us; a handler, unlike
	// ignoring, is not inherited.
	signal.Notify(make(chan os.Signal, 1))
	unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) // the child may not look into us
	syscall.CloseOnExec(orderFD)
	syscall.CloseOnExec(reportFD)
	in, out := os.NewFile(orderFD, "order"), os.NewFile(reportFD, "report")
	say := func(r report) {
		if b, err := json.Marshal(r); err == nil {
			WriteFrame(out, b)
		}
	}
	raw, err := ReadFrame(in, maxOrder)
	if err != nil {
		return 1
	}
	var o order
	if err := json.Unmarshal(raw, &o); err != nil {
		say(report{Refused: &refusal{Stage: "order", Text: err.Error()}})
		return 1
	}
	if o.Probe {
		say(report{Granted: try(o)})
		return 0
	}
	if !o.Own {
		unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	}
	base := memoryOf("self").peak
	pid, refused := begin(o)
	if refused != nil {
		say(report{Refused: refused})
		return 1
	}
	say(report{Started: &started{Base: base}})
	go obey(in, pid, o.Own)
	say(report{Ended: gather(pid, o.Own)})
	return 0
}

// begin applies the order to this thread, starts the program from it, and gives
// the streams up.
func begin(o order) (int, *refusal) {
	null, err := syscall.Open("/dev/null", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return 0, refuse("streams", "/dev/null", err)
	}
	if o.Proc {
		if err := mountProc(); err != nil {
			return 0, refuse("proc", "/proc", err)
		}
		o.Read = append(o.Read, "/proc")
	} else {
		o.Read = append(o.Read, procPieces...)
	}
	limits := walls(o) // now, while /proc can be read
	if o.Landlock > 0 {
		if err := confine(o); err != nil {
			return 0, refuse("landlock", o.Dir, err)
		}
	}
	if err := dropRights(); err != nil {
		return 0, refuse("rights", "", err)
	}
	if o.Seccomp && !o.Network {
		if err := denySockets(); err != nil {
			return 0, refuse("seccomp", "", err)
		}
	}
	restore, err := narrow(limits)
	if err != nil {
		return 0, refuse("limits", "", err)
	}
	pid, err := syscall.ForkExec(o.Path, o.Args, &syscall.ProcAttr{
		Dir: o.Dir, Env: o.Env, Files: []uintptr{0, 1, 2},
		Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
	})
	restore()
	if err != nil {
		return 0, refuse("exec", o.Path, err)
	}
	for _, w := range limits { // for good: the soft limit was all we lowered for ourselves
		var lim unix.Rlimit
		err := unix.Prlimit(pid, w.what, nil, &lim)
		lim.Cur, lim.Max = min(w.most, lim.Max), min(w.most, lim.Max)
		if w.what == unix.RLIMIT_CPU {
			lim.Cur-- // SIGXCPU first, SIGKILL a second later
		}
		if err == nil {
			err = unix.Prlimit(pid, w.what, &lim, nil)
		}
		if err != nil && err != syscall.ESRCH {
			syscall.Kill(pid, syscall.SIGKILL)
			return 0, refuse("limits", "", err)
		}
	}
	for fd := range 3 {
		syscall.Dup3(null, fd, 0)
	}
	return pid, nil
}

func refuse(stage, path string, err error) *refusal {
	r := &refusal{Stage: stage, Path: path, Text: err.Error()}
	if no, ok := err.(syscall.Errno); ok {
		r.Errno = int(no)
	}
	return r
}

// wall is one resource limit of each process.
type wall struct {
	what int
	most uint64
}

// walls are the kernel's limits for an order. Those over the whole tree are
// watched by the parent; these stop what is faster than its look.
func walls(o order) []wall {
	ws := []wall{{unix.RLIMIT_CORE, 0}}
	l := o.Limits
	if l.Memory > 0 {
		// Private writable memory, not address space: many runtimes reserve
		// far more than they touch.
		ws = append(ws, wall{unix.RLIMIT_DATA, uint64(l.Memory) + uint64(l.Memory)/4 + 16<<20})
	}
	if l.CPU > 0 && o.CPU {
		ws = append(ws, wall{unix.RLIMIT_CPU, uint64((l.CPU+time.Second-1)/time.Second) + 2})
	}
	if l.FileSize > 0 {
		ws = append(ws, wall{unix.RLIMIT_FSIZE, uint64(l.FileSize)})
	}
	if l.OpenFiles > 0 {
		ws = append(ws, wall{unix.RLIMIT_NOFILE, uint64(l.OpenFiles)})
	}
	if l.Processes > 0 {
		// The kernel counts threads, too, and ours; and where the child has no
		// user namespace, all that this user runs.
		const threads = 64
		others := 0
		if !o.Counted {
			others = 2 * tasksOf(os.Getuid())
		}
		ws = append(ws, wall{unix.RLIMIT_NPROC, uint64(l.Processes + threads + others)})
	}
	return ws
}

// tasksOf is how many threads a user runs on this machine, as far as /proc says
// whose they are.
func tasksOf(uid int) int {
	d, err := os.Open("/proc")
	if err != nil {
		return 0
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1)
	n := 0
	for _, name := range names {
		var st syscall.Stat_t
		if name[0] < '0' || name[0] > '9' || syscall.Stat("/proc/"+name+"/task", &st) != nil || int(st.Uid) != uid {
			continue
		}
		n += max(1, int(st.Nlink)-2)
	}
	return n
}

// ownData is what the supervisor's own memory may need, in bytes. A program with
// a lower wall gets that just after it is born.
const ownData = 512 << 20

// narrow lowers our own soft limits, for the program to be born with them, and
// gives the way back. A hard limit lower than asked is kept.
func narrow(ws []wall) (restore func(), err error) {
	type kept struct {
		what int
		lim  syscall.Rlimit
	}
	var old []kept
	restore = func() {
		for _, k := range old {
			syscall.Setrlimit(k.what, &k.lim)
		}
	}
	for _, w := range ws {
		var lim syscall.Rlimit
		if err := syscall.Getrlimit(w.what, &lim); err != nil {
			restore()
			return nil, fmt.Errorf("limit %d: %w", w.what, err)
		}
		old = append(old, kept{w.what, lim})
		most := w.most
		if w.what == unix.RLIMIT_DATA {
			most = max(most, ownData) // our own runtime must live through the fork
		}
		lim.Cur = min(most, lim.Max)
		if err := syscall.Setrlimit(w.what, &lim); err != nil {
			restore()
			return nil, fmt.Errorf("limit %d: %w", w.what, err)
		}
	}
	return restore, nil
}

// dropRights takes every capability from the calling thread for good.
func dropRights() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no new privileges: %w", err)
	}
	var none [2]unix.CapUserData
	if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	return nil
}

// mountProc puts a /proc of this pid namespace over the machine's, in this mount
// namespace only.
func mountProc() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	return unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
}

// try answers a probe by doing what an order would have done.
func try(o order) *granted {
	g := &granted{First: os.Getpid() == 1}
	if o.Proc {
		g.Proc = mountProc() == nil
	}
	if o.Seccomp {
		g.Seccomp = denySockets() == nil && socketsDenied()
	}
	return g
}

// obey follows the parent: a SIGTERM to the program's group for each polite
// byte, and the end of everything at EOF.
func obey(in *os.File, pid int, own bool) {
	one := make([]byte, 1)
	for {
		if _, err := in.Read(one); err != nil {
			endAll(pid, own)
			return
		}
		if one[0] == politely {
			syscall.Kill(-pid, syscall.SIGTERM)
		}
	}
}

// endAll kills everything below us, until gather finds nobody left, which ends
// this process. In a pid namespace of our own one call reaches all at once.
// Else the program's own group is reached at once, so that nothing in it can
// fork away; who left the group is found by walking, with the group it founded.
func endAll(pid int, own bool) {
	for {
		if own {
			syscall.Kill(-1, syscall.SIGKILL)
		} else {
			syscall.Kill(-pid, syscall.SIGKILL)
			us := syscall.Getpgrp()
			walk(os.Getpid(), func(p int) {
				if g, err := syscall.Getpgid(p); err == nil && g > 1 && g != us {
					syscall.Kill(-g, syscall.SIGKILL)
				}
				syscall.Kill(p, syscall.SIGKILL)
			})
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// gather waits for the program and all it left behind, ending the latter once
// the program has ended.
func gather(pid int, own bool) *ended {
	var e ended
	for {
		var ws syscall.WaitStatus
		got, err := syscall.Wait4(-1, &ws, 0, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			break // ECHILD: nobody is left
		}
		if got == pid {
			e.Code = ws.ExitStatus()
			if ws.Signaled() {
				e.Code, e.Signal = -1, int(ws.Signal())
			}
			go endAll(pid, own)
		}
	}
	var ru syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_CHILDREN, &ru) == nil {
		e.CPU = ru.Utime.Nano() + ru.Stime.Nano()
		e.MaxRSS = ru.Maxrss << 10
	}
	return &e
}
