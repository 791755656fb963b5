package bench

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

const tick = 10 * time.Millisecond // of the clock in /proc: USER_HZ is 100 on every Linux that Go runs on

// proc is a line of /proc/PID/stat, as far as it is needed.
type proc struct {
	parent int
	cpu    time.Duration // with children that have ended
	pages  int64         // resident
}

// processes reads every process that is to be seen.
func processes() (map[int]proc, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	all := make(map[int]proc, len(paths))
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) || err != nil && errors.Is(err, os.ErrProcessDone) {
			continue // it has ended meanwhile
		}
		if err != nil {
			continue // ESRCH: the same, a moment later
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			return nil, err
		}
		if all[pid], err = parseStat(text); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return all, nil
}

// parseStat reads fields 4, 14-17 and 24 of proc_pid_stat(5).
func parseStat(text []byte) (p proc, err error) {
	end := bytes.LastIndexByte(text, ')') // the name before may hold anything
	fields := bytes.Fields(text[end+1:])
	if end < 0 || len(fields) < 22 {
		return p, errors.New("has too few fields")
	}
	number := func(field int) int64 {
		n, failed := strconv.ParseInt(string(fields[field-3]), 10, 64)
		err = errors.Join(err, failed)
		return n
	}
	p.parent = int(number(4))
	for f := 14; f <= 17; f++ {
		p.cpu += time.Duration(number(f)) * tick
	}
	p.pages = number(24)
	return p, err
}

// below calls f with a process and everything below it.
func below(pid int, f func(pid int, p proc)) error {
	all, err := processes()
	if err != nil {
		return err
	}
	if _, ok := all[pid]; !ok {
		return fmt.Errorf("there is no process %d", pid)
	}
	for at, p := range all {
		for up, deep := at, 0; up > 1 && deep < 64; up, deep = all[up].parent, deep+1 {
			if up == pid {
				f(at, p)
				break
			}
		}
	}
	return nil
}

// treeCPU sums the CPU of a process's descendants, and of itself if asked.
func treeCPU(pid int, self bool) (sum time.Duration, err error) {
	err = below(pid, func(at int, p proc) {
		if self || at != pid {
			sum += p.cpu
		}
	})
	return sum, err
}

// resident sums the resident memory of a process and its descendants, in bytes.
func resident(pid int) (sum int64, err error) {
	err = below(pid, func(_ int, p proc) { sum += p.pages * int64(os.Getpagesize()) })
	return sum, err
}
