package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/app"
	"github.com/crank-platform/crank/app/config"
	"github.com/crank-platform/crank/kit/child"
)

func (p *program) upCommand() *cobra.Command {
	var wire bool
	c := &cobra.Command{
		Use: "up", Short: "Run a node until it is stopped",
		Long: `Run a node: it serves calls on the REST door and on the Unix socket of its data
folder until SIGINT or SIGTERM, then lets calls under way end. Every key of the
configuration is a flag as well; ` + "`crank config explain`" + ` lists them.`,
		Example: "  crank up --worker ./hello\n  crank up --listen 127.0.0.1:8080 --data-dir ./data",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.up(cmd.Context(), app.Options{Wire: wire})
		},
	}
	c.Flags().BoolVar(&wire, "wire", false, "put every module that can run elsewhere behind loopback rpc")
	p.workerFlag(c)
	return c
}

// workerFlag lets a command name worker folders one by one.
func (p *program) workerFlag(c *cobra.Command) {
	for _, k := range config.Keys() {
		if k.Name == "workers" {
			c.Flags().Var(&configFlag{p, k}, "worker", "`folder` with a worker.yaml to serve as well; may be repeated")
		}
	}
}

// up runs a node until it is told to stop.
func (p *program) up(ctx context.Context, o app.Options) error {
	c, err := p.config()
	if err != nil {
		return err
	}
	o.Log = newLog(p.err, c, logLevel(c))
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(app.CollectAt)
	}
	h, err := app.Open(ctx, c, p.keys, o)
	if err != nil {
		return err
	}
	err = h.Run(ctx, func() { p.greet(h) }, h.Doors()...)
	if closing := h.Close(); err == nil {
		err = closing
	}
	if err == nil {
		p.event("stopped", nil, "crank: stopped")
	}
	return err
}

// event tells one thing: a line of JSON on standard output with --json, else
// prose.
func (p *program) event(name string, detail map[string]any, format string, args ...any) {
	if !p.json {
		p.note(format, args...)
		return
	}
	all := map[string]any{"event": name}
	for k, v := range detail {
		all[k] = v
	}
	if text, err := json.Marshal(all); err == nil {
		fmt.Fprintln(p.out, string(text))
	}
}

// greet says where everything is, and last that the node is ready.
func (p *program) greet(h *app.House) {
	c := h.Config
	socket := app.SocketPath(c.DataDir)
	workers := map[string][]crank.Capability{}
	var names []string
	for _, op := range h.Discovery.Snapshot().Capabilities() {
		for _, o := range h.Discovery.Snapshot().Offers(op.Capability) {
			if workers[o.Worker] == nil {
				names = append(names, o.Worker)
			}
			workers[o.Worker] = append(workers[o.Worker], op.Capability)
		}
	}
	address := ""
	if a := h.Address.Load(); a != nil {
		address = "http://" + *a
		if c.TLSCert != "" {
			address = "https://" + *a
		}
	}
	sandbox := child.Capabilities()
	if p.json {
		detail := map[string]any{
			"url": address, "socket": socket, "data_dir": c.DataDir, "policy_dir": c.PolicyDir, "workers": workers,
			"operator_key_file": filepath.Join(c.DataDir, app.OperatorKeyFile), "key_file": filepath.Join(c.DataDir, app.CLIKeyFile),
			"sandbox": sandbox.String(), "notes": sandbox.Notes, "pid": os.Getpid(),
		}
		p.event("ready", detail, "")
		return
	}
	paint := p.paint(p.err)
	line := func(name, value string) { p.note("  %-11s %s", name, value) }
	p.note("%s", paint(bold, "crank "+version()))
	line("data", c.DataDir)
	line("socket", socket)
	line("policy", c.PolicyDir)
	line("keys", filepath.Join(c.DataDir, app.CLIKeyFile)+" (calls), "+filepath.Join(c.DataDir, app.OperatorKeyFile)+" (operator)")
	if h.First != nil {
		line("budget", h.First.Budget.String()+" a month for tenant home: `crank budget set` changes it")
	}
	for _, name := range names {
		list := make([]string, len(workers[name]))
		for i, w := range workers[name] {
			list[i] = string(w)
		}
		line("worker", name+": "+strings.Join(list, ", "))
	}
	line("sandbox", sandbox.String())
	for _, n := range sandbox.Notes {
		line("", n)
	}
	where := address
	if where == "" {
		where = socket
	}
	p.note("%s", paint(green, "crank: ready on "+where))
}
