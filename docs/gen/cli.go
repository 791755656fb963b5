package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// commandLine asks the program itself: the help of every command, from the root
// down.
func commandLine(root string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "gen")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "crank")
	build := exec.Command("go", "build", "-o", program, "./cmd/crank")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	var b bytes.Buffer
	b.WriteString("# Command line\n\n" + notice +
		"Data goes to standard output; prose, progress, prices and receipts go to standard error. With `--json` both are JSON. " +
		"Exit codes: 0 ok, 1 failure, 2 usage, 3 not found, 4 unauthenticated, 5 denied, 6 budget or quota, 7 timeout, 8 unavailable, 130 interrupted.\n")
	err = describe(&b, program, nil)
	return b.Bytes(), err
}

var (
	subcommand = regexp.MustCompile(`^  ([a-z][a-z-]*)  +\S`)
	home       = regexp.MustCompile(`\(default "[^"]*/[^"]*"\)`)
)

// describe writes the help of a command and of those below it.
func describe(b *bytes.Buffer, program string, words []string) error {
	cmd := exec.Command(program, append(words, "--help")...)
	cmd.Env = append(os.Environ(), "NO_COLOR=1", "COLUMNS=100", "CRANK_DATA_DIR=")
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("crank %s --help: %w", strings.Join(words, " "), err)
	}
	help := strings.TrimSpace(string(out))
	if len(words) > 0 { // the flags that every command has are told once
		help, _, _ = strings.Cut(help, "\nGlobal Flags:")
	}
	fmt.Fprintf(b, "\n%s `%s`\n\n```text\n%s\n```\n", strings.Repeat("#", 2+min(len(words), 2)), strings.Join(append([]string{"crank"}, words...), " "), strings.TrimSpace(home.ReplaceAllString(help, "")))
	listing := false
	for line := range strings.Lines(help) {
		switch m := subcommand.FindStringSubmatch(line); {
		case strings.HasSuffix(strings.TrimSpace(line), ":"):
			listing = !strings.Contains(line, "Flags") && !strings.Contains(line, "Usage") && !strings.Contains(line, "Examples")
		case listing && m != nil && m[1] != "help":
			if err := describe(b, program, append(words[:len(words):len(words)], m[1])); err != nil {
				return err
			}
		}
	}
	return nil
}
