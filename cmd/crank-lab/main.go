// Command crank-lab measures Crank: how much a governed call costs beside a
// plain proxy, how a journal of many records behaves, how fast a node starts.
// It is never shipped with crank.
//
// It owns flags and output; package bench does the measuring.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/spf13/cobra"

	"github.com/crank-platform/crank/app"
	"github.com/crank-platform/crank/kit/child"
	"github.com/crank-platform/crank/lab/bench"
)

func main() {
	child.Main()
	if served, err := app.ServeChild(); served {
		end(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := root().ExecuteContext(ctx)
	stop()
	end(err)
}

func end(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "crank-lab:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func root() *cobra.Command {
	c := &cobra.Command{
		Use: "crank-lab", Short: "Measure Crank", SilenceUsage: true, SilenceErrors: true,
	}
	c.AddCommand(benchCommand(), journalCommand(), startCommand(), roleCommand())
	return c
}

// roleCommand is how the bench starts itself again, as what it measures.
func roleCommand() *cobra.Command {
	return &cobra.Command{
		Use: "role NAME", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			// The parent ends its roles by closing their input, also at an interrupt.
			return bench.Serve(context.WithoutCancel(c.Context()), args[0], os.Stdin, os.Stdout)
		},
	}
}
