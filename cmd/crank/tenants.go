package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/crank-platform/crank"
	client "github.com/crank-platform/crank/sdk/go"
)

func (p *program) tenantsCommand() *cobra.Command {
	return p.parent("tenants", "Tenants, their teams and apps", p.tenantsList(), p.tenantsCreate(), p.tenantsUnits(), p.tenantsAdd(), p.tenantsArchive(), p.tenantsObserve())
}

func (p *program) tenantsList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "All tenants; needs the operator's key", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.with(cmd.Context(), asOperator, func(ctx context.Context, node *client.Client) error {
				all, err := node.Tenants(ctx)
				if err != nil {
					return err
				}
				return p.units(all)
			})
		},
	}
}

func (p *program) units(all []client.Unit) error {
	rows := make([][]string, len(all))
	for i, u := range all {
		mode := ""
		if u.Settings.Observe {
			mode = "observe"
		}
		if !u.Archived.IsZero() {
			mode = "archived"
		}
		rows[i] = []string{u.ID, string(u.Level), u.Name, u.Team, mode, day(u.Created)}
	}
	return p.table(all, "ID LEVEL NAME TEAM MODE CREATED", rows)
}

func (p *program) tenantsCreate() *cobra.Command {
	var s client.Settings
	c := &cobra.Command{
		Use: "create NAME", Short: "Add a tenant; needs the operator's key", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd.Context(), asOperator, func(ctx context.Context, node *client.Client) error {
				u, err := node.CreateTenant(ctx, args[0], s)
				if err != nil {
					return err
				}
				return p.unit(u)
			})
		},
	}
	c.Flags().BoolVar(&s.Observe, "observe", false, "log what policy would deny instead of denying it")
	c.Flags().StringVar(&s.Region, "region", "", "zone prefix that its calls stay in")
	return c
}

// unit prints an id, for a script to use, or with --json the whole.
func (p *program) unit(u client.Unit) error {
	if p.json {
		return p.value(u)
	}
	return p.print([]byte(u.ID + "\n"))
}

// find returns the tenant that a name or id means; "" is the key's own.
func find(ctx context.Context, node *client.Client, name string) (client.Unit, error) {
	all, err := node.Tenants(ctx)
	if err != nil {
		return client.Unit{}, err
	}
	for _, u := range all {
		if u.ID == name || u.Name == name && u.Archived.IsZero() || name == "" && len(all) == 1 {
			return u, nil
		}
	}
	return client.Unit{}, crank.E(crank.CodeNotFound, "there is no tenant %.80q", name).Mending("`crank tenants list` lists them.")
}

func (p *program) tenantsUnits() *cobra.Command {
	return &cobra.Command{
		Use: "units [TENANT]", Short: "A tenant with its teams and apps; another's needs the operator's key", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := append(args, "")[0]
			return p.with(cmd.Context(), p.keyOf(name), func(ctx context.Context, node *client.Client) error {
				u, err := find(ctx, node, name)
				if err != nil {
					return err
				}
				all, err := node.Units(ctx, u.ID)
				if err != nil {
					return err
				}
				return p.units(all)
			})
		},
	}
}

func (p *program) tenantsAdd() *cobra.Command {
	var tenant, team string
	c := &cobra.Command{
		Use: "add NAME", Short: "Add a team or, with --team, an app to that team", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd.Context(), p.keyOf(tenant), func(ctx context.Context, node *client.Client) error {
				t, err := find(ctx, node, tenant)
				if err != nil {
					return err
				}
				u, err := node.CreateUnit(ctx, t.ID, team, args[0])
				if err != nil {
					return err
				}
				return p.unit(u)
			})
		},
	}
	c.Flags().StringVar(&tenant, "tenant", "", "to this tenant, by name or id; needs the operator's key")
	c.Flags().StringVar(&team, "team", "", "team, by name or id")
	return c
}

func (p *program) tenantsArchive() *cobra.Command {
	var tenant string
	c := &cobra.Command{
		Use: "archive ID", Short: "Stop a tenant, team or app from being used", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd.Context(), p.keyOf(tenant), func(ctx context.Context, node *client.Client) error {
				t, err := find(ctx, node, tenant)
				if err != nil {
					return err
				}
				u, err := node.Archive(ctx, t.ID, args[0])
				if err != nil {
					return err
				}
				p.note("%s %s is archived", u.Level, u.Name)
				if p.json {
					return p.value(u)
				}
				return nil
			})
		},
	}
	c.Flags().StringVar(&tenant, "tenant", "", "of this tenant, by name or id; needs the operator's key")
	return c
}

func (p *program) tenantsObserve() *cobra.Command {
	return &cobra.Command{
		Use: "observe TENANT on|off", Short: "Log what policy would deny a tenant instead of denying it; needs the operator's key",
		Args: cobra.ExactArgs(2), ValidArgs: []string{"on", "off"},
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[1] != "on" && args[1] != "off" {
				return usage("%q is neither on nor off", args[1])
			}
			return p.with(cmd.Context(), asOperator, func(ctx context.Context, node *client.Client) error {
				t, err := find(ctx, node, args[0])
				if err != nil {
					return err
				}
				t.Settings.Observe = args[1] == "on"
				u, err := node.Configure(ctx, t.ID, t.Settings)
				if err != nil {
					return err
				}
				p.note("policy is %s for %s", map[bool]string{true: "observed", false: "enforced"}[u.Settings.Observe], u.Name)
				return nil
			})
		},
	}
}
