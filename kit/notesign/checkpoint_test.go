package notesign_test

import (
	"errors"
	"testing"

	"github.com/crank-platform/crank/kit/notesign"
)

func TestACheckpointReadsBackAndNothingElseDoes(t *testing.T) {
	c := notesign.Checkpoint{Origin: name, Size: 20852163, Root: [32]byte{1, 2, 3}}
	got, err := notesign.ParseCheckpoint(c.Text())
	if err != nil || got != c {
		t.Fatalf("read back %v, %v", got, err)
	}
	for _, bad := range []string{"", "a\n", c.Text() + "extension\n", "\n" + c.Text(), name + "\n01\n" + c.Text()[len(name)+10:], name + "\n-1\nAA==\n"} {
		if _, err := notesign.ParseCheckpoint(bad); !errors.Is(err, notesign.ErrNote) {
			t.Errorf("%q: %v; want ErrNote", bad, err)
		}
	}
}

func TestACheckpointIsTrustedOnlyInTheTimeOfItsKeys(t *testing.T) {
	signers := pair(t, name, 30)
	var keys notesign.Keys
	for _, s := range signers {
		keys = append(keys, notesign.Key{Verifier: s.Verifier(), From: 10, Until: 20})
	}
	for size, good := range map[uint64]bool{4: false, 5: true, 14: true, 15: false} {
		msg, err := notesign.Sign(notesign.Checkpoint{Origin: name, Size: size}.Text(), signers...)
		if err != nil {
			t.Fatal(err)
		}
		c, _, err := notesign.OpenCheckpoint(msg, keys, func(size uint64) uint64 { return size + 5 })
		if (err == nil) != good || err == nil && c.Size != size {
			t.Errorf("size %d: %v, %v; want good %v", size, c, err, good)
		}
	}
}
