package main

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crank-platform/crank"
	client "github.com/crank-platform/crank/sdk/go"
)

func (p *program) usageCommand() *cobra.Command {
	var q client.UsageQuery
	var csv bool
	c := &cobra.Command{
		Use: "usage", Short: "What was used and what it cost, for chargeback",
		Example: "  crank usage --by team,app --since 2026-01 --csv\n  crank usage --by tag:project",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.with(cmd.Context(), p.keyOf(q.Tenant), func(ctx context.Context, node *client.Client) error {
				if csv {
					text, err := node.UsageCSV(ctx, q)
					if err != nil {
						return err
					}
					return p.print(text)
				}
				rows, err := node.Usage(ctx, q)
				if err != nil {
					return err
				}
				return p.table(rows, head(q.By), lines(q.By, rows))
			})
		},
	}
	f := c.Flags()
	f.StringSliceVar(&q.By, "by", []string{"capability"}, "group by: tenant, team, app, key, capability, day, outcome, tag:NAME")
	f.StringVar(&q.Since, "since", "", "from this month or day on, UTC")
	f.StringVar(&q.Until, "until", "", "before this month or day, UTC")
	f.StringVar(&q.Tenant, "tenant", "", "of this tenant, by id; needs the operator's key")
	f.BoolVar(&csv, "csv", false, "write a chargeback file (RFC 4180)")
	return c
}

func head(by []string) string {
	return strings.ToUpper(strings.Join(append(slices.Clone(by), "calls", "price", "meters"), " "))
}

func lines(by []string, rows []client.UsageRow) [][]string {
	all := make([][]string, len(rows))
	for i, r := range rows {
		for _, b := range by {
			all[i] = append(all[i], r.Group[b])
		}
		var meters []string
		for _, m := range slices.Sorted(maps.Keys(r.Meters)) {
			if m != crank.MeterCalls {
				meters = append(meters, m+"="+strconv.FormatInt(r.Meters[m], 10))
			}
		}
		all[i] = append(all[i], strconv.FormatInt(r.Calls, 10), crank.Money{Micros: r.Price, Asset: r.Asset}.String(), strings.Join(meters, " "))
	}
	return all
}
