package main

import (
	"github.com/spf13/cobra"
)

func (p *program) configCommand() *cobra.Command {
	return p.parent("config", "The configuration", &cobra.Command{
		Use: "explain [KEY]", Short: "Every key, its value, where that came from, and what it means",
		Long: `Every key of the configuration, its value, where that came from, and what it means.
A flag wins over the environment, that over the project's crank.yaml (here or in a
folder above), that over the user's, that over the default. No key holds a secret.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if _, err := p.config(); err != nil {
				return err
			}
			keys := p.keys
			if len(args) == 1 {
				keys = nil
				for _, k := range p.keys {
					if k.Name == args[0] || k.Flag == args[0] || k.Env == args[0] {
						keys = append(keys, k)
					}
				}
				if keys == nil {
					return usage("there is no key %q", args[0])
				}
			}
			if p.json {
				return p.value(keys)
			}
			rows := make([][]string, len(keys))
			for i, k := range keys {
				flag := k.Flag
				if k.Name == "version" { // --version is the program's own
					flag = ""
				}
				rows[i] = []string{k.Name, k.Value, k.From, flag, k.Env, k.Doc}
			}
			return p.table(keys, "KEY VALUE FROM FLAG ENVIRONMENT MEANING", rows)
		},
	})
}
