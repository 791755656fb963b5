package receiptstest

import (
	"bytes"
	"slices"
	"testing"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/receipts"
)

func allOrNothing(t *testing.T, p Place) {
	store := p.Open(t)
	entry := func(seq uint64, call byte) receipts.Entry {
		e := receipts.Entry{Stored: receipts.Stored{Epoch: 1, Seq: seq, Bytes: []byte{byte(seq)}}, Begins: seq == 1}
		if call != 0 {
			e.Closes[0] = call
		}
		return e
	}
	ok := func(want bool, entries ...receipts.Entry) error {
		t.Helper()
		err := store.Commit(t.Context(), entries)
		if (err == nil) != want {
			t.Fatalf("the commit gives %v", err)
		}
		return err
	}
	ok(true, entry(1, 0), entry(2, 9))
	wantCode(t, ok(false, entry(4, 0)), crank.CodeJournal)
	wantCode(t, ok(false, entry(3, 0), entry(5, 0)), crank.CodeJournal)
	wantCode(t, ok(false, entry(2, 0)), crank.CodeJournal)
	for _, twice := range [][]receipts.Entry{
		{entry(3, 0), entry(4, 9)},
		{entry(3, 7), entry(4, 7)},
	} {
		err := ok(false, twice...)
		if dup, is := err.(*receipts.Duplicate); !is || !slices.Equal(dup.At, []int{1}) {
			t.Errorf("the duplicate is reported as %v", err)
		}
	}
	if st, err := store.State(t.Context()); err != nil || st.Seq != 2 || len(st.Epochs) != 1 {
		t.Errorf("after refused commits the log stands at %+v (%v)", st, err)
	}
	ok(true, entry(3, 7))
	if seq, err := store.Closed(t.Context(), receipts.CallID{7}); err != nil || seq != 3 {
		t.Errorf("call 7 is closed at %d (%v)", seq, err)
	}
	if seq, err := store.Closed(t.Context(), receipts.CallID{8}); err != nil || seq != 0 {
		t.Errorf("call 8 is closed at %d (%v)", seq, err)
	}
	page, err := store.Read(t.Context(), 1, 10)
	if err != nil || len(page) != 2 || page[0].Seq != 2 || !bytes.Equal(page[1].Bytes, []byte{3}) {
		t.Errorf("read gives %v (%v)", page, err)
	}
}
