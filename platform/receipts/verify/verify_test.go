package verify

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/notesign"
	"github.com/crank-platform/crank/platform/receipts"
	"github.com/crank-platform/crank/platform/receipts/tessera/logtest"
)

func TestMoneyThatDoesNotAddUpIsFound(t *testing.T) {
	receipt := func(f func(r *crank.Receipt)) crank.Record {
		r := logtest.Receipt("t1", 1)
		f(r)
		return crank.Record{Type: crank.TypeClosed, Receipt: r}
	}
	transfer := func(kind crank.RecordType, tr crank.Transfer) crank.Record {
		return crank.Record{Type: kind, Transfer: &tr}
	}
	balanced := []crank.Posting{{Account: crank.AccountExternal, Micros: -5}, {Account: "tenant/t1", Micros: 5}}
	for what, c := range map[string]struct {
		record crank.Record
		faults int
	}{
		"as it must be":               {receipt(func(*crank.Receipt) {}), 0},
		"free":                        {receipt(func(r *crank.Receipt) { r.Lines, r.Price.Micros, r.Postings = nil, 0, nil }), 0},
		"failed and free":             {receipt(func(r *crank.Receipt) { r.Outcome, r.Lines, r.Price, r.Postings = "failed", nil, crank.Money{}, nil }), 0},
		"lines above the price":       {receipt(func(r *crank.Receipt) { r.Lines[0].Micros++ }), 1},
		"a negative line":             {receipt(func(r *crank.Receipt) { r.Lines[0].Micros, r.Lines[1].Micros = -1, 401 }), 1},
		"lines past 64 bits":          {receipt(func(r *crank.Receipt) { r.Lines[0].Micros = 1<<63 - 1 }), 1},
		"price above the ceiling":     {receipt(func(r *crank.Receipt) { r.Ceiling.Micros = 399 }), 1},
		"price in another asset":      {receipt(func(r *crank.Receipt) { r.Price.Asset = "EUR" }), 1},
		"postings that lose money":    {receipt(func(r *crank.Receipt) { r.Postings[1].Micros-- }), 1},
		"the tenant pays another sum": {receipt(func(r *crank.Receipt) { r.Postings[0].Micros--; r.Postings[1].Micros++ }), 1},
		"another tenant pays":         {receipt(func(r *crank.Receipt) { r.Postings[0].Account = "tenant/t2" }), 2},
		"nobody is paid":              {receipt(func(r *crank.Receipt) { r.Postings = nil }), 1},
		"a failed call is charged":    {receipt(func(r *crank.Receipt) { r.Outcome = crank.OutcomeFailed }), 1},
		"an unknown outcome word":     {receipt(func(r *crank.Receipt) { r.Outcome = "fine" }), 1},
		"a deposit":                   {transfer(crank.TypeTransfer, crank.Transfer{Asset: "USD", Postings: balanced}), 0},
		"a deposit from nowhere":      {transfer(crank.TypeTransfer, crank.Transfer{Asset: "USD", Postings: balanced[1:]}), 1},
		"a deposit of nothing known":  {transfer(crank.TypeTransfer, crank.Transfer{Asset: "usd", Postings: balanced}), 1},
		"an adjustment of nothing":    {transfer(crank.TypeAdjustment, crank.Transfer{Asset: "USD", Postings: balanced}), 1},
	} {
		if got := arithmetic(c.record); len(got) != c.faults {
			t.Errorf("%s: %q; want %d faults", what, got, c.faults)
		}
	}
}

