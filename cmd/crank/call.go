package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/crank-platform/crank"
	client "github.com/crank-platform/crank/sdk/go"
)

// caller is one `crank call`.
type caller struct {
	*inputs
	out      string // file or folder; "" means standard output
	stream   bool
	job      bool
	parallel int
}

func (p *program) callCommand() *cobra.Command {
	x := &caller{}
	c := &cobra.Command{
		Use: "call CAPABILITY [FILE|FOLDER|-]...", Short: "Call a capability",
		Long: `Call a capability. The result goes to standard output, or to -o; price and receipt
to standard error. Without a node on the data folder the command runs one for itself.

A FILE is the operation's file or, where it takes none, its input as JSON; - is
standard input. Of several FILEs or a FOLDER each is a call of its own: one that
fails does not stop the others.`,
		Example: `  crank call document/convert -p to=md report.docx
  crank call document/convert -p to=html -o site/ drafts/
  crank call email/parse --json inbox.mbox`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd.Context(), asCaller, func(ctx context.Context, node *client.Client) error {
				return x.run(ctx, node, args[0], args[1:])
			})
		},
	}
	x.inputs = p.inputFlags(c)
	x.callFlags(c)
	p.workerFlag(c)
	c.Flags().StringVarP(&x.out, "output", "o", "", "`file` to write to; of many calls the folder")
	c.Flags().BoolVar(&x.stream, "stream", false, "write the output as it comes")
	c.Flags().BoolVar(&x.job, "job", false, "hand the call in as a job and print its id")
	c.Flags().IntVar(&x.parallel, "parallel", 0, "calls at once, of many; 0: twice the processors")
	c.MarkFlagsMutuallyExclusive("stream", "job")
	return c
}

func (x *caller) run(ctx context.Context, node *client.Client, name string, paths []string) error {
	r, err := x.request(name)
	if err != nil {
		return err
	}
	d, err := node.Capability(ctx, r.Capability)
	if err != nil {
		return err
	}
	r.Capability = d.Operation.Capability
	input, err := x.document(d.Operation)
	if err != nil {
		return err
	}
	files, many, err := expand(paths)
	if err != nil {
		return err
	}
	if many {
		if x.stream || x.job || x.key != "" || x.quote != "" {
			return usage("--stream, --job, --idempotency-key and --quote go with one call, not with many")
		}
		return x.many(ctx, node, r, d.Operation, input, files)
	}
	path := ""
	if len(files) == 1 {
		path = files[0].path
	}
	switch {
	case x.job:
		return x.submit(ctx, node, r, d.Operation, input, path)
	case x.stream:
		return x.streamed(ctx, node, r, d.Operation, input, path)
	}
	return x.single(ctx, node, r, d.Operation, input, path)
}

func (x *caller) single(ctx context.Context, node *client.Client, r client.CallRequest, op crank.Operation, input map[string]any, path string) error {
	done, err := x.with(&r, op, input, path)
	defer done()
	if err != nil {
		return err
	}
	began := time.Now()
	a, err := node.Call(ctx, r)
	took := time.Since(began)
	if err != nil {
		if a.Receipt.ID != "" {
			x.price(a, took)
		}
		return err
	}
	if err := x.deliver(ctx, node, op, a, x.out, path); err != nil {
		return err
	}
	x.price(a, took)
	return nil
}

// price tells what a call cost, on one line.
func (x *caller) price(a crank.Answer, took time.Duration) {
	if x.p.json {
		return // the answer holds it
	}
	line := []string{a.Receipt.Price.String(), a.Receipt.ID, took.Round(10 * time.Millisecond).String()}
	if a.Replayed {
		line = append(line, "replayed")
	}
	if o := a.Receipt.Outcome; o != "" && o != crank.OutcomeOK {
		line = append(line, string(o))
	}
	x.p.note("%s", strings.Join(line, "  "))
}

func (x *caller) streamed(ctx context.Context, node *client.Client, r client.CallRequest, op crank.Operation, input map[string]any, path string) error {
	done, err := x.with(&r, op, input, path)
	defer done()
	if err != nil {
		return err
	}
	began, parts := time.Now(), 0
	a, err := node.Stream(ctx, r, func(c crank.Chunk) error {
		parts++
		if x.p.json {
			return x.p.value(map[string]any{"event": c.Event, "data": string(c.Data)})
		}
		return x.p.print(append(c.Data, '\n'))
	})
	if err != nil {
		return err
	}
	if parts == 0 || x.out != "" || x.p.json {
		err = x.deliver(ctx, node, op, a, x.out, path)
	}
	x.price(a, time.Since(began))
	return err
}

func (x *caller) submit(ctx context.Context, node *client.Client, r client.CallRequest, op crank.Operation, input map[string]any, path string) error {
	if err := x.uploaded(ctx, node, &r, op, input, path); err != nil {
		return err
	}
	job, err := node.Submit(ctx, r, time.Time{})
	if err != nil {
		return err
	}
	if x.p.json {
		return x.p.value(job)
	}
	x.p.note("%s %s; `crank jobs watch %s` waits for it", job.Capability, job.State, job.ID)
	return x.p.print([]byte(job.ID + "\n"))
}
