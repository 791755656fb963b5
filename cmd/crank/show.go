package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"github.com/crank-platform/crank"
)

// terminal reports whether w is one.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// The colours that prose has on a terminal (ECMA-48).
const (
	red   = "31"
	green = "32"
	bold  = "1"
	dim   = "2"
)

// paint returns how to colour text for w: not at all where it is no terminal or
// NO_COLOR is set.
func (p *program) paint(w io.Writer) func(colour, text string) string {
	if !terminal(w) || p.getenv("NO_COLOR") != "" || p.getenv("TERM") == "dumb" {
		return func(_, text string) string { return text }
	}
	return func(colour, text string) string { return "\x1b[" + colour + "m" + text + "\x1b[0m" }
}

// note writes a line of prose.
func (p *program) note(format string, args ...any) { fmt.Fprintf(p.err, format+"\n", args...) }

// value writes v as JSON on standard output: on one line, but for people.
func (p *program) value(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return crank.Wrap(crank.CodeInternal, err, "the answer cannot be written")
	}
	return p.raw(text)
}

func (p *program) raw(text []byte) error {
	var b bytes.Buffer
	if terminal(p.out) {
		if json.Indent(&b, text, "", "  ") == nil {
			text = b.Bytes()
		}
	} else if json.Compact(&b, text) == nil {
		text = b.Bytes()
	}
	return p.print(append(bytes.TrimRight(text, "\n"), '\n'))
}

// print writes data; a reader who has left is no failure of ours to explain.
func (p *program) print(text []byte) error {
	if _, err := p.out.Write(text); err != nil {
		return crank.Wrap(crank.CodeStore, err, "standard output cannot be written")
	}
	return nil
}

// table writes rows under a head; with --json, v instead.
func (p *program) table(v any, head string, rows [][]string) error {
	if p.json {
		return p.value(v)
	}
	if len(rows) == 0 {
		p.note("none")
		return nil
	}
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.ReplaceAll(head, " ", "\t"))
	for _, r := range rows {
		for i := range r {
			r[i] = clean(r[i])
		}
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	if err := w.Flush(); err != nil {
		return crank.Wrap(crank.CodeInternal, err, "the table cannot be written")
	}
	lines := strings.SplitAfter(b.String(), "\n")
	for i, l := range lines {
		if l != "" {
			lines[i] = strings.TrimRight(l, " \n") + "\n"
		}
	}
	return p.print([]byte(strings.Join(lines, "")))
}

// clean keeps what others named from steering the terminal.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
	if s == "" {
		return "-"
	}
	return s
}

// day writes a time for people.
func day(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

func micros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us)
}
