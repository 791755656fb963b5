package main

import (
	"github.com/spf13/cobra"

	"github.com/crank-platform/crank/lab/bench"
)

func journalCommand() *cobra.Command {
	var o bench.JournalOptions
	var s shape
	c := &cobra.Command{
		Use: "journal", Short: "A journal of many records: start, proofs, queries, disk, retention", Args: cobra.NoArgs,
		Long: `Fills a new data directory through the node's own code (one real call, then
receipts like it from ten tenants), and measures what follows from there being many.
A data directory that --dir names is left there; ten million records take about 15 GB.`,
		RunE: func(c *cobra.Command, _ []string) error {
			o.Out = c.ErrOrStderr()
			r, err := bench.Journal(c.Context(), o)
			if err != nil {
				return err
			}
			return s.write(c.OutOrStdout(), r)
		},
	}
	c.Flags().IntVar(&o.Records, "records", 1_000_000, "receipts to append")
	c.Flags().StringVar(&o.Dir, "dir", "", "the data directory to make (default: a temporary one, removed at the end)")
	s.flags(c)
	return c
}
