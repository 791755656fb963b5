package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/crank-platform/crank"
	client "github.com/crank-platform/crank/sdk/go"
)

func (p *program) budgetCommand() *cobra.Command {
	return p.parent("budget", "Budgets, balances and deposits", p.budgetList(), p.budgetSet(), p.budgetRemove(), p.balances(), p.deposit())
}

func (p *program) budgetList() *cobra.Command {
	var tenant string
	c := &cobra.Command{
		Use: "list", Short: "Budgets and where they stand", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.with(cmd.Context(), p.keyOf(tenant), func(ctx context.Context, node *client.Client) error {
				all, err := node.Budgets(ctx, tenant)
				if err != nil {
					return err
				}
				rows := make([][]string, len(all))
				for i, b := range all {
					asset := b.Limit.Asset
					rows[i] = []string{
						string(b.Level), b.ID, string(b.Period), b.Limit.String(), crank.Money{Micros: b.Spent, Asset: asset}.String(),
						crank.Money{Micros: b.Held, Asset: asset}.String(), crank.Money{Micros: b.Left, Asset: asset}.String(), day(b.PeriodEnd),
					}
				}
				return p.table(all, "LEVEL ID PERIOD LIMIT SPENT HELD LEFT ENDS", rows)
			})
		},
	}
	c.Flags().StringVar(&tenant, "tenant", "", "of this tenant, by id; needs the operator's key")
	return c
}

// place says which budget is meant.
type place struct{ level, id, period, tenant string }

func (x *place) flags(c *cobra.Command) {
	c.Flags().StringVar(&x.level, "level", "tenant", "tenant, team, app or key")
	c.Flags().StringVar(&x.id, "id", "", "of the team (name), app (team/app) or key")
	c.Flags().StringVar(&x.period, "period", "month", "day, month or total")
	c.Flags().StringVar(&x.tenant, "tenant", "", "of this tenant, by id; needs the operator's key")
}

func (p *program) setBudget(ctx context.Context, x place, limit crank.Money, removed bool) error {
	return p.with(ctx, p.keyOf(x.tenant), func(ctx context.Context, node *client.Client) error {
		b, err := node.SetBudget(ctx, crank.Budget{
			Level: crank.Level(x.level), ID: x.id, Tenant: x.tenant, Period: crank.Period(x.period), Limit: limit, Removed: removed,
		})
		if err != nil {
			return err
		}
		return p.value(b)
	})
}

func (p *program) budgetSet() *cobra.Command {
	var x place
	c := &cobra.Command{
		Use: "set AMOUNT", Short: "Limit what may be spent at a level in a period", Args: cobra.ExactArgs(1),
		Example: "  crank budget set \"50 USD\"\n  crank budget set \"1.00 USD\" --level team --id research --period day",
		RunE: func(cmd *cobra.Command, args []string) error {
			limit, err := crank.ParseMoney(args[0])
			if err != nil {
				return err
			}
			return p.setBudget(cmd.Context(), x, limit, false)
		},
	}
	x.flags(c)
	return c
}

func (p *program) budgetRemove() *cobra.Command {
	var x place
	var asset string
	c := &cobra.Command{
		Use: "remove", Short: "Take a budget away: the level is then unlimited", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.setBudget(cmd.Context(), x, crank.Money{Asset: crank.Asset(asset)}, true)
		},
	}
	x.flags(c)
	c.Flags().StringVar(&asset, "asset", "USD", "of the budget")
	return c
}

func (p *program) balances() *cobra.Command {
	var tenant string
	var all bool
	c := &cobra.Command{
		Use: "balances", Short: "What accounts hold: the tenant's or, with --all, everybody's", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			who := p.keyOf(tenant)
			if all {
				who = asOperator
			}
			return p.with(cmd.Context(), who, func(ctx context.Context, node *client.Client) error {
				list, err := node.Balances(ctx, tenant)
				if err != nil {
					return err
				}
				rows := make([][]string, len(list))
				for i, b := range list {
					rows[i] = []string{string(b.Account), crank.Money{Micros: b.Micros, Asset: b.Asset}.String()}
				}
				return p.table(list, "ACCOUNT BALANCE", rows)
			})
		},
	}
	c.Flags().StringVar(&tenant, "tenant", "", "of this tenant, by id; needs the operator's key")
	c.Flags().BoolVar(&all, "all", false, "of every account; needs the operator's key")
	return c
}

func (p *program) deposit() *cobra.Command {
	var why string
	c := &cobra.Command{
		Use: "deposit TENANT AMOUNT", Short: "Book money that a tenant has paid in; needs the operator's key", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := crank.ParseMoney(args[1])
			if err != nil {
				return err
			}
			return p.with(cmd.Context(), asOperator, func(ctx context.Context, node *client.Client) error {
				t, err := node.Deposit(ctx, args[0], m, why)
				if err != nil {
					return err
				}
				return p.value(t)
			})
		},
	}
	c.Flags().StringVar(&why, "why", "deposit", "what it was paid for")
	return c
}
