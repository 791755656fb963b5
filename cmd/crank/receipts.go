package main

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/app"
	client "github.com/crank-platform/crank/sdk/go"
)

func (p *program) receiptsCommand() *cobra.Command {
	return p.parent("receipts", "The records of calls", p.receiptsList(), p.receiptsShow(), p.receiptsProof(), p.receiptsRotate())
}

func (p *program) receiptsRotate() *cobra.Command {
	return &cobra.Command{
		Use: "rotate-keys", Short: "Give the data folder's log new signing keys; no node may use it meanwhile", Args: cobra.NoArgs,
		Long: `Give the log of the data folder new signing keys. The old ones sign the handover and
go on to verify what they signed. Prints the public keys of every generation, for
` + "`crank verify --keys`" + ` elsewhere.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.config()
			if err != nil {
				return err
			}
			keys, err := app.RotateLogKeys(cmd.Context(), c.DataDir)
			if err != nil {
				return err
			}
			return p.print([]byte(keys.String()))
		},
	}
}

func (p *program) receiptsList() *cobra.Command {
	var q client.ReceiptQuery
	var capability, outcome string
	c := &cobra.Command{
		Use: "list", Short: "Receipts, newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q.Capability, q.Outcome = crank.Capability(capability), crank.Outcome(outcome)
			return p.with(cmd.Context(), p.keyOf(q.Tenant), func(ctx context.Context, node *client.Client) error {
				all, next, err := node.Receipts(ctx, q)
				if err != nil {
					return err
				}
				rows := make([][]string, len(all))
				for i, r := range all {
					rows[i] = []string{r.ID, day(micros(r.Closed)), string(r.Capability), string(r.Outcome), r.Price.String()}
				}
				if next != "" && !p.json {
					p.note("more: --cursor %s", next)
				}
				return p.table(map[string]any{"receipts": all, "next": next}, "RECEIPT TIME CAPABILITY OUTCOME PRICE", rows)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&q.Tenant, "tenant", "", "of this tenant, by id; needs the operator's key")
	f.StringVar(&q.Team, "team", "", "of this team, by id")
	f.StringVar(&q.App, "app", "", "of this app, by id")
	f.StringVar(&q.Key, "key", "", "of this key, by id")
	f.StringVar(&capability, "capability", "", "of this capability")
	f.StringVar(&outcome, "outcome", "", "ok, failed, cancelled, timeout or unknown")
	f.StringVar(&q.Tag, "tag", "", "with this `name=value`")
	f.StringVar(&q.Since, "since", "", "from this month, day or instant on, UTC")
	f.StringVar(&q.Until, "until", "", "before this month, day or instant, UTC")
	f.IntVar(&q.Limit, "limit", 20, "at most this many")
	f.StringVar(&q.Cursor, "cursor", "", "where the list before ended")
	return c
}

// keyOf is whose key reads of a tenant: another's needs the operator's.
func (p *program) keyOf(tenant string) string {
	if tenant != "" {
		return asOperator
	}
	return asCaller
}

func (p *program) receiptsShow() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "One receipt, by its id or its call's", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd.Context(), asCaller, func(ctx context.Context, node *client.Client) error {
				r, err := node.Receipt(ctx, args[0])
				if err != nil {
					return err
				}
				return p.value(r)
			})
		},
	}
}

func (p *program) receiptsProof() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "proof ID", Short: "A receipt with all that proves it offline, for `crank verify`", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd.Context(), asCaller, func(ctx context.Context, node *client.Client) error {
				bundle, err := proof(ctx, node, args[0])
				if err != nil {
					return err
				}
				if out == "" {
					return p.print(bundle)
				}
				return save(out, func(w io.Writer) error {
					_, err := w.Write(bundle)
					return err
				})
			})
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "`file` to write to")
	return c
}

// proof waits for the checkpoint that is to hold a receipt of the last moment.
func proof(ctx context.Context, node *client.Client, id string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		bundle, err := node.Proof(ctx, id)
		if err == nil || !crank.IsKind(err, crank.KindUnavailable) {
			return bundle, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(200 * time.Millisecond):
		}
	}
}
