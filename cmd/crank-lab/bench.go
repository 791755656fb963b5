package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/crank-platform/crank/lab/bench"
)

// shape is how results are written.
type shape struct{ json, markdown bool }

func (s *shape) flags(c *cobra.Command) {
	c.Flags().BoolVar(&s.json, "json", false, "write JSON")
	c.Flags().BoolVar(&s.markdown, "markdown", false, "write Markdown")
	c.MarkFlagsMutuallyExclusive("json", "markdown")
}

// told is a result that can be written in every shape.
type told interface {
	Text(w io.Writer) error
	Markdown(w io.Writer) error
}

func (s *shape) write(w io.Writer, r told) error {
	switch {
	case s.json:
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	case s.markdown:
		return r.Markdown(w)
	}
	return r.Text(w)
}

func benchCommand() *cobra.Command {
	var o bench.Options
	var s shape
	quick := false
	c := &cobra.Command{
		Use: "bench", Short: "A governed call beside Go's reverse proxy, to the same worker on loopback", Args: cobra.NoArgs,
		Long: `Each round visits every way in turn: direct, Go's httputil.ReverseProxy with idle
connections for all, nginx where the PATH has it, and nodes with everything on
(API key, four budgets, schema check, quote, a journal that is synced before the
answer goes). Everything runs in its own process on loopback; CPU is told for each.`,
		RunE: func(c *cobra.Command, _ []string) error {
			o.Out = c.ErrOrStderr()
			if quick && !c.Flags().Changed("time") {
				o.Total = 45 * time.Second
			}
			if o.Binary != "" {
				if err := ensure(c, o.Binary); err != nil {
					return err
				}
			}
			r, err := bench.Run(c.Context(), o)
			if err != nil {
				return err
			}
			return s.write(c.OutOrStdout(), r)
		},
	}
	f := c.Flags()
	f.DurationVar(&o.Total, "time", 4*time.Minute, "about how long all of it takes")
	f.IntVar(&o.Rounds, "rounds", 5, "rounds; medians are over these")
	f.IntSliceVar(&o.Conns, "conns", []int{1, 128}, "connections at once, each measured by itself")
	f.StringSliceVar(&o.Only, "only", nil, fmt.Sprintf("ways to measure, of %s (default all)", strings.Join(bench.AllTargets, ", ")))
	f.StringVar(&o.Dir, "dir", "", "where data directories are made (default: the system's temporary folder)")
	f.StringVar(&o.Binary, "binary", "bin/crank", "the binary whose start is measured at the end; built where it is missing; \"\" leaves that out")
	f.StringVar(&o.Profile, "profile", "", "file for a CPU profile of a node at the most connections")
	f.StringVar(&o.ProfileOf, "profile-of", bench.Inproc, "the way whose node that is")
	f.BoolVar(&quick, "quick", false, "45 seconds, coarser")
	s.flags(c)
	return c
}
