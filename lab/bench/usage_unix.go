//go:build unix

package bench

import (
	"os"
	"syscall"
	"time"
)

// ownCPU is this process's CPU with that of children, ended or (where the system
// tells) still running.
func ownCPU() (time.Duration, error) {
	total := time.Duration(0)
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			return 0, err
		}
		total += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	below, err := treeCPU(os.Getpid(), false)
	return total + below, err
}
