package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/spf13/cobra"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/app"
	"github.com/crank-platform/crank/app/config"
	"github.com/crank-platform/crank/kit/child"
)

// finding is one thing that the doctor looked at.
type finding struct {
	What string `json:"what"`
	OK   bool   `json:"ok"`
	Says string `json:"says"`
	Mend string `json:"mend,omitempty"`
}

func (p *program) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Look at the data folder and this machine, and say what is wrong; needs no node", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.config()
			if err != nil {
				return err
			}
			all := p.examine(cmd.Context(), c)
			rows, wrong := make([][]string, len(all)), 0
			for i, f := range all {
				mark := "ok"
				if !f.OK {
					mark = "WRONG"
					wrong++
				}
				rows[i] = []string{mark, f.What, strings.TrimSpace(f.Says + "  " + f.Mend)}
			}
			if err := p.table(all, "STATE WHAT FINDING", rows); err != nil {
				return err
			}
			if wrong > 0 {
				return said{1}
			}
			return nil
		},
	}
}

func (p *program) examine(ctx context.Context, c config.Config) []finding {
	all := []finding{{What: "program", OK: true, Says: fmt.Sprintf("%s, %s/%s, %s, %d processors", version(), runtime.GOOS, runtime.GOARCH, runtime.Version(), runtime.GOMAXPROCS(0))}}
	dir := dataDir(c.DataDir)
	all = append(all, dir)
	if dir.OK {
		all = append(all, held(ctx, c.DataDir), space(c.DataDir), pace(c.DataDir))
		all = append(all, logHead(c.DataDir)...)
	}
	all = append(all, p.policyHealth(ctx, c.PolicyDir))
	sandbox := child.Capabilities()
	all = append(all, finding{What: "sandbox", OK: true, Says: sandbox.String()})
	for _, n := range sandbox.Notes {
		all = append(all, finding{What: "sandbox", OK: true, Says: n})
	}
	return append(all, languageEngines())
}

func dataDir(dir string) finding {
	f := finding{What: "data folder", Says: dir}
	info, err := os.Stat(dir)
	switch {
	case os.IsNotExist(err):
		f.Says, f.Mend = dir+" is not there yet", "The first `crank up` or `crank call` makes it."
	case err != nil:
		f.Says = err.Error()
	case !info.IsDir():
		f.Says = dir + " is no folder"
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		f.Says, f.Mend = fmt.Sprintf("%s can be read by others (%s)", dir, info.Mode().Perm()), "Run chmod 700 on it."
	default:
		f.OK = true
	}
	return f
}

// held says who uses the data folder.
func held(ctx context.Context, dir string) finding {
	if x := answering(ctx, app.SocketPath(dir)); x != nil {
		defer x.Close()
		if err := x.Ready(ctx); err != nil {
			return finding{What: "node", Says: "a node answers but is not ready: " + crank.AsError(err).Message}
		}
		return finding{What: "node", OK: true, Says: "a node answers on " + app.SocketPath(dir)}
	}
	lock := flock.New(filepath.Join(dir, "lock"))
	free, err := lock.TryLock()
	if err != nil {
		return finding{What: "node", Says: "the lock cannot be looked at: " + err.Error()}
	}
	if !free {
		return finding{What: "node", Says: "a process holds the data folder but does not answer", Mend: "It is starting or stopping, or hangs."}
	}
	if err := lock.Unlock(); err != nil {
		return finding{What: "node", Says: err.Error()}
	}
	return finding{What: "node", OK: true, Says: "none runs on the data folder"}
}

// least is how much space a journal should have left.
const least = 1 << 30

func space(dir string) finding {
	free, err := freeSpace(dir)
	if err != nil {
		return finding{What: "disk", Says: "its free space cannot be told: " + err.Error()}
	}
	f := finding{What: "disk", OK: free >= least, Says: fmt.Sprintf("%.1f GiB free", float64(free)/(1<<30))}
	if !f.OK {
		f.Mend = "A full disk stops every call: free some space."
	}
	return f
}

// pace measures how long the disk takes to make 4 KiB durable, which every
// governed call waits for at least once.
func pace(dir string) finding {
	f, err := os.CreateTemp(dir, ".doctor-")
	if err != nil {
		return finding{What: "disk", Says: "it cannot be written: " + err.Error()}
	}
	defer os.Remove(f.Name())
	defer f.Close()
	took := make([]time.Duration, 0, 21)
	for range cap(took) {
		began := time.Now()
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return finding{What: "disk", Says: "it cannot be written: " + err.Error()}
		}
		if err := f.Sync(); err != nil {
			return finding{What: "disk", Says: "what is written cannot be made durable: " + err.Error()}
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return finding{What: "disk", OK: true, Says: fmt.Sprintf("fsync of 4 KiB: median %s, worst %s", took[len(took)/2].Round(time.Microsecond), took[len(took)-1].Round(time.Microsecond))}
}

// logHead reads the newest checkpoint of each epoch's log (C2SP tlog-checkpoint):
// origin, size, root.
func logHead(dir string) (all []finding) {
	paths, err := filepath.Glob(filepath.Join(dir, "log", "epoch-*", "checkpoint"))
	if err != nil || len(paths) == 0 {
		return []finding{{What: "log", OK: true, Says: "it has no checkpoint yet"}}
	}
	for _, path := range paths {
		f := finding{What: "log"}
		text, err := os.ReadFile(path)
		lines := strings.Split(string(text), "\n")
		if err != nil || len(lines) < 4 {
			f.Says, f.Mend = path+" cannot be read", "`crank verify --all` says what is wrong."
		} else {
			f.OK, f.Says = true, fmt.Sprintf("%s: %s records under a checkpoint", lines[0], lines[1])
		}
		all = append(all, f)
	}
	return all
}

func (p *program) policyHealth(ctx context.Context, dir string) finding {
	if _, err := os.Stat(dir); err != nil {
		return finding{What: "policy", OK: true, Says: "none yet; the first start writes one to " + dir}
	}
	results, err := app.TestPolicy(ctx, dir)
	if err != nil {
		return finding{What: "policy", Says: p.readable(nil, err).Error(), Mend: "Correct the named line."}
	}
	for _, r := range results {
		if !r.Passed && !r.Skipped {
			return finding{What: "policy", Says: fmt.Sprintf("the test %s fails (%s)", r.Name, r.Where), Mend: "`crank policy test` says why."}
		}
	}
	return finding{What: "policy", OK: true, Says: fmt.Sprintf("%s compiles, %d tests pass", dir, len(results))}
}

// languageEngines says which languages scripts can be written in here.
func languageEngines() finding {
	var have []string
	for _, name := range []string{"python3", "node", "sh", "go"} {
		if _, err := exec.LookPath(name); err == nil {
			have = append(have, name)
		}
	}
	if have == nil {
		have = []string{"none of python3, node, sh, go"}
	}
	return finding{What: "engines", OK: true, Says: "for workers: " + strings.Join(have, ", ")}
}
