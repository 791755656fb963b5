package main

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	client "github.com/crank-platform/crank/sdk/go"
)

func (p *program) keysCommand() *cobra.Command {
	return p.parent("keys", "API keys", p.keysCreate(), p.keysList(), p.keysRotate(), p.keysRevoke())
}

// tenantFlag names another tenant than the key's own.
func tenantFlag(c *cobra.Command, tenant *string) {
	c.Flags().StringVar(tenant, "tenant", "", "of this tenant, by id; needs the operator's key")
}

func (p *program) keysCreate() *cobra.Command {
	var s client.KeySpec
	var expires time.Duration
	var out string
	c := &cobra.Command{
		Use: "create NAME", Short: "Make a key; its secret is shown once", Args: cobra.ExactArgs(1),
		Example: "  crank keys create reports --team research --app nightly --role caller --allow 'document/*'",
		RunE: func(cmd *cobra.Command, args []string) error {
			s.Name = args[0]
			if expires > 0 {
				s.Expires = time.Now().Add(expires).UTC()
			}
			return p.with(cmd.Context(), p.keyOf(s.Tenant), func(ctx context.Context, node *client.Client) error {
				k, err := node.CreateKey(ctx, s)
				if err != nil {
					return err
				}
				return p.issued(k, out)
			})
		},
	}
	f := c.Flags()
	f.StringSliceVar(&s.Roles, "role", []string{"caller"}, "operator, admin, auditor or caller")
	f.StringVar(&s.Team, "team", "", "team, by name or id")
	f.StringVar(&s.App, "app", "", "app of the team, by name or id")
	f.StringSliceVar(&s.Allow, "allow", nil, "capabilities it may call, such as 'document/*'; all without it")
	f.StringToStringVar(&s.Labels, "label", nil, "attributes that policy may read, `name=value`")
	f.DurationVar(&expires, "expires", 0, "how long it lives; without it until it is revoked")
	f.StringVarP(&out, "output", "o", "", "write the secret to this `file`, which only its owner may read")
	tenantFlag(c, &s.Tenant)
	return c
}

// issued shows a secret, once: alone on standard output, or in a file.
func (p *program) issued(k client.Key, out string) error {
	if out != "" {
		secret := k.Secret
		k.Secret = ""
		if err := savePrivate(out, func(w io.Writer) error { _, err := io.WriteString(w, secret+"\n"); return err }); err != nil {
			return err
		}
		p.note("key %s (...%s) is in %s", k.ID, k.Tail, out)
		if p.json {
			return p.value(k)
		}
		return nil
	}
	if p.json {
		return p.value(k)
	}
	p.note("key %s; keep the secret, it is not shown again", k.ID)
	return p.print([]byte(k.Secret + "\n"))
}

func (p *program) keysList() *cobra.Command {
	var tenant string
	c := &cobra.Command{
		Use: "list", Short: "Keys, never their secrets", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.with(cmd.Context(), p.keyOf(tenant), func(ctx context.Context, node *client.Client) error {
				all, err := node.Keys(ctx, tenant)
				if err != nil {
					return err
				}
				rows := make([][]string, len(all))
				for i, k := range all {
					rows[i] = []string{k.ID, "..." + k.Tail, k.Name, strings.Join(k.Roles, ","), state(k), day(k.Created), day(k.LastUsed)}
				}
				return p.table(all, "KEY SECRET NAME ROLES STATE CREATED USED", rows)
			})
		},
	}
	tenantFlag(c, &tenant)
	return c
}

func state(k client.Key) string {
	switch {
	case !k.Revoked.IsZero():
		return "revoked"
	case !k.Expires.IsZero() && time.Now().After(k.Expires):
		return "expired"
	case !k.Expires.IsZero():
		return "until " + k.Expires.UTC().Format("2006-01-02")
	}
	return "live"
}

func (p *program) keysRotate() *cobra.Command {
	var tenant, out string
	var overlap time.Duration
	c := &cobra.Command{
		Use: "rotate ID", Short: "Give a key a new secret; its id, budgets and bills stay", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd.Context(), p.keyOf(tenant), func(ctx context.Context, node *client.Client) error {
				k, err := node.RotateKey(ctx, tenant, args[0], overlap)
				if err != nil {
					return err
				}
				return p.issued(k, out)
			})
		},
	}
	c.Flags().DurationVar(&overlap, "overlap", 24*time.Hour, "how long the secret before still serves")
	c.Flags().StringVarP(&out, "output", "o", "", "write the secret to this `file`, which only its owner may read")
	tenantFlag(c, &tenant)
	return c
}

func (p *program) keysRevoke() *cobra.Command {
	var tenant string
	c := &cobra.Command{
		Use: "revoke ID", Short: "End a key at once", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd.Context(), p.keyOf(tenant), func(ctx context.Context, node *client.Client) error {
				k, err := node.RevokeKey(ctx, tenant, args[0])
				if err != nil {
					return err
				}
				p.note("key %s is revoked", k.ID)
				if p.json {
					return p.value(k)
				}
				return nil
			})
		},
	}
	tenantFlag(c, &tenant)
	return c
}
