package child

import (
	"os"
	"os/exec"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

const usualPath = `C:\Windows\System32;C:\Windows`

// SystemPaths is empty here: file access is not confined on this system.
func SystemPaths() []string { return nil }

// probe says what a job object gives.
func probe() means {
	return means{Sandbox: Sandbox{Notes: []string{
		"on Windows a job object ends the whole tree and bounds its memory and processes; processor time, file size and descriptors are not bounded",
		"on Windows a program may read and write every file this user may, and use the network",
		"on Windows the tree is not watched; processor time of the first process is known when it has ended, memory is not",
		"on Windows there is no polite request to end: Grace only waits",
	}}}
}

// supervise is not needed here: the job object holds the tree.
func supervise() int { return 1 }

// job is a tree held by a job object.
type job struct {
	cmd    *exec.Cmd
	mu     sync.Mutex
	handle windows.Handle // 0 when it has ended
}

func plant(o order, streams [3]*os.File) (tree, error) {
	h, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return nil, err
	}
	var info windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	info.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	if n := o.Limits.Processes; n > 0 {
		info.BasicLimitInformation.LimitFlags |= windows.JOB_OBJECT_LIMIT_ACTIVE_PROCESS
		info.BasicLimitInformation.ActiveProcessLimit = uint32(n)
	}
	if n := o.Limits.Memory; n > 0 {
		info.BasicLimitInformation.LimitFlags |= windows.JOB_OBJECT_LIMIT_JOB_MEMORY
		info.JobMemoryLimit = uintptr(n)
	}
	if _, err := windows.SetInformationJobObject(h, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info))); err != nil {
		windows.CloseHandle(h)
		return nil, err
	}
	j := &job{handle: h, cmd: &exec.Cmd{
		Path: o.Path, Args: o.Args, Env: o.Env, Dir: o.Dir,
		Stdin: streams[0], Stdout: streams[1], Stderr: streams[2],
	}}
	if err := j.cmd.Start(); err != nil {
		windows.CloseHandle(h)
		return nil, err
	}
	if err := j.enter(); err != nil {
		j.cmd.Process.Kill()
		j.cmd.Wait()
		windows.CloseHandle(h)
		return nil, err
	}
	return j, nil
}

// enter puts the program into the job, with all it will start.
func (j *job) enter() error {
	p, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(j.cmd.Process.Pid))
	if err != nil {
		return err
	}
	defer windows.CloseHandle(p)
	return windows.AssignProcessToJobObject(j.handle, p)
}

func (j *job) terminate() {}

func (j *job) kill() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.handle != 0 {
		windows.TerminateJobObject(j.handle, 1)
	}
}

func (j *job) wait() ending {
	j.cmd.Wait()
	j.mu.Lock()
	windows.CloseHandle(j.handle) // ends what the program left behind
	j.handle = 0
	j.mu.Unlock()
	st := j.cmd.ProcessState
	return ending{code: st.ExitCode(), cpu: st.UserTime() + st.SystemTime()}
}

func (j *job) cpu() time.Duration { return 0 }

func (j *job) measure() (Usage, bool) { return Usage{}, false }
