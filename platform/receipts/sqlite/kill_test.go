package sqlite

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/receipts/receiptstest"
)

// childDir names, in a child process of this test, the folder of its journal.
const childDir = "CRANK_RECEIPTS_TEST_DIR"

func TestWhatAKilledProcessAcknowledgedIsThere(t *testing.T) {
	if dir := os.Getenv(childDir); dir != "" {
		child(t, dir)
		return
	}
	dir, acknowledged := t.TempDir(), uint64(0)
	for round := range 3 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestWhatAKilledProcessAcknowledgedIsThere$")
		cmd.Env = append(os.Environ(), childDir+"="+dir)
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; n < 300 && lines.Scan(); {
			if text, ok := strings.CutPrefix(lines.Text(), "seq "); ok {
				seq, err := strconv.ParseUint(text, 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				acknowledged = max(acknowledged, seq)
				n++
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
		if acknowledged == 0 {
			t.Fatal("the child acknowledged nothing")
		}

		s, err := Open(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		j, stop := receiptstest.Start(t, s, receiptstest.NewClock())
		_, head, _ := j.Head(t.Context())
		if head < acknowledged {
			t.Errorf("round %d: the journal ends at %d, but %d was acknowledged", round, head, acknowledged)
		}
		prev := map[string]crank.Digest{}
		for seq := uint64(0); seq < head; seq++ {
			page, err := j.Read(t.Context(), seq, 1)
			if err != nil || len(page) != 1 {
				t.Fatalf("record %d is lost (%v)", seq+1, err)
			}
			r, err := page[0].Record()
			if err != nil {
				t.Fatal(err)
			}
			if r.Receipt == nil {
				continue
			}
			if tenant := r.Receipt.Payer.Tenant; r.Receipt.TenantPrev != prev[tenant] {
				t.Fatalf("receipt %d breaks its tenant's chain", r.Seq)
			}
			prev[r.Receipt.Payer.Tenant] = page[0].Digest()
		}
		if same, err := j.Rebuild(t.Context()); err != nil || !same {
			t.Errorf("round %d: the sums are wrong (%v)", round, err)
		}
		stop()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// child appends until it is killed.
func child(t *testing.T, dir string) {
	j, _ := receiptstest.Start(t, open(t, dir), receiptstest.NewClock())
	for g := range 8 {
		go func() {
			for i := 0; ; i++ {
				r, err := j.Append(t.Context(), receiptstest.Receipt(g+8*i))
				if err != nil {
					return
				}
				fmt.Printf("seq %d\n", r.Seq)
			}
		}()
	}
	select {}
}
