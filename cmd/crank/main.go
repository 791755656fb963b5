// Command crank runs a node and talks to one.
//
// Each command stands in a file of its own. Data goes to standard output, prose
// and progress to standard error; an error's kind decides the exit code (package
// api/status). What needs a node reaches it as node.go says.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/crank-platform/crank/app"
	"github.com/crank-platform/crank/kit/child"
)

func main() { os.Exit(start()) }

// start is the whole program. A process that was started to be a worker's child
// is that and nothing else.
func start() int {
	child.Main()
	if len(os.Args) == 2 && os.Args[1] == "version" {
		return printVersion(os.Stdout)
	}
	if served, err := app.ServeChild(); served {
		if err != nil {
			fmt.Fprintln(os.Stderr, "crank:", err)
			return 1
		}
		return 0
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.Getwd()
	if err != nil {
		dir = ""
	}
	p := &program{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		environ: os.Environ(), dir: dir, given: map[string]string{},
	}
	return p.run(ctx, os.Args[1:])
}
