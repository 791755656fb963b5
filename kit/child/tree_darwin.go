package child

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const usualPath = "/usr/local/bin:/opt/homebrew/bin:/usr/bin:/bin:/usr/sbin:/sbin"

// SystemPaths is empty here: file access is not confined on this system.
func SystemPaths() []string { return nil }

const (
	orderFD  = 3
	reportFD = 4
	maxOrder = 64 << 20 // bytes
)

// probe says what this system offers without a sandbox of its own.
func probe() means {
	return means{Sandbox: Sandbox{Rlimits: true, Notes: []string{
		"on macOS only the limits on processor time, file size and descriptors of each process are enforced; memory is bounded as far as the kernel honours its data limit",
		"on macOS a program may read and write every file this user may, and use the network",
		"on macOS a program that starts a session of its own can leave processes behind",
		"on macOS the tree is not watched; processor time and memory are known when it has ended",
	}}}
}

// supervise is the life of a process that becomes the program: it takes the
// order, lowers its limits and executes it. It returns only on failure.
func supervise() int {
	syscall.CloseOnExec(orderFD)
	syscall.CloseOnExec(reportFD)
	say := func(stage, path string, err error) int {
		r := &refusal{Stage: stage, Path: path, Text: err.Error()}
		if no, ok := err.(syscall.Errno); ok {
			r.Errno = int(no)
		}
		if b, err := json.Marshal(report{Refused: r}); err == nil {
			WriteFrame(os.NewFile(reportFD, "report"), b)
		}
		return 1
	}
	raw, err := ReadFrame(os.NewFile(orderFD, "order"), maxOrder)
	if err != nil {
		return 1
	}
	var o order
	if err := json.Unmarshal(raw, &o); err != nil {
		return say("order", "", err)
	}
	l := o.Limits
	limits := map[int]uint64{unix.RLIMIT_CORE: 0}
	if l.Memory > 0 {
		limits[unix.RLIMIT_DATA] = uint64(l.Memory)
	}
	if l.CPU > 0 && o.CPU {
		limits[unix.RLIMIT_CPU] = uint64((l.CPU + time.Second - 1) / time.Second)
	}
	if l.FileSize > 0 {
		limits[unix.RLIMIT_FSIZE] = uint64(l.FileSize)
	}
	if l.OpenFiles > 0 {
		limits[unix.RLIMIT_NOFILE] = uint64(l.OpenFiles)
	}
	if err := os.Chdir(o.Dir); err != nil {
		return say("folder", o.Dir, err)
	}
	for what, most := range limits {
		if err := syscall.Setrlimit(what, &syscall.Rlimit{Cur: most, Max: most}); err != nil {
			return say("limits", "", fmt.Errorf("limit %d: %w", what, err))
		}
	}
	return say("exec", o.Path, syscall.Exec(o.Path, o.Args, o.Env))
}

// group is a tree held only by its process group.
type group struct {
	cmd  *exec.Cmd
	mu   sync.Mutex
	gone bool
}

func plant(o order, streams [3]*os.File) (tree, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	theirOrders, orders, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	says, theirSays, err := os.Pipe()
	if err != nil {
		closeAll([]*os.File{theirOrders, orders})
		return nil, err
	}
	defer closeAll([]*os.File{orders, says})
	cmd := &exec.Cmd{
		Path: self, Args: []string{os.Args[0], markArg}, Dir: "/",
		Env:   []string{markEnv, "GOMAXPROCS=1", "GOGC=off"},
		Stdin: streams[0], Stdout: streams[1], Stderr: streams[2],
		ExtraFiles:  []*os.File{theirOrders, theirSays},
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	err = cmd.Start()
	closeAll([]*os.File{theirOrders, theirSays})
	if err != nil {
		return nil, err
	}
	g := &group{cmd: cmd}
	b, err := json.Marshal(o)
	if err == nil {
		err = WriteFrame(orders, b)
	}
	if err == nil {
		b, err = ReadFrame(says, maxOrder)
	}
	if errors.Is(err, io.EOF) { // closed by exec: it runs
		return g, nil
	}
	g.kill()
	g.wait()
	if err != nil {
		return nil, err
	}
	var r report
	if err := json.Unmarshal(b, &r); err != nil || r.Refused == nil {
		return nil, errors.New("the supervisor said nothing")
	}
	return nil, r.Refused
}

func (g *group) signal(s syscall.Signal) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.gone {
		syscall.Kill(-g.cmd.Process.Pid, s)
	}
}

func (g *group) terminate() { g.signal(syscall.SIGTERM) }
func (g *group) kill()      { g.signal(syscall.SIGKILL) }

func (g *group) wait() ending {
	g.cmd.Wait()
	// The group's number stays taken while a member lives, so this meets only
	// what the program left behind.
	syscall.Kill(-g.cmd.Process.Pid, syscall.SIGKILL)
	g.mu.Lock()
	g.gone = true
	g.mu.Unlock()
	st := g.cmd.ProcessState
	end := ending{code: st.ExitCode(), cpu: st.UserTime() + st.SystemTime()}
	if ws, ok := st.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		end.signal = ws.Signal()
	}
	if ru, ok := st.SysUsage().(*syscall.Rusage); ok {
		end.maxRSS = ru.Maxrss // bytes on this system
	}
	return end
}

func (g *group) cpu() time.Duration { return 0 }

func (g *group) measure() (Usage, bool) { return Usage{}, false }