func TestACallIsClosedOnceAndOpenedBeforeThat(t *testing.T) {
	type step struct {
		call string
		shut bool
	}
	steps := []step{{"a", false}, {"b", false}, {"a", true}, {"c", true}, {"a", true}, {"c", false}, {"b", false}, {"d", false}}
	want := []string{"5: it closes a call that record 3 closed before", "6: it opens a call that record 4 closed before", "7: it opens a call that record 2 opened before"}
	for _, spillAt := range []int{0, 1, 3} {
		c := calls{spillAt: spillAt, dir: t.TempDir()}
		for i, s := range steps {
			if err := c.add(s.call, uint64(i+1), s.shut); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		open, err := c.finish(func(seq uint64, why string) { got = append(got, fmt.Sprintf("%d: %s", seq, why)) })
		if err != nil || open != 2 {
			t.Errorf("spilling at %d: %d calls are open, %v; want b and d", spillAt, open, err)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("spilling at %d: %q; want %q", spillAt, got, want)
		}
		if err := c.close(); err != nil {
			t.Error(err)
		}
		if left, _ := os.ReadDir(c.dir); len(left) != 0 {
			t.Errorf("spilling at %d leaves %v", spillAt, left)
		}
	}
}

// run checks a journal that has no log: its faults are those of the records.
func run(t *testing.T, j *logtest.Journal) []Fault {
	t.Helper()
	r, err := Log(t.Context(), Input{Source: j, Dir: filepath.Join(t.TempDir(), "none"), Node: "n", Keys: logtest.Keys(logtest.Signers("n", 1))})
	if err == nil || len(r.Faults) == 0 || r.Faults[0].Why != "the log has no checkpoint" {
		t.Fatalf("a journal without a log: %v, %v", err, r.Faults)
	}
	return r.Faults[1:]
}

func TestEachFaultOfARecordIsNamedWithItsSeq(t *testing.T) {
	edit := func(seq uint64, f func(r *crank.Record)) func([]receipts.Stored) []receipts.Stored {
		return func(rs []receipts.Stored) []receipts.Stored {
			r, err := rs[seq-1].Record()
			if err != nil {
				t.Fatal(err)
			}
			f(&r)
			rs[seq-1] = logtest.Store(r)
			return rs
		}
	}
	j := logtest.New(30)
	if faults := run(t, j.Clone()); len(faults) != 0 {
		t.Fatalf("an honest journal: %v", faults)
	}
	all, _ := j.Read(t.Context(), 0, 100)
	at := uint64(0)
	for _, s := range all {
		if r, _ := s.Record(); r.Receipt != nil && r.Receipt.TenantSeq == 2 && at == 0 {
			at = s.Seq
		}
	}
	for what, f := range map[string]func(r *crank.Record){
		"a chain that skips":     func(r *crank.Record) { r.Receipt.TenantSeq++ },
		"a chain cut":            func(r *crank.Record) { r.Receipt.TenantPrev = crank.Digest{1} },
		"a time before the last": func(r *crank.Record) { r.Time = 5 },
		"a sum that is wrong":    func(r *crank.Record) { r.Receipt.Lines[0].Micros++ },
		"an epoch in the middle": func(r *crank.Record) {
			*r = crank.Record{Epoch: 1, Seq: r.Seq, Type: crank.TypeAdmin, Time: r.Time, Admin: &crank.Admin{Act: receipts.ActEpoch}}
		},
		"a call that is not new": func(r *crank.Record) { r.Receipt.Call = firstCall(t, all) },
	} {
		d := j.Clone()
		d.Edit(edit(at, f))
		faults := run(t, d)
		if !slices.ContainsFunc(faults, func(f Fault) bool { return f.Seq == at && f.Code == crank.CodeReceiptTampered }) {
			t.Errorf("%s: %v; want a fault of record %d", what, faults, at)
		}
	}
}

func firstCall(t *testing.T, all []receipts.Stored) string {
	t.Helper()
	for _, s := range all {
		if r, _ := s.Record(); r.Receipt != nil {
			return r.Receipt.Call
		}
	}
	t.Fatal("no receipt")
	return ""
}

func TestAReportNamesAHundredFaultsAndCountsTheRest(t *testing.T) {
	j := logtest.New(400)
	j.Edit(func(rs []receipts.Stored) []receipts.Stored {
		for i := range rs {
			rs[i].Bytes = []byte{0xa0}
		}
		return rs
	})
	r, err := Log(t.Context(), Input{Source: j, Dir: t.TempDir(), Node: "n", Keys: logtest.Keys(logtest.Signers("n", 1))})
	if len(r.Faults) != MaxFaults || r.More < 300 || err == nil {
		t.Errorf("%d faults, %d more, %v", len(r.Faults), r.More, err)
	}
}

func TestAnAnchorIsNeverReplaced(t *testing.T) {
	dir := t.TempDir()
	signers := logtest.Signers("log.example/epoch-1", 1)
	sign := func(size uint64, root byte) []byte {
		msg, err := notesign.Sign(notesign.Checkpoint{Origin: "log.example/epoch-1", Size: size, Root: [32]byte{root}}.Text(), signers...)
		if err != nil {
			t.Fatal(err)
		}
		return msg
	}
	ten, nine := sign(10, 1), sign(9, 2)
	for _, msg := range [][]byte{ten, nine, ten, sign(10, 1)} {
		if err := WriteAnchor(dir, msg); err != nil {
			t.Fatal(err)
		}
	}
	if err := WriteAnchor(dir, sign(10, 3)); crank.AsError(err).Code != crank.CodeReceiptTampered {
		t.Errorf("another root at a size: %v; want CodeReceiptTampered", err)
	}
	if err := WriteAnchor(dir, []byte("x")); crank.AsError(err).Code != crank.CodeReceiptTampered {
		t.Errorf("what is no checkpoint: %v; want CodeReceiptTampered", err)
	}
	all, err := Anchors(dir)
	if err != nil || len(all) != 2 || !bytes.Equal(all[0], nine) || !bytes.Equal(all[1], ten) {
		t.Errorf("read %d anchors, %v; want 9 and 10", len(all), err)
	}
	if none, err := Anchors(filepath.Join(dir, "none")); err != nil || len(none) != 0 {
		t.Errorf("no folder: %v, %v", none, err)
	}
}

func FuzzAnExportedReceiptNeverPassesByChance(f *testing.F) {
	signers := logtest.Signers("n/epoch-1", 1)
	s := logtest.Store(crank.Record{Epoch: 1, Seq: 1, Type: crank.TypeAdmin, Admin: &crank.Admin{Act: receipts.ActEpoch}})
	leaf := s.Leaf()
	tree := ranges.NewEmptyRange(0)
	e := newEpoch(1, 1, f.TempDir(), "n/epoch-1")
	e.tree = tree
	v := &verifier{}
	if err := e.leaf(v, leaf); err != nil {
		f.Fatal(err)
	}
	root, err := tree.GetRootHash(nil)
	if err != nil {
		f.Fatal(err)
	}
	msg, err := notesign.Sign(notesign.Checkpoint{Origin: "n/epoch-1", Size: 1, Root: [32]byte(root)}.Text(), signers...)
	if err != nil {
		f.Fatal(err)
	}
	good, err := NewBundle(s, "n/epoch-1", 0, nil, msg, logtest.Keys(signers)).Encode()
	if err != nil {
		f.Fatal(err)
	}
	if b, err := DecodeBundle(good); err != nil {
		f.Fatal(err)
	} else if _, err := Receipt(b, logtest.Keys(signers)); err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"version":1,"proof":[""],"keys":[],"record":"oA=="}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := DecodeBundle(data)
		if err != nil {
			return
		}
		again, err := b.Encode()
		if err != nil {
			t.Fatalf("it was read and cannot be written: %v", err)
		}
		if _, err := DecodeBundle(again); err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if r, err := Receipt(b, logtest.Keys(signers)); err == nil && (r.Record.Seq != 1 || !bytes.Equal(b.Record, s.Bytes)) {
			t.Fatalf("a record that was never logged verifies")
		}
	})
}
