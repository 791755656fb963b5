package child_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/crank-platform/crank/kit/child"
)

func TestAProgramsWordsAndStatusComeBack(t *testing.T) {
	s := sh(`cat; echo said >&2; exit 3`)
	s.Stdin = strings.NewReader("asked")
	res, err := child.Run(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if string(res.Stdout) != "asked" || string(res.Stderr) != "said\n" || res.ExitCode != 3 {
		t.Errorf("got %q, %q, status %d", res.Stdout, res.Stderr, res.ExitCode)
	}
	var exit *child.ExitError
	if !errors.As(res.Err(), &exit) || exit.Code != 3 || !strings.Contains(exit.Error(), "said") {
		t.Errorf("Err() = %v", res.Err())
	}
}

func TestASignalsDeathIsTold(t *testing.T) {
	res, err := child.Run(t.Context(), sh(`kill -9 $$`))
	if err != nil {
		t.Fatal(err)
	}
	if res.ExitCode != -1 || res.Signal != 9 {
		t.Errorf("got status %d, signal %v", res.ExitCode, res.Signal)
	}
}

func TestTheEnvironmentIsOnlyWhatIsGiven(t *testing.T) {
	t.Setenv("SECRET_OF_OURS", "x")
	s := sh(`env`)
	s.Dir = t.TempDir()
	s.Env = []string{"GIVEN=1"}
	res, err := child.Run(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(res.Stdout)) {
		name, _, _ := strings.Cut(line, "=")
		switch name {
		case "GIVEN", "PWD", "_", "OLDPWD", "SHLVL": // the shell makes the others itself
		default:
			t.Errorf("the child also sees %q", line)
		}
	}
	if !strings.Contains(string(res.Stdout), "GIVEN=1") {
		t.Errorf("GIVEN is missing in %q", res.Stdout)
	}
}

func TestTheFolderMadeForAChildIsRemoved(t *testing.T) {
	res, err := child.Run(t.Context(), sh(`mkdir a; echo > a/b; chmod 0 a; pwd`))
	if err != nil || res.Err() != nil {
		t.Fatal(err, res.Err())
	}
	dir := strings.TrimSpace(string(res.Stdout))
	if !filepath.IsAbs(dir) {
		t.Fatalf("it worked in %q", dir)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there (%v)", dir, err)
	}
}

func TestAMissingProgramIsNamedWithWhereItWasSought(t *testing.T) {
	_, err := child.Run(t.Context(), child.Spec{Path: "no-such-program", Env: []string{"PATH=/usr/bin:/bin"}})
	if !errors.Is(err, child.ErrNotFound) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"no-such-program", "/usr/bin", "/bin"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not name %s", err, want)
		}
	}
	plain := filepath.Join(t.TempDir(), "plain")
	os.WriteFile(plain, []byte("#!/bin/sh\n"), 0o644)
	if _, err := child.Run(t.Context(), child.Spec{Path: plain}); !errors.Is(err, child.ErrNotFound) || !strings.Contains(err.Error(), "chmod") {
		t.Errorf("a file that may not be executed: %v", err)
	}
	lame := filepath.Join(t.TempDir(), "lame")
	os.WriteFile(lame, []byte("#!/no/such/interpreter\n"), 0o755)
	if _, err := child.Run(t.Context(), child.Spec{Path: lame}); !errors.Is(err, child.ErrNotFound) || !strings.Contains(err.Error(), "/no/such/interpreter") {
		t.Errorf("a script whose interpreter is missing: %v", err)
	}
}

func TestAScriptBesideItsInputRuns(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "run"), []byte("#!/bin/sh\necho ran $1\n"), 0o755)
	res, err := child.Run(t.Context(), child.Spec{Path: "./run", Args: []string{"well"}, Dir: dir})
	if err != nil || string(res.Stdout) != "ran well\n" {
		t.Errorf("got %q, %q, %v", res.Stdout, res.Stderr, err)
	}
}

func TestAFloodIsStoppedAndWhatMayBeKeptIs(t *testing.T) {
	s := sh(`while :; do echo flood flood flood flood flood; done`)
	s.MaxStdout = 1000
	res, err := child.Run(t.Context(), s)
	if !errors.Is(err, child.ErrFlooded) || !res.Flooded || res.Killed != child.ByFlood {
		t.Fatalf("got %v, %+v", err, res.Killed)
	}
	if len(res.Stdout) != 1000 {
		t.Errorf("kept %d bytes", len(res.Stdout))
	}
}

func TestExactlyTheBoundIsNoFlood(t *testing.T) {
	s := sh(`printf 12345`)
	s.MaxStdout = 5
	if res, err := child.Run(t.Context(), s); err != nil || string(res.Stdout) != "12345" {
		t.Errorf("got %q, %v", res.Stdout, err)
	}
}

