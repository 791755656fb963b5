package child_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/crank-platform/crank/kit/child"
)

func TestALengthAloneTakesNoMemory(t *testing.T) {
	head := []byte{0x40, 0, 0, 0} // a promise of 1 GiB
	allocs := testing.AllocsPerRun(1, func() {
		if _, err := child.ReadFrame(bytes.NewReader(append(head, 1, 2, 3)), 1<<31-1); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("got %v", err)
		}
	})
	if allocs > 20 {
		t.Errorf("%v allocations", allocs)
	}
}

func FuzzFramesKeepTheirBounds(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x03abc\x00\x00\x00\x00"), 5)
	f.Add([]byte("\xff\xff\xff\xffabc"), 1<<20)
	f.Add([]byte("\x00\x00"), 0)
	f.Fuzz(func(t *testing.T, data []byte, limit int) {
		limit = max(0, min(limit, 1<<20))
		in := bytes.NewReader(data)
		var again bytes.Buffer
		for {
			msg, err := child.ReadFrame(in, limit)
			if err != nil {
				break
			}
			if len(msg) > limit {
				t.Fatalf("%d bytes over a limit of %d", len(msg), limit)
			}
			if err := child.WriteFrame(&again, msg); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.HasPrefix(data, again.Bytes()) {
			t.Fatalf("%q was read from %q", again.Bytes(), data)
		}
	})
}

func FuzzLinesAreWholeJSONValues(f *testing.F) {
	f.Add([]byte("{\"a\": 1}\n\n[2]\r\n3"), 5)
	f.Add([]byte("nonsense\n"), 100)
	f.Fuzz(func(t *testing.T, data []byte, limit int) {
		limit = max(0, min(limit, 1<<20))
		in := bufio.NewReaderSize(bytes.NewReader(data), 16)
		for {
			msg, err := child.ReadLine(in, limit)
			if err != nil {
				break
			}
			if len(msg) > limit || !json.Valid(msg) {
				t.Fatalf("%q under a limit of %d", msg, limit)
			}
			var out bytes.Buffer
			if err := child.WriteLine(&out, msg); err != nil || bytes.Count(out.Bytes(), []byte("\n")) != 1 {
				t.Fatalf("%q is written as %q, %v", msg, out.Bytes(), err)
			}
		}
	})
}
