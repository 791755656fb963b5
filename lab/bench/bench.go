// Package bench measures a node beside what people use instead of one.
//
// It owns the load, the rounds, the reading of CPU and clocks, and the words in
// which results are told. It judges nothing: goals stand in the documentation.
//
// Everything that is measured runs as a process of its own (see role.go), so that
// the operating system tells whose CPU was used. The load generator speaks
// HTTP/1.1 by hand over kept-alive connections (see wire.go): it is to cost less
// than what it measures, and its own CPU is told beside the rest.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// Options bound a bench.
type Options struct {
	Dir    string        // where data directories are made; "" means the system's temporary folder
	Total  time.Duration // about how long all of it takes
	Rounds int           // at least 1; medians are over these
	Conns  []int         // connections at once, each measured by itself
	Only   []string      // names of targets; none means all
	Out    io.Writer     // progress, for people

	Binary    string // of crank, whose start is measured at the end; "" for none
	Profile   string // file for a CPU profile at the most connections; "" for none
	ProfileOf string // the target whose node that is of
}

// The targets, by name.
const (
	Direct      = "direct"       // the HTTP worker itself
	Proxy       = "reverseproxy" // httputil.ReverseProxy, tuned, to that worker
	Nginx       = "nginx"        // to that worker
	HTTP        = "crank-http"   // a node, to that worker
	Inproc      = "crank-inproc" // a node, to a Go function in it
	MailInproc  = "mail-inproc"  // a node, to its built-in mail worker in the same process
	MailProcess = "mail-process" // the same worker in sandboxed children
)

// AllTargets lists the targets in the order in which each round visits them.
var AllTargets = []string{Direct, Proxy, Nginx, HTTP, Inproc, MailInproc, MailProcess}

// target is one way to have work done.
type target struct {
	name     string
	address  string
	request  []byte
	body     int // bytes of the answer's body that are expected at least
	costs    costly
	upstream bool // the HTTP worker does the work
}

// costly is a process, or a tree of them, whose use of the machine can be read.
type costly interface {
	usage() (Usage, error)
}

// Run measures and returns what it found.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.Total <= 0 || o.Rounds < 1 || len(o.Conns) == 0 {
		return nil, errors.New("a bench needs a time, at least one round and a number of connections")
	}
	dir, err := os.MkdirTemp(o.Dir, "crank-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	began := time.Now()
	r := &Report{Began: began.UTC(), Machine: ReadMachine(), Rounds: o.Rounds}
	fmt.Fprintf(o.Out, "disk: 200 syncs of 4 KiB in %s\n", dir)
	if r.Disk, err = ReadDisk(dir); err != nil {
		return nil, err
	}
	b := &bench{Options: o, dir: dir, report: r}
	defer b.stop()
	if err := b.start(ctx); err != nil {
		return nil, err
	}
	left := o.Total - time.Since(began)
	slot := b.slot(left)
	fmt.Fprintf(o.Out, "%d rounds of %d targets at %v connections, %s each\n", o.Rounds, len(b.targets), o.Conns, slot.Round(10*time.Millisecond))
	if err := b.closedLoop(ctx, slot); err != nil {
		return nil, err
	}
	if err := b.openLoop(ctx, slot); err != nil {
		return nil, err
	}
	if o.Profile != "" {
		if err := b.profile(ctx, o.Profile); err != nil {
			return nil, err
		}
	}
	if o.Binary != "" {
		fmt.Fprintln(o.Out, "the start of", o.Binary)
		if r.Start, err = Start(ctx, StartOptions{Binary: o.Binary, Times: 5, Out: io.Discard}); err != nil {
			return nil, err
		}
	}
	r.Machine.LoadAfter = loadAverage()
	r.Took = time.Since(began).Round(time.Second)
	return r, nil
}

// bench is one run.
type bench struct {
	Options
	dir     string
	report  *Report
	load    *process
	up      *process
	started []interface{ end() error }
	targets []target
}

func (b *bench) stop() {
	for _, p := range slices.Backward(b.started) {
		if err := p.end(); err != nil {
			fmt.Fprintln(b.Out, "ending:", err)
		}
	}
}

func (b *bench) wants(name string) bool { return len(b.Only) == 0 || slices.Contains(b.Only, name) }

// openRounds is how often the open loop visits each target.
func (b *bench) openRounds() int { return min(b.Rounds, 3) }

// slot shares what is left of the time out: a warm-up, the rounds, the open loop
// (each governed target and, at the same rate, the direct way).
func (b *bench) slot(left time.Duration) time.Duration {
	n := len(b.targets)*len(b.Conns)*(b.Rounds+1) + 2*(len(b.targets)-1)*b.openRounds()
	return max(left/time.Duration(n), 100*time.Millisecond)
}
