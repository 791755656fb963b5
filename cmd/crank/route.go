package main

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	client "github.com/crank-platform/crank/sdk/go"
)

func (p *program) routeCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "explain CAPABILITY [FILE|-]", Short: "Every offer for a call, best first, and why the others lost", Args: cobra.RangeArgs(1, 2),
	}
	in := p.inputFlags(c)
	p.workerFlag(c)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		return p.with(cmd.Context(), asCaller, func(ctx context.Context, node *client.Client) error {
			r, err := in.ask(ctx, node, args)
			if err != nil {
				return err
			}
			all, err := node.Explain(ctx, r)
			if err != nil {
				return err
			}
			rows := make([][]string, len(all))
			for i, x := range all {
				price, score := "", ""
				if x.Quote.Ceiling.Asset != "" {
					price, score = x.Quote.Ceiling.String(), strconv.FormatInt(x.Score, 10)
				}
				lost := x.Lost
				if lost == "" {
					lost = "wins"
				}
				rows[i] = []string{x.Offer.Worker, x.Offer.Provider, x.Offer.Zone, price, score, lost}
			}
			return p.table(all, "WORKER PROVIDER ZONE CEILING SCORE OUTCOME", rows)
		})
	}
	return p.parent("route", "How calls find their worker", c)
}
