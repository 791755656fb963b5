package chaos

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/crank-platform/crank/app"
	"github.com/crank-platform/crank/app/config"
	"github.com/crank-platform/crank/kit/child"
)

// Environment of a re-executed test binary that is to be a node.
const (
	nodeDir       = "CHAOS_NODE_DIR"
	nodeAnchors   = "CHAOS_NODE_ANCHORS"
	nodeWorkers   = "CHAOS_NODE_WORKERS"
	nodeIsolation = "CHAOS_NODE_ISOLATION"
)

func TestMain(m *testing.M) {
	child.Main()
	served, err := app.ServeChild()
	if !served && os.Getenv(nodeDir) != "" {
		served, err = true, runNode()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if served {
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// runNode is a node as `crank up` runs it; it tells on stdout where it listens.
func runNode() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c, keys, err := config.Load(config.Source{Flags: map[string]string{
		"data_dir": os.Getenv(nodeDir), "anchor_dir": os.Getenv(nodeAnchors), "workers": os.Getenv(nodeWorkers),
		"isolation": os.Getenv(nodeIsolation), "listen": "127.0.0.1:0",
	}})
	if err != nil {
		return err
	}
	h, err := app.Open(ctx, c, keys, app.Options{Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return err
	}
	defer h.Close()
	return h.Run(ctx, func() { fmt.Printf("up http://%s\n", *h.Address.Load()) }, h.Doors()...)
}

// node is a node in a process of its own.
type node struct {
	url   string
	cmd   *exec.Cmd
	log   string // file
	ended chan error
}

// spawn starts a node and returns at once.
func (r *rig) spawn() (n *node, up <-chan string) {
	r.t.Helper()
	self, err := os.Executable()
	if err != nil {
		r.t.Fatal(err)
	}
	r.starts++
	n = &node{cmd: exec.Command(self), ended: make(chan error, 1), log: filepath.Join(r.logs, fmt.Sprintf("node-%03d.log", r.starts))}
	n.cmd.Env = append(os.Environ(), nodeDir+"="+r.dir, nodeAnchors+"="+r.anchors, nodeWorkers+"="+strings.Join(r.workers, ","),
		nodeIsolation+"="+[]string{"process", "inproc"}[r.starts%2])
	log, err := os.Create(n.log)
	if err != nil {
		r.t.Fatal(err)
	}
	defer log.Close()
	n.cmd.Stderr = log
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	told := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n')
		if url, ok := strings.CutPrefix(strings.TrimSpace(line), "up "); ok {
			told <- url
		}
		_, _ = io.Copy(io.Discard, out)
		n.ended <- n.cmd.Wait()
	}()
	return n, told
}

// start starts a node and waits until it serves.
func (r *rig) start() *node {
	r.t.Helper()
	n, up := r.spawn()
	select {
	case n.url = <-up:
		return n
	case err := <-n.ended:
		r.t.Fatalf("the node ended before it was up: %v\n%s", err, tail(n.log))
	case <-time.After(time.Minute):
		n.kill()
		r.t.Fatalf("the node was not up in a minute\n%s", tail(n.log))
	}
	return nil
}

// kill ends the node as a power cut to its process would (SIGKILL).
func (n *node) kill() {
	_ = n.cmd.Process.Kill()
	<-n.ended
}

// stop ends the node as an operator does.
func (n *node) stop() error {
	if runtime.GOOS == "windows" {
		n.kill()
		return nil
	}
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return <-n.ended
}

// tail is the end of a log.
func tail(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4000):])
}

// leftovers lists, while no node runs, the processes that the dead one has left:
// workers' commands, and children of this very binary.
func (r *rig) leftovers() (all []string) {
	if runtime.GOOS != "linux" {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil
	}
	procs, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range procs {
		line, err := os.ReadFile(filepath.Join(p, "cmdline"))
		if err != nil || len(line) == 0 || p == fmt.Sprintf("/proc/%d", os.Getpid()) {
			continue
		}
		exe, _ := os.Readlink(filepath.Join(p, "exe"))
		if exe == self || strings.Contains(string(line), r.folder) {
			all = append(all, p+" "+strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return all
}

// copyDir copies the data directory of a dead node, so that looking at it
// changes nothing.
func copyDir(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		case !d.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), data, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}
