package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/crank-platform/crank"
	client "github.com/crank-platform/crank/sdk/go"
)

func (p *program) jobsCommand() *cobra.Command {
	return p.parent("jobs", "Calls that run while nobody waits", p.jobsSubmit(), p.jobsList(), p.jobsShow(), p.jobsWatch(), p.jobsCancel())
}

func (p *program) jobsSubmit() *cobra.Command {
	x := &caller{job: true}
	c := &cobra.Command{
		Use: "submit CAPABILITY [FILE|-]", Short: "Hand a call in; prints the job's id", Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd.Context(), asCaller, func(ctx context.Context, node *client.Client) error {
				return x.run(ctx, node, args[0], args[1:])
			})
		},
	}
	x.inputs = p.inputFlags(c)
	x.callFlags(c)
	p.workerFlag(c)
	return c
}

func (p *program) jobsList() *cobra.Command {
	var q client.JobQuery
	var state string
	c := &cobra.Command{
		Use: "list", Short: "Jobs, newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q.State = crank.JobState(state)
			return p.with(cmd.Context(), asCaller, func(ctx context.Context, node *client.Client) error {
				all, next, err := node.Jobs(ctx, q)
				if err != nil {
					return err
				}
				rows := make([][]string, len(all))
				for i, j := range all {
					rows[i] = []string{j.ID, string(j.Capability), string(j.State), day(j.Submitted), day(j.Ended), j.Receipt}
				}
				if next != "" && !p.json {
					p.note("more: --cursor %s", next)
				}
				return p.table(map[string]any{"jobs": all, "next": next}, "JOB CAPABILITY STATE SUBMITTED ENDED RECEIPT", rows)
			})
		},
	}
	c.Flags().StringVar(&state, "state", "", "queued, running, done, failed or cancelled")
	c.Flags().IntVar(&q.Limit, "limit", 20, "at most this many")
	c.Flags().StringVar(&q.Cursor, "cursor", "", "where the list before ended")
	return c
}

// onJob makes a command about one job.
func (p *program) onJob(use, short string, f func(context.Context, *client.Client, string) error) *cobra.Command {
	c := &cobra.Command{
		Use: use + " ID", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd.Context(), asCaller, func(ctx context.Context, node *client.Client) error { return f(ctx, node, args[0]) })
		},
	}
	p.workerFlag(c)
	return c
}

func (p *program) jobsShow() *cobra.Command {
	return p.onJob("show", "A job's state and outcome", func(ctx context.Context, node *client.Client, id string) error {
		job, err := node.Job(ctx, id)
		if err != nil {
			return err
		}
		return p.value(job)
	})
}

func (p *program) jobsWatch() *cobra.Command {
	return p.onJob("watch", "Wait for a job; its output goes to standard output", func(ctx context.Context, node *client.Client, id string) error {
		began := time.Now()
		job, err := node.Watch(ctx, id, func(j crank.Job) error {
			line := fmt.Sprintf("%s  %s", time.Since(began).Round(10*time.Millisecond), j.State)
			if j.Progress > 0 {
				line += fmt.Sprintf(" %d.%d%%", j.Progress/10, j.Progress%10)
			}
			if j.Note != "" {
				line += "  " + clean(j.Note)
			}
			p.note("%s", line)
			return nil
		})
		if err != nil {
			return err
		}
		if p.json {
			if err := p.value(job); err != nil || job.State == crank.JobDone {
				return err
			}
		}
		switch job.State {
		case crank.JobDone:
			return p.watched(ctx, node, job, time.Since(began))
		case crank.JobCancelled:
			return crank.E(crank.CodeCancelled, "the job was cancelled")
		}
		if job.Error != nil {
			return job.Error
		}
		return crank.E(crank.CodeWorkerFailed, "the job ended as %s", job.State)
	})
}

// watched writes a job's outcome as that of a call.
func (p *program) watched(ctx context.Context, node *client.Client, job crank.Job, took time.Duration) error {
	x := &caller{inputs: &inputs{p: p}}
	a := crank.Answer{Output: job.Output}
	d, err := node.Capability(ctx, job.Capability)
	if err != nil {
		d = client.Described{} // its worker is gone, its output is not
	}
	if err := x.deliver(ctx, node, d.Operation, a, "", ""); err != nil {
		return err
	}
	if a.Receipt, err = node.Receipt(ctx, job.Receipt); err != nil {
		return err
	}
	x.price(a, took)
	return nil
}

func (p *program) jobsCancel() *cobra.Command {
	return p.onJob("cancel", "End a job that has not ended yet", func(ctx context.Context, node *client.Client, id string) error {
		job, err := node.CancelJob(ctx, id)
		if err != nil {
			return err
		}
		if p.json {
			return p.value(job)
		}
		p.note("job %s: %s", job.ID, job.State)
		return nil
	})
}