func TestOnlyTheEndOfALongStderrIsKept(t *testing.T) {
	s := sh(`i=0; while [ $i -lt 5000 ]; do echo line $i >&2; i=$((i+1)); done`)
	s.MaxStderr = 20
	res, err := child.Run(t.Context(), s)
	if err != nil || string(res.Stderr) != "line 4998\nline 4999\n" {
		t.Errorf("kept %q, %v", res.Stderr, err)
	}
}

func TestAProgramThatNeverEndsIsStopped(t *testing.T) {
	s := sh(`echo before; while :; do sleep 1; done`)
	s.Timeout = 200 * time.Millisecond
	res, err := child.Run(t.Context(), s)
	if !errors.Is(err, child.ErrTimeout) || !res.TimedOut || res.Killed != child.ByTimeout {
		t.Fatalf("got %v, %+v", err, res.Killed)
	}
	if string(res.Stdout) != "before\n" {
		t.Errorf("what it said before is %q", res.Stdout)
	}
}

func TestAProgramThatIgnoresThePoliteRequestIsKilled(t *testing.T) {
	s := sh(`trap '' TERM INT HUP; while :; do sleep 1; done`)
	s.Timeout, s.Grace = 100*time.Millisecond, 200*time.Millisecond
	res, err := child.Run(t.Context(), s)
	if !errors.Is(err, child.ErrTimeout) || res.Signal != 9 {
		t.Errorf("got %v, signal %v", err, res.Signal)
	}
}

func TestAProgramOutOfTimeMaySayGoodbye(t *testing.T) {
	s := sh(`trap 'echo goodbye; exit 0' TERM; echo ready; while :; do sleep 0.05; done`)
	s.Timeout, s.Grace = 500*time.Millisecond, 20*time.Second
	res, err := child.Run(t.Context(), s)
	if !errors.Is(err, child.ErrTimeout) || !strings.HasSuffix(string(res.Stdout), "goodbye\n") {
		t.Errorf("got %v, %q", err, res.Stdout)
	}
}

func TestACancelledContextEndsTheProgramWithItsCause(t *testing.T) {
	cause := errors.New("the caller went away")
	ctx, cancel := context.WithCancelCause(t.Context())
	r, w := io.Pipe()
	s := sh(`echo started; sleep 60`)
	s.Stdout = w
	go func() {
		io.ReadFull(r, make([]byte, 8))
		cancel(cause)
		r.Close()
	}()
	res, err := child.Run(ctx, s)
	if !errors.Is(err, cause) || res.Killed != child.ByContext {
		t.Errorf("got %v, %v", err, res.Killed)
	}
}

func TestAContextsDeadlineIsATimeout(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	res, err := child.Run(ctx, sh(`sleep 60`))
	if !errors.Is(err, child.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) || !res.TimedOut {
		t.Errorf("got %v, %+v", err, res)
	}
}

func TestAWriterThatTakesNoMoreStopsTheProgram(t *testing.T) {
	full := errors.New("disk full")
	s := sh(`while :; do echo more; done`)
	s.Stdout = writerFunc(func(p []byte) (int, error) { return 0, full })
	if _, err := child.Run(t.Context(), s); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestInputThatNobodyReadsHoldsNobodyUp(t *testing.T) {
	s := sh(`echo done`)
	s.Stdin = bytes.NewReader(make([]byte, 10<<20))
	res, err := child.Run(t.Context(), s)
	if err != nil || string(res.Stdout) != "done\n" {
		t.Errorf("got %q, %v", res.Stdout, err)
	}
}

func TestLargeStreamsPassBothWays(t *testing.T) {
	in := bytes.Repeat([]byte("0123456789abcdef"), 512<<10)
	s := sh(`cat`)
	s.Stdin, s.MaxStdout = bytes.NewReader(in), int64(len(in))
	res, err := child.Run(t.Context(), s)
	if err != nil || !bytes.Equal(res.Stdout, in) {
		t.Errorf("got %d of %d bytes, %v", len(res.Stdout), len(in), err)
	}
}

func TestProcessorTimeOfTheWholeTreeIsMeasured(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no shell here")
	}
	const loop = `i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done`
	alone, err := child.Run(t.Context(), sh(loop))
	if err != nil {
		t.Fatal(err)
	}
	thrice, err := child.Run(t.Context(), sh(`(`+loop+`)& (`+loop+`)& (`+loop+`)& wait`))
	if err != nil {
		t.Fatal(err)
	}
	if alone.CPU <= 0 || thrice.CPU < 2*alone.CPU {
		t.Errorf("one loop took %v, three took %v", alone.CPU, thrice.CPU)
	}
}

func TestMemoryPeakIsMeasured(t *testing.T) {
	s := python(t, `x = bytearray(100 << 20)`)
	res, err := child.Run(t.Context(), s)
	if err != nil || res.Err() != nil {
		t.Fatal(err, res.Err())
	}
	if res.MaxRSS < 100<<20 || res.MaxRSS > 200<<20 {
		t.Errorf("100 MiB were taken, %d bytes measured", res.MaxRSS)
	}
}
