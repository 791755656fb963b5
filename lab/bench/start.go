package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/crank-platform/crank/app"
	client "github.com/crank-platform/crank/sdk/go"
)

// StartOptions bound how a binary's start is measured.
type StartOptions struct {
	Binary string // of crank
	Times  int
	Out    io.Writer // progress
}

// StartReport is how fast a binary is there, and how much of it stays.
type StartReport struct {
	Machine  Machine `json:"machine"`
	Size     int64   `json:"binary_bytes"`
	Version  Took    `json:"version"`         // `crank version`, from exec to its end
	First    Took    `json:"ready_first"`     // `crank up` on a new data directory, from exec until it is ready
	Again    Took    `json:"ready_again"`     // on that directory again
	Resident int64   `json:"idle_bytes"`      // resident memory of the idle node and its children, 3 s after
	Children int64   `json:"idle_with_calls"` // after one call of a built-in worker, whose children stay
}

// Start measures the start of a binary.
func Start(ctx context.Context, o StartOptions) (*StartReport, error) {
	r := &StartReport{Machine: ReadMachine()}
	info, err := os.Stat(o.Binary)
	if err != nil {
		return nil, err
	}
	r.Size = info.Size()
	if r.Version, err = often(o.Times, func(int) error { return exec.CommandContext(ctx, o.Binary, "version").Run() }); err != nil {
		return nil, fmt.Errorf("crank version: %w", err)
	}
	fmt.Fprintln(o.Out, "crank version: done")
	dir, err := os.MkdirTemp("", "crank-start-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var first, again histogram
	for i := range o.Times {
		data := filepath.Join(dir, fmt.Sprint(i))
		took, err := o.up(ctx, data, func(int) error { return nil })
		if err != nil {
			return nil, err
		}
		first.add(took)
		last := i == o.Times-1
		took, err = o.up(ctx, data, func(pid int) error {
			if !last {
				return nil
			}
			return r.idle(ctx, data, pid)
		})
		if err != nil {
			return nil, err
		}
		again.add(took)
	}
	r.First = Took{first.quantile(0.5), first.quantile(0.99), o.Times}
	r.Again = Took{again.quantile(0.5), again.quantile(0.99), o.Times}
	r.Machine.LoadAfter = loadAverage()
	return r, nil
}

// up runs a node until it is ready, does what there is to do and stops it.
func (o *StartOptions) up(ctx context.Context, data string, then func(pid int) error) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, o.Binary, "up")
	cmd.Env = append(os.Environ(), "CRANK_DATA_DIR="+data, "CRANK_LISTEN=127.0.0.1:0")
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	door := client.New(client.Config{Socket: app.SocketPath(data)})
	defer door.Close()
	for door.Ready(ctx) != nil {
		select {
		case err := <-ended:
			return 0, fmt.Errorf("crank up ended before it was ready: %w: %s", err, said.String())
		case <-time.After(time.Millisecond):
		}
		if time.Since(began) > time.Minute {
			return 0, errors.Join(errors.New("crank up is not ready in a minute"), cmd.Process.Kill(), <-ended)
		}
	}
	took := time.Since(began)
	err := then(cmd.Process.Pid)
	if err := errors.Join(err, cmd.Process.Signal(os.Interrupt)); err != nil {
		return took, err
	}
	if err := <-ended; err != nil {
		return took, fmt.Errorf("crank up, interrupted: %w: %s", err, said.String())
	}
	fmt.Fprintf(o.Out, "ready after %s\n", took.Round(time.Millisecond))
	return took, nil
}

// idle reads the memory of a node that does nothing, before and after a call.
func (r *StartReport) idle(ctx context.Context, data string, pid int) (err error) {
	time.Sleep(3 * time.Second)
	if r.Resident, err = resident(pid); err != nil {
		return err
	}
	key, err := os.ReadFile(filepath.Join(data, app.CLIKeyFile))
	if err != nil {
		return err
	}
	door := client.New(client.Config{Socket: app.SocketPath(data), Key: string(key)})
	defer door.Close()
	if _, err := door.Call(ctx, client.CallRequest{Capability: "email/thread@1", Input: threadBody()}); err != nil {
		return err
	}
	time.Sleep(3 * time.Second)
	r.Children, err = resident(pid)
	return err
}

// Text writes the report for a terminal.
func (r *StartReport) Text(w io.Writer) error { return r.write(w, plain{}) }

// Markdown writes the report as Markdown.
func (r *StartReport) Markdown(w io.Writer) error { return r.write(w, markdown{}) }

func (r *StartReport) write(w io.Writer, f format) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", r.Machine)
	r.table(&b, f)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *StartReport) table(w io.Writer, f format) {
	row := func(what string, t Took) []string {
		return []string{what, fmt.Sprintf("p50 %s ms, p99 %s ms (%d times)", ms(t.P50), ms(t.P99), t.Times)}
	}
	mb := func(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
	f.table(w, []string{"what", "measured"}, [][]string{
		{"size of the binary", mb(r.Size)},
		row("crank version", r.Version),
		row("crank up on a new data directory, until ready", r.First),
		row("crank up again, until ready", r.Again),
		{"resident memory, idle", mb(r.Resident)},
		{"resident memory after a call, with the worker's children", mb(r.Children)},
	})
}
