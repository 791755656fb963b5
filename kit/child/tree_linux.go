package child

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// slowSupervisor is how long a supervisor may take to start or to end its tree
// before it is itself killed, and with it, in a pid namespace, the tree.
const slowSupervisor = 5 * time.Second

// supervised is a tree under a supervisor process.
type supervised struct {
	cmd    *exec.Cmd
	orders *os.File
	says   *os.File
	base   int64 // the supervisor's own resident bytes
	blind  bool  // the kernel does not list children

	mu     sync.Mutex
	gone   bool // reaped: its pid is no longer ours
	closed bool // told to end all
	late   *time.Timer
}

// plant starts a supervisor with an order and waits until the program runs.
func plant(o order, streams [3]*os.File) (tree, error) {
	m := probed()
	flags := m.namespaces
	if o.Network {
		flags &^= unix.CLONE_NEWNET
	}
	o.Own = m.PIDNamespace
	o.Counted = flags&unix.CLONE_NEWUSER != 0
	o.Proc = m.proc
	o.Landlock = m.Landlock
	o.Seccomp = m.seccomp
	t, first, err := summon(o, flags, streams)
	if err != nil {
		return nil, err
	}
	if first.Started == nil {
		t.kill()
		t.wait()
		if first.Refused != nil {
			return nil, first.Refused
		}
		return nil, errors.New("the supervisor said nothing")
	}
	t.base, t.blind = first.Started.Base, !m.Measured
	return t, nil
}

// summon starts a supervisor and returns its first report.
func summon(o order, flags uintptr, streams [3]*os.File) (*supervised, report, error) {
	var first report
	theirOrders, orders, err := os.Pipe()
	if err != nil {
		return nil, first, err
	}
	says, theirSays, err := os.Pipe()
	if err != nil {
		closeAll([]*os.File{theirOrders, orders})
		return nil, first, err
	}
	cmd := &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{os.Args[0], markArg}, Dir: "/",
		// One thread at work and no collector: it allocates next to nothing.
		Env:        []string{markEnv, "GOMAXPROCS=1", "GOGC=off"},
		ExtraFiles: []*os.File{theirOrders, theirSays},
		SysProcAttr: &syscall.SysProcAttr{
			Setpgid:    true, // a terminal's ^C is for us, not for it
			Cloneflags: flags,
		},
	}
	if streams[0] != nil { // a nil *os.File would not be a nil Reader
		cmd.Stdin, cmd.Stdout, cmd.Stderr = streams[0], streams[1], streams[2]
	}
	if flags&unix.CLONE_NEWUSER != 0 {
		asOneself(cmd.SysProcAttr)
	}
	err = cmd.Start()
	closeAll([]*os.File{theirOrders, theirSays})
	if err != nil {
		closeAll([]*os.File{orders, says})
		return nil, first, err
	}
	t := &supervised{cmd: cmd, orders: orders, says: says}
	says.SetReadDeadline(time.Now().Add(slowSupervisor))
	b, err := json.Marshal(o)
	if err == nil {
		err = WriteFrame(orders, b)
	}
	if err == nil {
		b, err = ReadFrame(says, maxOrder)
	}
	if err == nil {
		err = json.Unmarshal(b, &first)
	}
	if err != nil {
		t.kill()
		cmd.Process.Kill()
		t.wait()
		return nil, first, fmt.Errorf("the supervisor did not start: %w", err)
	}
	says.SetReadDeadline(time.Time{})
	return t, first, nil
}

// asOneself maps only our own user and group into a user namespace; root becomes
// nobody there, so that no program takes itself for the administrator. The one
// right kept until the program starts is the one to mount its /proc.
func asOneself(a *syscall.SysProcAttr) {
	const nobody = 65534
	mask := func(id int) []syscall.SysProcIDMap {
		inside := id
		if id == 0 {
			inside = nobody
		}
		return []syscall.SysProcIDMap{{ContainerID: inside, HostID: id, Size: 1}}
	}
	a.UidMappings, a.GidMappings = mask(os.Geteuid()), mask(os.Getegid())
	if a.Cloneflags&unix.CLONE_NEWNS != 0 {
		a.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN}
	}
}

func (t *supervised) terminate() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.orders.Write([]byte{politely})
	}
}

func (t *supervised) kill() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	t.closed = true
	t.orders.Close()
	t.late = time.AfterFunc(slowSupervisor, func() { t.cmd.Process.Kill() })
}

func (t *supervised) wait() ending {
	end := ending{code: -1}
	in := bufio.NewReader(t.says)
	var last report
	for {
		b, err := ReadFrame(in, maxOrder)
		if err != nil {
			break
		}
		json.Unmarshal(b, &last)
		if last.Ended != nil {
			t.cmd.Process.Kill() // its work is done; do not wait for a runtime to wind down
			break
		}
	}
	t.says.Close()
	err := t.cmd.Wait()
	t.mu.Lock()
	t.gone = true
	if !t.closed {
		t.closed = true
		t.orders.Close()
	}
	if t.late != nil {
		t.late.Stop()
	}
	t.mu.Unlock()
	if last.Ended == nil {
		end.lost = fmt.Errorf("%w: its supervisor was ended (%v)", ErrStart, err)
		return end
	}
	end.code, end.signal = last.Ended.Code, syscall.Signal(last.Ended.Signal)
	end.cpu = time.Duration(last.Ended.CPU)
	if end.maxRSS = last.Ended.MaxRSS; end.maxRSS <= t.base {
		end.maxRSS = 0 // that is the supervisor's, from before exec
	}
	return end
}

func (t *supervised) cpu() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.gone || t.blind {
		return 0
	}
	return cpuBelow(t.cmd.Process.Pid)
}

func (t *supervised) measure() (Usage, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.gone || t.blind {
		return Usage{}, false
	}
	return measureBelow(t.cmd.Process.Pid), true
}
