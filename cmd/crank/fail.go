package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/agnivade/levenshtein"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/api/status"
)

// said is an error that was told already, with the exit code it asks for.
type said struct{ code int }

func (s said) Error() string { return fmt.Sprintf("exit code %d", s.code) }

// fail tells an error and returns the exit code.
func (p *program) fail(ctx context.Context, cmd *cobra.Command, err error) int {
	if s, ok := errors.AsType[said](err); ok {
		return s.code
	}
	if ctx.Err() != nil && !errors.Is(err, context.DeadlineExceeded) {
		err = crank.E(crank.CodeCancelled, "interrupted")
	}
	e := p.readable(cmd, err)
	p.tell(e)
	return status.Of(e).Exit
}

// readable makes any error one with a code. What fails before a command began is
// misuse.
func (p *program) readable(cmd *cobra.Command, err error) *crank.Error {
	if e, ok := errors.AsType[*crank.Error](err); ok {
		return e
	}
	if !p.began {
		text := err.Error()
		e := crank.E(crank.CodeUsage, "%s", strings.SplitN(text, "\n", 2)[0])
		if _, near, ok := strings.Cut(text, "Did you mean this?"); ok {
			return e.Mending("Did you mean %s?", strings.Join(strings.Fields(near), ", or "))
		}
		if cmd != nil {
			e = e.Mending("`%s --help` shows its usage.", cmd.CommandPath())
		}
		return e
	}
	return fileError(err)
}

// fileError says what is wrong with a file in the words that errors have here.
func fileError(err error) *crank.Error {
	if e, ok := errors.AsType[*crank.Error](err); ok {
		return e
	}
	broken, ok := errors.AsType[*fs.PathError](err)
	switch {
	case ok && errors.Is(err, fs.ErrNotExist):
		return crank.E(crank.CodeNotFound, "there is no %s", broken.Path).Mending("Check the path.")
	case ok && errors.Is(err, fs.ErrExist):
		return crank.E(crank.CodeExists, "%s is there already", broken.Path)
	case ok:
		e := crank.Wrap(crank.CodeStore, err, "%s: %v", broken.Path, broken.Err)
		return e.Mending("Check the path and its permissions.")
	}
	return crank.Wrap(crank.CodeInternal, err, "%v", err)
}

// tell writes an error on standard error: sentence, faults, mend, code.
func (p *program) tell(e *crank.Error) {
	if p.json {
		text, err := json.Marshal(map[string]any{"error": e})
		if err == nil {
			fmt.Fprintln(p.err, string(text))
			return
		}
	}
	paint := p.paint(p.err)
	fmt.Fprintf(p.err, "%s %s\n", paint(red, "crank:"), e.Message)
	for _, f := range e.Faults {
		fmt.Fprintf(p.err, "  %s: %s\n", f.Path, f.Reason)
	}
	if e.Mend != "" {
		fmt.Fprintf(p.err, "%s %s\n", paint(bold, "mend:"), e.Mend)
	}
	if e.RetryAfter > 0 {
		fmt.Fprintf(p.err, "retry after %s\n", max(e.RetryAfter.Round(time.Second), time.Second))
	}
	fmt.Fprintln(p.err, paint(dim, string(e.Code)))
}

// usage makes an error of misuse.
func usage(format string, args ...any) error { return crank.E(crank.CodeUsage, format, args...) }

// flagError says which flag was meant.
func flagError(cmd *cobra.Command, err error) error {
	e := crank.E(crank.CodeUsage, "%s", err.Error())
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return e.Mending("`%s --help` shows its usage.", cmd.CommandPath())
	}
	best, at := "", 4
	look := func(f *pflag.Flag) {
		if d := levenshtein.ComputeDistance(unknown.GetSpecifiedName(), f.Name); d < at {
			best, at = f.Name, d
		}
	}
	cmd.Flags().VisitAll(look)
	cmd.InheritedFlags().VisitAll(look)
	if best == "" {
		return e.Mending("`%s --help` shows its flags, `crank config explain` those of the configuration.", cmd.CommandPath())
	}
	return e.Mending("Did you mean --%s?", best)
}
