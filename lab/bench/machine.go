package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Machine says what numbers were measured on.
type Machine struct {
	System     string `json:"system"`
	CPU        string `json:"cpu"`
	Processors int    `json:"processors"`
	MaxProcs   int    `json:"gomaxprocs"`
	Go         string `json:"go"`
	LoadBefore string `json:"load_average_before"`
	LoadAfter  string `json:"load_average_after,omitempty"`
}

// ReadMachine describes this machine as it is now.
func ReadMachine() Machine {
	return Machine{
		System: runtime.GOOS + "/" + runtime.GOARCH, CPU: cpuModel(), Processors: runtime.NumCPU(),
		MaxProcs: runtime.GOMAXPROCS(0), Go: runtime.Version(), LoadBefore: loadAverage(),
	}
}

func (m Machine) String() string {
	load := m.LoadBefore
	if m.LoadAfter != "" {
		load += " before, " + m.LoadAfter + " after"
	}
	return fmt.Sprintf("%s, %s, %d processors, GOMAXPROCS %d, %s; load average %s", m.System, m.CPU, m.Processors, m.MaxProcs, m.Go, load)
}

func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown CPU"
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown CPU"
}

func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 3 {
		return "unknown"
	}
	return strings.Join(fields[:3], " ")
}

// Disk is what a data directory stands on, and what making 4 KiB safe costs there.
type Disk struct {
	System string        `json:"file_system"`
	P50    time.Duration `json:"sync_p50_ns"`
	P99    time.Duration `json:"sync_p99_ns"`
	Syncs  int           `json:"syncs"`
}

func (d Disk) String() string {
	return fmt.Sprintf("File system %s; %d syncs of 4 KiB (%s): p50 %s ms, p99 %s ms.", d.System, d.Syncs, syncCall, ms(d.P50), ms(d.P99))
}

// ReadDisk measures the file system under dir.
func ReadDisk(dir string) (Disk, error) {
	d := Disk{System: fileSystem(dir), Syncs: 200}
	f, err := os.CreateTemp(dir, "sync-")
	if err != nil {
		return d, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	block := make([]byte, 4096)
	var h histogram
	for i := range d.Syncs {
		block[0] = byte(i)
		began := time.Now()
		if _, err := f.Write(block); err != nil {
			return d, err
		}
		if err := syncData(f); err != nil {
			return d, err
		}
		h.add(time.Since(began))
	}
	d.P50, d.P99 = h.quantile(0.5), h.quantile(0.99)
	return d, nil
}

// fileSystem names the type of the file system of dir: that of the longest mount
// point it lies under.
func fileSystem(dir string) string {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "unknown"
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "unknown"
	}
	best, kind := "", "unknown"
	for line := range strings.Lines(string(mounts)) { // proc_pid_mountinfo(5)
		left, right, ok := strings.Cut(line, " - ")
		fields, after := strings.Fields(left), strings.Fields(right)
		if !ok || len(fields) < 5 || len(after) < 1 {
			continue
		}
		at := fields[4]
		if (dir == at || strings.HasPrefix(dir, strings.TrimSuffix(at, "/")+"/")) && len(at) >= len(best) {
			best, kind = at, after[0]
		}
	}
	return kind
}
