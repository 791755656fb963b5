package main

import (
	"context"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/app/config"
)

// program is one run of the command line.
type program struct {
	in       io.Reader
	out, err io.Writer
	environ  []string
	dir      string            // where the project file is looked for from
	given    map[string]string // configuration keys that flags gave

	json       bool
	file       string // configuration file that was named
	url        string
	keyFile    string
	began      bool // a command began to run: what fails now is no misuse
	configured *config.Config
	keys       []config.Key
}

// run executes a command line and returns its exit code.
func (p *program) run(ctx context.Context, args []string) int {
	root := p.root()
	root.SetArgs(args)
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	return p.fail(ctx, cmd, err)
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "crank",
		Short: "Turn programs into governed services: identified, authorised, paid and proved",
		Long: `Crank runs programs as services. Every call is identified, authorised by policy,
quoted, paid from a budget, metered, and proved by a receipt that verifies offline.

  crank worker new hello --lang python        make a worker of a script
  crank call hello/greet -p name=world --worker hello
  crank call document/convert -p to=md report.docx -o report.md
  crank up                                    run a node that others can call`,
		SilenceErrors: true, SilenceUsage: true, SuggestionsMinimumDistance: 2,
		Version: version(),
		RunE:    p.group,
		PersistentPreRun: func(*cobra.Command, []string) {
			p.began = true
		},
	}
	root.SetVersionTemplate("crank {{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	p.globals(root.PersistentFlags())
	root.AddGroup(
		&cobra.Group{ID: "use", Title: "Use:"}, &cobra.Group{ID: "records", Title: "Records and money:"},
		&cobra.Group{ID: "people", Title: "People and rules:"}, &cobra.Group{ID: "node", Title: "Node:"},
	)
	for group, commands := range map[string][]*cobra.Command{
		"use":     {p.upCommand(), p.callCommand(), p.workerCommand(), p.capabilitiesCommand(), p.quoteCommand(), p.jobsCommand()},
		"records": {p.receiptsCommand(), p.verifyCommand(), p.usageCommand(), p.budgetCommand()},
		"people":  {p.keysCommand(), p.tenantsCommand(), p.policyCommand(), p.secretsCommand()},
		"node":    {p.routeCommand(), p.backupCommand(), p.restoreCommand(), p.doctorCommand(), p.configCommand(), p.versionCommand()},
	} {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	root.SetHelpCommandGroupID("node")
	root.SetCompletionCommandGroupID("node")
	return root
}

// globals are the flags that every command takes: where the node is, and each
// configuration key. The latter are shown by `crank config explain`, not by
// every --help.
func (p *program) globals(flags *pflag.FlagSet) {
	flags.BoolVar(&p.json, "json", false, "write JSON, errors too")
	flags.StringVar(&p.file, "config", "", "configuration `file`; without it crank.yaml of the project and of the user")
	flags.StringVar(&p.url, "url", "", "node to talk to, such as http://127.0.0.1:7272 (CRANK_URL)")
	flags.StringVar(&p.keyFile, "key-file", "", "`file` with the key to use; without it CRANK_KEY or the data folder's own")
	for _, k := range config.Keys() {
		if k.Name == "version" { // --version is the program's
			continue
		}
		flags.Var(&configFlag{p, k}, strings.TrimPrefix(k.Flag, "--"), k.Doc)
		f := flags.Lookup(strings.TrimPrefix(k.Flag, "--"))
		if k.Type == "bool" {
			f.NoOptDefVal = "true"
		}
		f.Hidden = k.Name != "data_dir"
	}
}

// configFlag is a configuration key as a flag; package config reads its value.
type configFlag struct {
	p   *program
	key config.Key
}

func (f *configFlag) String() string { return "" }
func (f *configFlag) Type() string   { return f.key.Type }
func (f *configFlag) Set(s string) error {
	if before, ok := f.p.given[f.key.Name]; ok && f.key.Type == "list" {
		s = before + "," + s
	}
	f.p.given[f.key.Name] = s
	return nil
}

// config reads the configuration, once.
func (p *program) config() (config.Config, error) {
	if p.configured != nil {
		return *p.configured, nil
	}
	user, err := os.UserConfigDir()
	if err != nil {
		user = "" // a machine without a home has no user's file
	}
	named := p.file
	if named == "" {
		named = p.getenv("CRANK_CONFIG")
	}
	c, keys, err := config.Load(config.Source{Flags: p.given, Environ: p.environ, Named: named, Dir: p.dir, UserDir: user})
	p.keys = keys
	if err != nil {
		return c, err
	}
	p.configured = &c
	return c, nil
}

func (p *program) getenv(name string) string {
	for _, e := range p.environ {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v
		}
	}
	return ""
}

// group is what a command does that only holds others.
func (p *program) group(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	e := crank.E(crank.CodeUsage, "there is no command %q", cmd.CommandPath()+" "+args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return e.Mending("Did you mean %s?", cmd.CommandPath()+" "+strings.Join(near, ", or "+cmd.CommandPath()+" "))
	}
	return e.Mending("`%s --help` lists them.", cmd.CommandPath())
}

// parent makes a command that only holds others.
func (p *program) parent(use, short string, children ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: cobra.ArbitraryArgs, RunE: p.group, SuggestionsMinimumDistance: 2}
	c.AddCommand(children...)
	return c
}
