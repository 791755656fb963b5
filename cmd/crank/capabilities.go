package main

import (
	"context"
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/crank-platform/crank"
	client "github.com/crank-platform/crank/sdk/go"
)

func (p *program) capabilitiesCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "capabilities [NAME]", Short: "What can be called, or one capability's contract", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd.Context(), asCaller, func(ctx context.Context, node *client.Client) error {
				if len(args) == 1 {
					return p.capability(ctx, node, args[0])
				}
				ops, err := node.Capabilities(ctx)
				if err != nil {
					return err
				}
				rows := make([][]string, len(ops))
				for i, op := range ops {
					rows[i] = []string{string(op.Capability), op.Summary}
				}
				return p.table(ops, "CAPABILITY SUMMARY", rows)
			})
		},
	}
	p.workerFlag(c)
	return c
}

// capability prints a contract: as JSON whole, for people what they need to call.
func (p *program) capability(ctx context.Context, node *client.Client, name string) error {
	c, err := crank.ParseCapability(name)
	if err != nil {
		return err
	}
	d, err := node.Capability(ctx, c)
	if err != nil {
		return err
	}
	if p.json || !terminal(p.out) {
		return p.value(d)
	}
	return p.value(struct {
		Capability  crank.Capability `json:"capability"`
		Summary     string           `json:"summary"`
		Description string           `json:"description,omitempty"`
		Input       json.RawMessage  `json:"input"`
		Output      json.RawMessage  `json:"output"`
		File        crank.FileField  `json:"file,omitzero"`
		Plan        crank.Plan       `json:"plan,omitzero"`
	}{d.Operation.Capability, d.Summary, d.Description, d.Input, d.Output, d.File, d.Plan})
}
