package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"

	"github.com/spf13/cobra"

	"github.com/crank-platform/crank/lab/bench"
)

func startCommand() *cobra.Command {
	var o bench.StartOptions
	var s shape
	c := &cobra.Command{
		Use: "version-ready", Short: "How fast crank is there, and how much memory it keeps", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.Out = c.ErrOrStderr()
			if err := ensure(c, o.Binary); err != nil {
				return err
			}
			r, err := bench.Start(c.Context(), o)
			if err != nil {
				return err
			}
			return s.write(c.OutOrStdout(), r)
		},
	}
	c.Flags().StringVar(&o.Binary, "binary", "bin/crank", "the binary; built from ./cmd/crank where it is missing")
	c.Flags().IntVar(&o.Times, "times", 10, "how often each start is measured")
	s.flags(c)
	return c
}

// ensure builds the binary where it is missing, from the folder of the module.
func ensure(c *cobra.Command, binary string) error {
	if _, err := os.Stat(binary); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	build := exec.CommandContext(c.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "./cmd/crank")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stdout, build.Stderr = c.ErrOrStderr(), c.ErrOrStderr()
	c.PrintErrln("building", binary)
	return build.Run()
}
