package bench

import (
	"runtime"
	"syscall"
	"time"
)

// exact makes this goroutine's naps as exact as the system can: the runtime's own
// timers are rounded up to a millisecond where nothing else runs.
func exact() (release func()) {
	runtime.LockOSThread()
	return runtime.UnlockOSThread
}

func nap(d time.Duration) {
	t := syscall.NsecToTimespec(int64(d))
	_ = syscall.Nanosleep(&t, nil) // woken early, the caller looks at the clock again
}
