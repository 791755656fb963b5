package bench

import (
	"runtime"
	"time"
)

// Usage is what a process has used of the machine since it began.
type Usage struct {
	CPU     time.Duration // user and system, with its children's
	Mallocs uint64        // objects on the Go heap; 0 where it is no Go program of the bench
	Bytes   uint64        // of those
}

func (u Usage) minus(o Usage) Usage {
	return Usage{u.CPU - o.CPU, u.Mallocs - o.Mallocs, u.Bytes - o.Bytes}
}

// ownUsage reads what this process has used.
func ownUsage() (Usage, error) {
	cpu, err := ownCPU()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Usage{cpu, m.Mallocs, m.TotalAlloc}, err
}
