package child_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/crank-platform/crank/kit/child"
)

// needs skips where the machine does not grant what a claim is about.
func needs(t *testing.T, what string, has bool) {
	t.Helper()
	if !has {
		t.Skipf("this machine grants no %s: %v", what, child.Capabilities().Notes)
	}
}

func TestAScriptCannotWriteOutsideItsFolder(t *testing.T) {
	needs(t, "Landlock", child.Capabilities().Landlock > 0)
	outside := t.TempDir()
	victim := filepath.Join(outside, "victim")
	os.WriteFile(victim, []byte("whole"), 0o666)
	os.Chmod(outside, 0o777)
	res, err := child.Run(t.Context(), sh(fmt.Sprintf(
		`echo own > mine && cat mine; echo x > %[1]s; echo x > %[2]s/new; rm %[1]s; ln %[1]s here; mv mine %[2]s/; cat %[1]s; true`, victim, outside)))
	if err != nil {
		t.Fatal(err)
	}
	if string(res.Stdout) != "own\n" {
		t.Errorf("it could write its own file, and read: %q", res.Stdout)
	}
	if b, err := os.ReadFile(victim); err != nil || string(b) != "whole" {
		t.Errorf("the file outside is now %q, %v", b, err)
	}
	if ents, _ := os.ReadDir(outside); len(ents) != 1 {
		t.Errorf("outside there are now %v", ents)
	}
}

func TestPathsGivenAreOpenAsFarAsTheyAreGiven(t *testing.T) {
	needs(t, "Landlock", child.Capabilities().Landlock > 0)
	in, out := t.TempDir(), t.TempDir()
	os.WriteFile(filepath.Join(in, "a"), []byte("input"), 0o644)
	s := sh(fmt.Sprintf(`cat %[1]s/a > %[2]s/b; echo x > %[1]s/c`, in, out))
	s.ReadPaths, s.WritePaths = []string{in, "/no/such/path"}, []string{out}
	if _, err := child.Run(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(filepath.Join(out, "b")); string(b) != "input" {
		t.Errorf("the way from read to write path gave %q", b)
	}
	if _, err := os.Stat(filepath.Join(in, "c")); err == nil {
		t.Error("it wrote to a path it may only read")
	}
}

func TestAScriptReadsNeitherSecretsNorOtherProcesses(t *testing.T) {
	box := child.Capabilities()
	needs(t, "Landlock and pid namespace", box.Landlock > 0 && box.PIDNamespace)
	home, _ := os.UserHomeDir()
	res, err := child.Run(t.Context(), sh(fmt.Sprintf(
		`cat /etc/shadow; ls %s; ls /tmp; cat /proc/%d/environ /proc/%d/cmdline; cat /proc/1/environ; cat /proc/1/fd/3; true`, home, os.Getpid(), os.Getpid())))
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Stdout) != 0 {
		t.Errorf("it could read %q", res.Stdout)
	}
}

func TestAScriptReadsItsOwnProc(t *testing.T) {
	needs(t, "pid namespace", child.Capabilities().PIDNamespace)
	res, err := child.Run(t.Context(), sh(`read pid rest < /proc/self/stat && [ -e /proc/self/maps ] && echo found`))
	if err != nil || string(res.Stdout) != "found\n" {
		t.Errorf("got %q, %q, %v", res.Stdout, res.Stderr, err)
	}
}

func TestAScriptCannotReachALoopbackListener(t *testing.T) {
	needs(t, "denied network", child.Capabilities().NetworkDenied)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	s := python(t, fmt.Sprintf("import socket\nsocket.create_connection(('127.0.0.1', %d), 5)\nprint('reached')", l.Addr().(*net.TCPAddr).Port))
	res, err := child.Run(t.Context(), s)
	if err != nil || strings.Contains(string(res.Stdout), "reached") || res.ExitCode == 0 {
		t.Errorf("with the network denied: %q, status %d, %v", res.Stdout, res.ExitCode, err)
	}
	s.Network = true
	res, err = child.Run(t.Context(), s)
	if err != nil || string(res.Stdout) != "reached\n" {
		t.Errorf("with the network open: %q, %q, %v", res.Stdout, res.Stderr, err)
	}
}

