// Package docs_test runs the documentation: each command block of README.md and
// of the pages here is executed, and each link must lead somewhere.
package docs_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

const root = ".."

// patience is how long a page may take.
const patience = 3 * time.Minute

// address is where the pages say that a node listens. Each page gets one of its
// own instead, so that pages may run at the same time as anything else.
const address = "127.0.0.1:7272"

func TestEveryCommandInTheDocsRuns(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no sh on this machine")
	}
	program := t.TempDir()
	build := exec.Command("go", "build", "-o", program, "./cmd/crank")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, path := range pages(t) {
		steps := read(t, path)
		if len(steps) == 0 {
			continue
		}
		t.Run(strings.TrimPrefix(path, "../"), func(t *testing.T) {
			t.Parallel()
			for _, s := range steps {
				for _, tool := range []string{"curl", "python3"} {
					if s.needs(tool) {
						t.Skipf("there is no %s on this machine, which line %d needs", tool, s.line)
					}
				}
			}
			play(t, sh, program, steps)
		})
	}
}

// A step is one command, or one block of them, and lines that its output must
// have.
type step struct {
	line    int
	command string
	want    []string
}

// needs reports whether the step calls a program that is not to be had.
func (s step) needs(tool string) bool {
	if !regexp.MustCompile(`(?m)(^|[|;&(] *)` + tool + ` `).MatchString(s.command) {
		return false
	}
	_, err := exec.LookPath(tool)
	return err != nil
}

// read takes the steps out of a page. A block marked sh is one step; of a block
// marked console each line that begins with "$ " is one, and the lines below it
// are its output, where "..." stands for anything. Blocks marked otherwise are
// not run. What `make` does is not done again.
func read(t *testing.T, path string) (steps []step) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	kind := ""
	var here *step
	end := func() {
		if here != nil && here.command != "" && !strings.HasPrefix(here.command, "make ") && !strings.HasPrefix(here.command, "git clone") {
			steps = append(steps, *here)
		}
		here = nil
	}
	for i, line := range strings.Split(string(text), "\n") {
		mark, fence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case fence && kind == "":
			if kind = "none"; mark != "" {
				kind = strings.Fields(mark)[0]
			}
			if kind == "sh" {
				here = &step{line: i + 1}
			}
		case fence:
			end()
			kind = ""
		case kind == "sh":
			here.command += line + "\n"
		case kind == "console":
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				end()
				here = &step{line: i + 1, command: command + "\n"}
			} else if here != nil && strings.HasSuffix(here.command, "\\\n") && len(here.want) == 0 {
				here.command += line + "\n"
			} else if here != nil && strings.TrimSpace(line) != "" {
				here.want = append(here.want, line)
			}
		}
	}
	return steps
}

// play runs the steps of a page in one shell, in an empty folder, with a data
// directory of its own.
func play(t *testing.T, sh, program string, steps []step) {
	t.Helper()
	work, err := os.MkdirTemp("", "docs") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(work) })
	here, outs := filepath.Join(work, "here"), filepath.Join(work, "out")
	for _, dir := range []string{here, outs} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, sample := range []string{"report.docx", "sample.mbox"} { // what the pages read
		data, err := os.ReadFile(filepath.Join(root, "examples", "demo", sample))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(here, sample), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	listen := free(t)
	var script strings.Builder
	fmt.Fprintf(&script, "set -e\ntrap 'exit 143' TERM\n"+ // what was left running ends with the page
		"trap 's=$?; jobs -p >%[1]s/jobs; for j in $(cat %[1]s/jobs); do kill $j || :; done; wait; exit $s' EXIT\n", outs)
	for i, s := range steps {
		fmt.Fprintf(&script, "echo %d >'%s/at'\n{\n%s\n} >'%s/%d' 2>&1 </dev/null\n", i, outs, strings.ReplaceAll(s.command, address, listen), outs, i)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, sh, "-c", script.String())
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Dir = here
	cmd.Env = []string{
		"PATH=" + program + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + work, "XDG_CONFIG_HOME=" + work,
		"TMPDIR=" + os.TempDir(), "CRANK_DATA_DIR=" + filepath.Join(work, "data"), "CRANK_LISTEN=" + listen, "NO_COLOR=1", "LANG=C.UTF-8",
	}
	cmd.WaitDelay = 10 * time.Second
	said, err := cmd.CombinedOutput()
	output := func(i int) string {
		text, err := os.ReadFile(filepath.Join(outs, fmt.Sprint(i)))
		if err != nil {
			return err.Error()
		}
		return string(text)
	}
	if err != nil {
		at := 0
		mark, _ := os.ReadFile(filepath.Join(outs, "at"))
		if _, err := fmt.Fscan(bytes.NewReader(mark), &at); err != nil {
			t.Fatalf("the shell failed: %v\n%s", err, said)
		}
		t.Fatalf("line %d: %v\n%s\n%s\n%s", steps[at].line, err, steps[at].command, output(at), said)
	}
	for i, s := range steps {
		got := output(i)
		for _, want := range s.want {
			if !contains(got, want) {
				t.Errorf("line %d: the output has no line %q:\n$ %s%s", s.line, want, s.command, got)
			}
		}
	}
}

// contains reports whether a line of the output is like want: white space counts
// once, "..." stands for anything.
func contains(output, want string) bool {
	parts := strings.Split(strings.Join(strings.Fields(want), " "), "...")
	for i, p := range parts {
		parts[i] = regexp.QuoteMeta(p)
	}
	like := regexp.MustCompile("^" + strings.Join(parts, ".*") + "$")
	for line := range strings.Lines(output) {
		if like.MatchString(strings.Join(strings.Fields(line), " ")) {
			return true
		}
	}
	return false
}

func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

var link = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)

func TestEveryLinkInTheDocsLeadsSomewhere(t *testing.T) {
	for _, path := range pages(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s has a link to %s, which is not there", path, m[1])
			}
		}
	}
}

var named = regexp.MustCompile("`([a-z]+(?:/[a-z_.-]+)+)`")

func TestEveryPathThatArchitectureNamesIsThere(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	all := named.FindAllStringSubmatch(string(text), -1)
	if len(all) < 20 {
		t.Fatalf("found only %d paths", len(all))
	}
	for _, m := range all {
		if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
			t.Errorf("ARCHITECTURE.md names %s, which is not there", m[1])
		}
	}
}

// pages lists README.md and its neighbours, and every page below docs.
func pages(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(root, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".md") {
			all = append(all, path)
		}
		return err
	})
	if err != nil || len(all) < 10 {
		t.Fatalf("found %d pages, %v", len(all), err)
	}
	return all
}
