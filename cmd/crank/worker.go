package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/crank-platform/crank/app"
)

func (p *program) workerCommand() *cobra.Command {
	return p.parent("worker", "Make and check workers", p.workerNew(), p.workerCheck())
}

func (p *program) workerNew() *cobra.Command {
	var lang, dir string
	c := &cobra.Command{
		Use: "new NAME", Short: "Make a folder with a worker that runs", Args: cobra.ExactArgs(1),
		Example: "  crank worker new hello --lang python\n  crank call hello/greet -p name=world --worker hello",
		RunE: func(_ *cobra.Command, args []string) error {
			if dir == "" {
				dir = args[0]
			}
			if err := app.NewWorker(dir, args[0], lang); err != nil {
				return err
			}
			p.note("%s is a worker; %s/README.md says how to go on", args[0], dir)
			if p.json {
				return p.value(map[string]string{"worker": args[0], "dir": dir, "lang": lang})
			}
			return nil
		},
	}
	c.Flags().StringVar(&lang, "lang", "python", strings.Join(app.Languages(), ", "))
	c.Flags().StringVar(&dir, "dir", "", "`folder` to make; without it one of the worker's name")
	return c
}

func (p *program) workerCheck() *cobra.Command {
	return &cobra.Command{
		Use: "check DIR", Short: "Check a worker's manifest and run its examples", Args: cobra.ExactArgs(1),
		Long: `Check a worker's manifest and run its examples on a node of their own, which is thrown
away afterwards. An example is a folder testdata/<family>-<verb>@<major>/<name> with
input.json and want.json, which names what the output must hold, or error.json, which
names the code that it must fail with.`,
		RunE: func(cmd *cobra.Command, args []string) error { return p.check(cmd.Context(), args[0]) },
	}
}