func TestAScriptCannotReachAUnixSocketByItsPath(t *testing.T) {
	needs(t, "denied network", child.Capabilities().NetworkDenied)
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := python(t, fmt.Sprintf("import socket\na, b = socket.socketpair()\nprint('pair')\nsocket.socket(socket.AF_UNIX).connect(%q)\nprint('reached')", path))
	s.WritePaths = []string{dir}
	res, err := child.Run(t.Context(), s)
	if err != nil || string(res.Stdout) != "pair\n" {
		t.Errorf("got %q, %q, %v", res.Stdout, res.Stderr, err)
	}
}

// alive is how many processes hold a word in their arguments.
func alive(word string) int {
	dirs, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	n := 0
	for _, d := range dirs {
		if b, err := os.ReadFile(d); err == nil && strings.Contains(string(b), word) {
			n++
		}
	}
	return n
}

func TestNothingAScriptStartsOutlivesTheCall(t *testing.T) {
	for name, how := range map[string]string{
		"a background job":            `sleep %s & true`,
		"a daemon of its own":         `setsid sh -c 'setsid sleep %s > /dev/null 2>&1 < /dev/null &'`,
		"a job deaf to signals":       `(trap "" TERM HUP INT; sleep %s) & true`,
		"a job that holds stdout":     `setsid sleep %s & echo said`,
		"many, while it is cut short": `for i in 1 2 3 4 5 6 7 8; do setsid sleep %s & done; sleep 60`,
	} {
		t.Run(name, func(t *testing.T) {
			mark := fmt.Sprintf("86%d", time.Now().UnixNano()%1e9)
			s := sh(fmt.Sprintf(how, mark))
			s.Timeout = 500 * time.Millisecond
			if _, err := child.Run(t.Context(), s); err != nil && !errors.Is(err, child.ErrTimeout) {
				t.Fatal(err)
			}
			if n := alive(mark); n != 0 {
				t.Errorf("%d processes are still there", n)
			}
		})
	}
}

// The bombs here go out by themselves at some hundred processes: a machine that
// fails the claim must survive it.
func TestAForkBombIsStopped(t *testing.T) {
	for name, s := range map[string]child.Spec{
		"in one group": sh(`b() { [ $1 = 0 ] && exec sleep 20; b $(($1-1)) & b $(($1-1)) & wait; }; b 8`),
		"each in a session of its own": python(t, `
import os, time
for i in range(8):
    os.fork()
    try: os.setsid()
    except OSError: pass
time.sleep(20)`),
	} {
		t.Run(name, func(t *testing.T) {
			s.Limits.Processes = 30
			began := time.Now()
			res, err := child.Run(t.Context(), s)
			if !errors.Is(err, child.ErrProcesses) || res.Killed != child.ByProcesses {
				t.Errorf("got %v, %v", err, res.Killed)
			}
			t.Logf("over after %v", time.Since(began))
		})
	}
}

func TestAProgramThatEatsMemoryIsStopped(t *testing.T) {
	s := python(t, "x = []\nwhile True: x.append(bytearray(b'1') * (1 << 20))")
	s.Limits.Memory = 128 << 20
	res, err := child.Run(t.Context(), s)
	if !errors.Is(err, child.ErrMemory) || res.Killed != child.ByMemory {
		t.Fatalf("got %v, %v, status %d, peak %d", err, res.Killed, res.ExitCode, res.MaxRSS)
	}
	if wall := int64(128<<20 + 32<<20 + 32<<20); res.MaxRSS > wall {
		t.Errorf("it got %d bytes, more than the wall of about %d", res.MaxRSS, wall)
	}
}

func TestMemoryOfManySmallProcessesCountsTogether(t *testing.T) {
	s := python(t, `
import os, time
for i in range(8):
    if os.fork() == 0:
        x = bytearray(b'1') * (40 << 20)
        time.sleep(60)
time.sleep(60)`)
	s.Limits.Memory = 128 << 20
	if _, err := child.Run(t.Context(), s); !errors.Is(err, child.ErrMemory) {
		t.Errorf("got %v", err)
	}
}

func TestAProgramThatSpinsIsStoppedByItsProcessorTime(t *testing.T) {
	s := sh(`(while :; do :; done) & (while :; do :; done) & wait`)
	s.Limits.CPU = 200 * time.Millisecond
	res, err := child.Run(t.Context(), s)
	if !errors.Is(err, child.ErrCPU) || res.Killed != child.ByCPU {
		t.Errorf("got %v, %v", err, res.Killed)
	}
	if res.CPU < 200*time.Millisecond {
		t.Errorf("it was charged only %v", res.CPU)
	}
}

