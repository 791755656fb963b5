package tessera_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/crank-platform/crank/platform/receipts/tessera"
	"github.com/crank-platform/crank/platform/receipts/tessera/logtest"
)

// crashRecords is how many records the log has to take in while it is killed.
const crashRecords = 30_000

// stopped is how a process ends that was not killed.
const stopped = 3

// TestMain runs the log of the folder in CRANK_TEST_LOG, by the driver in
// CRANK_TEST_DRIVER, until it is killed, when it is started with those.
func TestMain(m *testing.M) {
	dir := os.Getenv("CRANK_TEST_LOG")
	if dir == "" {
		os.Exit(m.Run())
	}
	signers := logtest.Signers(node, 1)
	c := tessera.Config{Dir: dir, Origin: origin, Epoch: 1, FirstSeq: 1, Signers: signers, Source: logtest.New(crashRecords)}
	l, err := tessera.New(tessera.Driven(c, os.Getenv("CRANK_TEST_DRIVER")))
	if err == nil {
		err = l.Run(context.Background())
	}
	os.Stderr.WriteString(err.Error())
	os.Exit(stopped)
}

func TestALogThatIsKilledAtAnyMomentGoesOnWithTheSameTree(t *testing.T) {
	t.Parallel()
	for what, drivers := range map[string][]string{"native": {"native"}, "portable": {"portable"}, "by turns": {"native", "portable"}} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			j := logtest.New(crashRecords)
			c := drivenBy(drivers[0])(t, filepath.Join(t.TempDir(), "log"), j)
			for round := range 8 {
				child := exec.Command(self)
				child.Env = append(os.Environ(), "CRANK_TEST_LOG="+c.Dir, "CRANK_TEST_DRIVER="+drivers[round%len(drivers)])
				if err := child.Start(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Duration(250+70*round) * time.Millisecond) // it dies somewhere between its start and its end
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
				if err := child.Wait(); err == nil || child.ProcessState.ExitCode() == stopped {
					t.Fatalf("round %d: the log stopped by itself: %v", round, err)
				}
				state, _ := os.ReadFile(filepath.Join(c.Dir, ".state", "treeState"))
				t.Logf("round %d: killed at %s", round, state)
			}
			l := fill(t, c, j)
			raw, size, err := l.Checkpoint(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if cp := opened(t, c, raw); size != j.Len() || tlog.Hash(cp.Root) != rootOf(t, j, size) {
				t.Errorf("after the crashes the log has size %d and root %x", size, cp.Root)
			}
		})
	}
}
