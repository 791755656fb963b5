//go:build !linux

package bench

import "time"

func exact() (release func()) { return func() {} }

func nap(d time.Duration) { time.Sleep(d) }