func TestFilesAreBoundedInSizeAndNumber(t *testing.T) {
	s := python(t, `
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    open('big', 'wb').write(b'1' * (2 << 20)); print('written')
except OSError as e: print('size', e.errno)
fs = []
try:
    for i in range(100): fs.append(open('/dev/null'))
    print('opened')
except OSError as e: print('number', e.errno)`)
	s.Limits.FileSize, s.Limits.OpenFiles = 1<<20, 20
	res, err := child.Run(t.Context(), s)
	if err != nil || string(res.Stdout) != "size 27\nnumber 24\n" { // EFBIG, EMFILE
		t.Errorf("got %q, %q, %v", res.Stdout, res.Stderr, err)
	}
}

func TestLimitsCannotBeRaisedAgain(t *testing.T) {
	s := python(t, `
import resource
for what in resource.RLIMIT_NOFILE, resource.RLIMIT_DATA, resource.RLIMIT_FSIZE:
    try: resource.setrlimit(what, (1 << 40, 1 << 40)); print('raised', what)
    except (ValueError, OSError): pass
print(resource.getrlimit(resource.RLIMIT_NOFILE))`)
	s.Limits = child.Limits{OpenFiles: 50, Memory: 256 << 20, FileSize: 1 << 20}
	res, err := child.Run(t.Context(), s)
	if err != nil || string(res.Stdout) != "(50, 50)\n" {
		t.Errorf("got %q, %q, %v", res.Stdout, res.Stderr, err)
	}
}

func TestAChildHasNoRights(t *testing.T) {
	needs(t, "/proc of its own", child.Capabilities().PIDNamespace)
	res, err := child.Run(t.Context(), sh(`while read name value; do case $name in CapEff:|CapPrm:|NoNewPrivs:) echo $value;; esac; done < /proc/self/status`))
	if err != nil || string(res.Stdout) != "0000000000000000\n0000000000000000\n1\n" {
		t.Errorf("got %q, %q, %v", res.Stdout, res.Stderr, err)
	}
}

func TestAScriptCannotEndItsSupervisor(t *testing.T) {
	needs(t, "pid namespace", child.Capabilities().PIDNamespace)
	s := sh(`for n in 9 19 15 2 1 3 6 10 11 12 14; do kill -$n $PPID; done; sleep 0.1; echo here`)
	if res, err := child.Run(t.Context(), s); err != nil || string(res.Stdout) != "here\n" {
		t.Errorf("got %q, %q, %v", res.Stdout, res.Stderr, err)
	}
}

func TestChildrenDieWithAParentThatIsKilled(t *testing.T) {
	mark := fmt.Sprintf("87%d", time.Now().UnixNano()%1e9)
	self, err := child.Self()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(self, mark, t.TempDir())
	parent.Env = append(os.Environ(), "PLAY=parent")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	out.Read(make([]byte, 1))
	if n := alive(mark); n < 3 {
		t.Errorf("only %d processes were started", n)
	}
	parent.Process.Kill()
	parent.Wait()
	for end := time.Now().Add(20 * time.Second); alive(mark) > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d processes outlived their parent", alive(mark))
		}
	}
}

// TestTheRestHoldsWithoutNamespaces runs the claims again where the machine
// grants no namespaces, as many containers do: this very program, below a user
// namespace that allows no further ones.
func TestTheRestHoldsWithoutNamespaces(t *testing.T) {
	if os.Getenv("BARE") != "" {
		t.Skip("this is the run without namespaces")
	}
	self, err := child.Self()
	if err != nil {
		t.Fatal(err)
	}
	const shut = `for n in user pid net mnt ipc; do echo 0 > /proc/sys/user/max_${n}_namespaces || exit 77; done; exec "$0" "$@"`
	cmd := exec.Command("/bin/sh", "-c", shut, self, "-test.run=Script|Bomb|Memory|Limits|Cannot|Killed|Outlives|ProcessorTime|Bounded", "-test.v", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), "BARE=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() == 77) {
		t.Skipf("no way to go without namespaces here: %v", err)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "no pid namespace could be made") {
		t.Errorf("the machine without namespaces did not say so:\n%s", out)
	}
}
