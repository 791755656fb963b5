//go:build unix

package child

import (
	"os"

	"golang.org/x/sys/unix"
)

// waiting is how many bytes can be read from a pipe now.
func waiting(f *os.File) int {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0
	}
	n := 0
	raw.Control(func(fd uintptr) {
		n, _ = unix.IoctlGetInt(int(fd), fionread)
	})
	return n
}
