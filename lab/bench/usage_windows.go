package bench

import (
	"errors"
	"syscall"
	"time"
)

// ownCPU is this process's CPU. Children are not counted: the system keeps no tree.
func ownCPU() (time.Duration, error) {
	self, err := syscall.GetCurrentProcess()
	if err != nil {
		return 0, err
	}
	var created, exited, kernel, user syscall.Filetime
	if err := syscall.GetProcessTimes(self, &created, &exited, &kernel, &user); err != nil {
		return 0, err
	}
	ticks := func(f syscall.Filetime) time.Duration {
		return time.Duration(int64(f.HighDateTime)<<32|int64(f.LowDateTime)) * 100
	}
	return ticks(kernel) + ticks(user), nil
}

func treeCPU(int, bool) (time.Duration, error) {
	return 0, errors.New("this system does not tell another process's CPU")
}

func resident(int) (int64, error) {
	return 0, errors.New("this system does not tell another process's memory")
}
