package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/crank-platform/crank"
	client "github.com/crank-platform/crank/sdk/go"
)

func (p *program) quoteCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "quote CAPABILITY [FILE|-]", Short: "What a call would cost at most, without calling",
		Long: "What a call would cost at most, without calling. The id that it prints goes to\n`crank call --quote`, which then costs no more; it expires.",
		Args: cobra.RangeArgs(1, 2),
	}
	in := p.inputFlags(c)
	p.workerFlag(c)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		return p.with(cmd.Context(), asCaller, func(ctx context.Context, node *client.Client) error {
			r, err := in.ask(ctx, node, args)
			if err != nil {
				return err
			}
			q, err := node.Quote(ctx, r)
			if err != nil {
				return err
			}
			if p.json {
				return p.value(q)
			}
			for _, l := range q.Quote.Lines {
				p.note("  %-20s %12d  %s", l.Meter, l.Quantity, crank.Money{Micros: l.Micros, Asset: q.Quote.Ceiling.Asset})
			}
			p.note("at most, until %s", day(q.Quote.Expires))
			return p.print([]byte(fmt.Sprintf("%s  %s\n", q.Quote.Ceiling, q.Quote.ID)))
		})
	}
	return c
}

// ask makes a request of a command's arguments, its file uploaded.
func (in *inputs) ask(ctx context.Context, node *client.Client, args []string) (client.CallRequest, error) {
	r, err := in.request(args[0])
	if err != nil {
		return r, err
	}
	d, err := node.Capability(ctx, r.Capability)
	if err != nil {
		return r, err
	}
	r.Capability = d.Operation.Capability
	input, err := in.document(d.Operation)
	if err != nil {
		return r, err
	}
	path := ""
	if len(args) > 1 {
		path = args[1]
	}
	err = in.uploaded(ctx, node, &r, d.Operation, input, path)
	return r, err
}
