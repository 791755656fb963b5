package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"strconv"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/crank-platform/crank"
	client "github.com/crank-platform/crank/sdk/go"
)

func (p *program) secretsCommand() *cobra.Command {
	return p.parent("secrets", "Secrets that workers need, encrypted at rest", p.secretsSet(), p.secretsList(), p.secretsDelete())
}

// maxSecret bounds a secret, in bytes.
const maxSecret = 64 << 10

// readSecret reads standard input: on a terminal without an echo, one line.
func (p *program) readSecret() ([]byte, error) {
	if f, ok := p.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.note("value, which is not shown:")
		value, err := term.ReadPassword(int(f.Fd()))
		if err != nil {
			return nil, crank.Wrap(crank.CodeSecret, err, "the secret cannot be read")
		}
		return value, nil
	}
	value, err := io.ReadAll(io.LimitReader(p.in, maxSecret+1))
	if err != nil {
		return nil, crank.Wrap(crank.CodeSecret, err, "the secret cannot be read")
	}
	if len(value) > maxSecret {
		return nil, crank.E(crank.CodeSecret, "the secret has more than %d bytes", maxSecret)
	}
	return value, nil
}

func (p *program) secretsSet() *cobra.Command {
	var tenant string
	var whole bool
	c := &cobra.Command{
		Use: "set NAME", Short: "Keep a secret, read from standard input", Args: cobra.ExactArgs(1),
		Example: "  crank secrets set upstream-key < key.txt",
		RunE: func(cmd *cobra.Command, args []string) error {
			value, err := p.readSecret()
			if err != nil {
				return err
			}
			if !whole {
				value = bytes.TrimRight(value, "\r\n")
			}
			if len(value) == 0 {
				return crank.E(crank.CodeSecret, "the secret is empty")
			}
			return p.with(cmd.Context(), p.keyOf(tenant), func(ctx context.Context, node *client.Client) error {
				s, err := node.SetSecret(ctx, tenant, args[0], bytes.NewReader(value))
				if err != nil {
					return err
				}
				p.note("%s is version %d", s.Name, s.Version)
				if p.json {
					return p.value(s)
				}
				return nil
			})
		},
	}
	c.Flags().BoolVar(&whole, "whole", false, "keep line ends at the end as well")
	tenantFlag(c, &tenant)
	return c
}

func (p *program) secretsList() *cobra.Command {
	var tenant string
	c := &cobra.Command{
		Use: "list", Short: "Names of secrets, never a value", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.with(cmd.Context(), p.keyOf(tenant), func(ctx context.Context, node *client.Client) error {
				all, err := node.Secrets(ctx, tenant)
				if err != nil {
					return err
				}
				rows := make([][]string, len(all))
				for i, s := range all {
					rows[i] = []string{s.Name, strconv.Itoa(s.Version), day(s.Updated)}
				}
				return p.table(all, "NAME VERSION UPDATED", rows)
			})
		},
	}
	tenantFlag(c, &tenant)
	return c
}

func (p *program) secretsDelete() *cobra.Command {
	var tenant string
	c := &cobra.Command{
		Use: "delete NAME", Short: "Forget a secret", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd.Context(), p.keyOf(tenant), func(ctx context.Context, node *client.Client) error {
				if err := node.DeleteSecret(ctx, tenant, args[0]); err != nil {
					return err
				}
				p.note("%s is forgotten", args[0])
				return nil
			})
		},
	}
	tenantFlag(c, &tenant)
	return c
}
