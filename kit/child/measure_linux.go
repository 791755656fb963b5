package child

import (
	"bytes"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// mostWalked bounds one look at a tree; a larger one is over any sane limit.
const mostWalked = 4096

// walk calls visit for every process below root, root left out, parents first.
// It sees what is there as it passes; a tree that changes meanwhile may be seen
// in part.
func walk(root int, visit func(pid int)) {
	queue := []int{root}
	for i := 0; i < len(queue) && i < mostWalked; i++ {
		if i > 0 {
			visit(queue[i])
		}
		queue = appendChildren(queue, queue[i])
	}
}

// appendChildren adds the children of a process, which the kernel lists by the
// thread that has them (proc_pid_children(5)).
func appendChildren(to []int, pid int) []int {
	dir := "/proc/" + strconv.Itoa(pid) + "/task/"
	var list, one [4096]byte
	fd, err := syscall.Open(dir, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return to
	}
	defer syscall.Close(fd)
	for {
		n, err := syscall.ReadDirent(fd, list[:])
		if err != nil || n <= 0 {
			return to
		}
		_, _, threads := syscall.ParseDirent(list[:n], -1, nil)
		for _, t := range threads {
			for f := range bytes.FieldsSeq(slurp(dir+t+"/children", one[:])) {
				if n, err := strconv.Atoi(string(f)); err == nil {
					to = append(to, n)
				}
			}
		}
	}
}

// slurp reads a file of /proc into buf, more if it is longer; nothing where it
// cannot be read. It goes past package os, whose files cost three times as much,
// for this is done at every exchange.
func slurp(path string, buf []byte) []byte {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer syscall.Close(fd)
	out := buf[:0]
	for {
		if len(out) == cap(out) {
			out = append(out, 0)[:len(out)]
		}
		n, err := syscall.Read(fd, out[len(out):cap(out)])
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return out
		}
		out = out[:len(out)+n]
	}
}

// cpuClock is the processor time of all threads of a process, dead ones
// included, to the nanosecond: the clock clock_getcpuclockid(3) would name.
func cpuClock(pid int) time.Duration {
	const schedClock = 2
	var ts unix.Timespec
	if unix.ClockGettime(int32(^pid<<3|schedClock), &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// cpuOfWaited is the processor time of the children a process has waited for,
// to a hundredth of a second (cutime and cstime of proc_pid_stat(5)).
func cpuOfWaited(pid int) time.Duration {
	var buf [1024]byte
	b := slurp("/proc/"+strconv.Itoa(pid)+"/stat", buf[:])
	i := bytes.LastIndexByte(b, ')') // the name before it may hold anything
	if i < 0 {
		return 0
	}
	f := strings.Fields(string(b[i+1:]))
	if len(f) < 15 {
		return 0
	}
	const tick = time.Second / 100 // USER_HZ, 100 on every architecture Go has
	u, _ := strconv.ParseInt(f[13], 10, 64)
	s, _ := strconv.ParseInt(f[14], 10, 64)
	return time.Duration(u+s) * tick
}

// memory is what the kernel says a process holds, in bytes.
type memory struct {
	peak int64 // the most resident since exec
	now  int64 // resident
	own  int64 // of that, what is nobody else's
}

// memoryOf reads it (proc_pid_status(5)); zero for a process that is gone.
func memoryOf(pid string) (m memory) {
	var buf [4096]byte
	b := slurp("/proc/"+pid+"/status", buf[:])
	for line := range bytes.Lines(b) {
		name, rest, _ := bytes.Cut(line, []byte(":"))
		var to *int64
		switch string(name) {
		case "VmHWM":
			to = &m.peak
		case "VmRSS":
			to = &m.now
		case "RssAnon":
			to = &m.own
		default:
			continue
		}
		n, _ := strconv.ParseInt(string(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte(" kB"))), 10, 64)
		*to = n << 10
	}
	return m
}

// cpuBelow is the processor time of the processes below a supervisor and of
// those they, and it, have waited for.
func cpuBelow(root int) time.Duration {
	sum := cpuOfWaited(root)
	walk(root, func(pid int) { sum += cpuClock(pid) + cpuOfWaited(pid) })
	return sum
}

// measureBelow sums what the processes below a supervisor use; memory that may
// be shared is counted once. The supervisor itself is left out.
func measureBelow(root int) Usage {
	u := Usage{CPU: cpuOfWaited(root)}
	var mostShared int64
	walk(root, func(pid int) {
		m := memoryOf(strconv.Itoa(pid))
		u.Processes++
		u.CPU += cpuClock(pid) + cpuOfWaited(pid)
		u.RSS += m.own
		mostShared = max(mostShared, m.now-m.own)
		u.MaxRSS = max(u.MaxRSS, m.peak)
	})
	u.RSS += mostShared
	u.MaxRSS = max(u.MaxRSS, u.RSS)
	return u
}
