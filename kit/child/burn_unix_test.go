//go:build unix

package child_test

import (
	"syscall"
	"time"
)

// burn uses a processor for d: its time, not the clock's, of which a busy machine
// gives less.
func burn(d time.Duration) {
	used := func() time.Duration {
		var u syscall.Rusage
		if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
			return d
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	for end := used() + d; used() < end; {
	}
}
