package wire

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/crank-platform/crank"
)

// FuzzWhatDecodesEncodesAgain feeds the codec foreign bytes: it must refuse them
// or understand them the same way twice.
func FuzzWhatDecodesEncodesAgain(f *testing.F) {
	type message struct {
		Records []crank.Record
		Hold    crank.Hold
		Error   *crank.Error
	}
	for _, m := range []message{{}, {
		Records: []crank.Record{{Seq: 1, Type: crank.TypeClosed, Receipt: &crank.Receipt{Call: "c", Tags: crank.Tags{"a": "b"}}}},
		Hold:    crank.Hold{Ref: "r", Expires: time.Unix(1, 5)}, Error: crank.E(crank.CodeStore, "x"),
	}} {
		b, err := codec{}.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var once, twice message
		if err := (codec{}).Unmarshal(data, &once); err != nil {
			return
		}
		b, err := codec{}.Marshal(once)
		if err != nil {
			return // such as a time in the year 10000
		}
		if err := (codec{}).Unmarshal(b, &twice); err != nil {
			t.Fatalf("%x decodes, but not again: %v", data, err)
		}
		c, err := codec{}.Marshal(twice)
		if err != nil || !bytes.Equal(b, c) && !reflect.DeepEqual(once, twice) {
			t.Fatalf("%x becomes %x, then %x (%v)", data, b, c, err)
		}
	})
}
