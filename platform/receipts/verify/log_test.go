package verify_test

import (
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/notesign"
	"github.com/crank-platform/crank/platform/receipts"
	"github.com/crank-platform/crank/platform/receipts/tessera"
	"github.com/crank-platform/crank/platform/receipts/tessera/logtest"
	"github.com/crank-platform/crank/platform/receipts/verify"
)

const node = "log.example/node"

// house is a data directory: a journal and the folder of its logs.
type house struct {
	j       *logtest.Journal
	dir     string
	signers []*notesign.Signer
}

func (h house) log(t testing.TB, epoch, first uint64) tessera.Config {
	return tessera.Config{Dir: filepath.Join(h.dir, verify.Folder(epoch)), Origin: verify.Origin(node, epoch), Epoch: epoch, FirstSeq: first,
		Signers: h.signers, Source: h.j, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

// merge runs the log of an epoch until it has every record up to last.
func (h house) merge(t testing.TB, epoch, first, last uint64) *tessera.Log {
	t.Helper()
	l, err := tessera.New(h.log(t, epoch, first))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	if err := l.WaitFor(ctx, last); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return l
}

// build makes a house of one epoch from a journal.
func build(t testing.TB, j *logtest.Journal) house {
	t.Helper()
	h := house{j, filepath.Join(t.TempDir(), "log"), logtest.Signers(node, 1)}
	h.merge(t, 1, 1, j.Len())
	return h
}

func (h house) input(anchors ...[]byte) verify.Input {
	return verify.Input{Source: h.j, Dir: h.dir, Node: node, Keys: logtest.Keys(h.signers), Anchors: anchors}
}

func (h house) checkpoint(t testing.TB, epoch uint64) []byte {
	t.Helper()
	msg, err := os.ReadFile(filepath.Join(h.dir, verify.Folder(epoch), "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

func code(err error) crank.Code {
	if err == nil {
		return ""
	}
	return crank.AsError(err).Code
}

// forge builds a journal anew from other records, each in its proper place and
// chain: what a thief who holds everything, the keys too, can do.
func forge(t testing.TB, records []receipts.Stored) *logtest.Journal {
	t.Helper()
	j := &logtest.Journal{}
	for _, s := range records {
		r, err := s.Record()
		if err != nil {
			t.Fatal(err)
		}
		if r.Admin != nil && r.Admin.Act == receipts.ActEpoch {
			j.Begin(r.Admin.Detail)
			continue
		}
		r.Time = 0
		j.Append(r)
	}
	return j
}

func all(t testing.TB, j *logtest.Journal) []receipts.Stored {
	t.Helper()
	records, err := j.Read(t.Context(), 0, int(j.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func TestAnHonestLogVerifiesAndTheReportSaysWhatWasChecked(t *testing.T) {
	t.Parallel()
	j := logtest.New(600)
	h := build(t, j)
	first := h.checkpoint(t, 1)
	j.Grow(100)
	h.merge(t, 1, 1, j.Len())
	in := h.input(first, h.checkpoint(t, 1))
	var progress uint64
	in.Progress = func(n uint64) { progress = n }
	r, err := verify.Log(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]uint64{"records": 701, "epochs": 1, "anchors": 2, "roots": 4, "signatures": 6, "tenants' chains": 3, "pruned records, by leaf alone": 0} {
		if got := r.N(what); got != want {
			t.Errorf("%s: %d; want %d", what, got, want)
		}
	}
	for _, what := range []string{"receipts", "calls opened", "transfers and adjustments", "admin records", "tiles", "files of entries"} {
		if r.N(what) == 0 {
			t.Errorf("%s: none was checked", what)
		}
	}
	if progress != 701 || len(r.Signers) != 2 {
		t.Errorf("progress %d, signers %v", progress, r.Signers)
	}
}

func TestNoByteOfALogsFilesCanChange(t *testing.T) {
	t.Parallel()
	j := logtest.New(300)
	// Without their bytes the records check a hundred times faster, and the leaves
	// that the files are compared with are the same.
	j.Edit(func(rs []receipts.Stored) []receipts.Stored {
		for i, s := range rs {
			rs[i] = receipts.Stored{Epoch: s.Epoch, Seq: s.Seq, Pruned: s.Leaf()}
		}
		return rs
	})
	h := build(t, j)
	in := h.input()
	if _, err := verify.Log(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	files := 0
	err := filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if strings.Contains(path, ".state") {
			return nil // Tessera's own notes; no client reads them, and the guard does not trust them
		}
		files++
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		step := 1 + len(data)/600
		for i := 0; i < len(data); i += step {
			data[i] ^= 1 << (i % 8)
			if err := os.WriteFile(path, data, 0o644); err != nil {
				return err
			}
			if _, err := verify.Log(t.Context(), in); code(err) != crank.CodeReceiptTampered && code(err) != crank.CodeRollback {
				t.Errorf("%s: byte %d of %d is flipped and the answer is %v", path, i, len(data), err)
			}
			data[i] ^= 1 << (i % 8)
		}
		for _, cut := range [][]byte{data[:len(data)-1], append(slices.Clone(data), 'x')} {
			if err := os.WriteFile(path, cut, 0o644); err != nil {
				return err
			}
			if _, err := verify.Log(t.Context(), in); err == nil {
				t.Errorf("%s: %d bytes instead of %d pass", path, len(cut), len(data))
			}
		}
		if err := os.Remove(path); err != nil {
			return err
		}
		if _, err := verify.Log(t.Context(), in); err == nil && !strings.HasSuffix(path, ".signed") && !strings.Contains(path, ".p") {
			t.Errorf("%s: nobody misses it", path)
		}
		return os.WriteFile(path, data, 0o644)
	})
	if err != nil || files < 6 {
		t.Fatalf("%d files were swept, %v; want entries, tiles, checkpoint and what was signed", files, err)
	}
	if _, err := verify.Log(t.Context(), in); err != nil {
		t.Fatalf("with every byte back in its place: %v", err)
	}
}

func TestAChangedJournalDoesNotFitItsLog(t *testing.T) {
	t.Parallel()
	j := logtest.New(300)
	h := build(t, j)
	swap := func(rs []receipts.Stored, i, k int) []receipts.Stored {
		rs[i], rs[k] = rs[k], rs[i]
		rs[i].Seq, rs[k].Seq = rs[k].Seq, rs[i].Seq
		return rs
	}
	cases := map[string]struct {
		edit func([]receipts.Stored) []receipts.Stored
		want crank.Code
	}{
		"a record is missing":     {func(rs []receipts.Stored) []receipts.Stored { return slices.Delete(rs, 100, 101) }, crank.CodeRollback},
		"the last record is gone": {func(rs []receipts.Stored) []receipts.Stored { return rs[:len(rs)-1] }, crank.CodeRollback},
		"two changed places":      {func(rs []receipts.Stored) []receipts.Stored { return swap(rs, 50, 60) }, crank.CodeReceiptTampered},
		"a salt changed":          {func(rs []receipts.Stored) []receipts.Stored { rs[7].Salt[31]++; return rs }, crank.CodeReceiptTampered},
		"a byte of one changed":   {func(rs []receipts.Stored) []receipts.Stored { rs[9].Bytes = flip(rs[9].Bytes, 30); return rs }, crank.CodeReceiptTampered},
		"the last byte changed": {func(rs []receipts.Stored) []receipts.Stored {
			rs[9].Bytes = flip(rs[9].Bytes, len(rs[9].Bytes)-1)
			return rs
		}, crank.CodeReceiptTampered},
		"one was pruned in midst":  {func(rs []receipts.Stored) []receipts.Stored { rs[9] = pruned(rs[9]); return rs }, crank.CodeReceiptTampered},
		"all are gone":             {func([]receipts.Stored) []receipts.Stored { return nil }, crank.CodeReceiptTampered},
		"the epoch is another one": {func(rs []receipts.Stored) []receipts.Stored { rs[299].Epoch = 2; return rs }, crank.CodeRollback},
	}
	for what, c := range cases {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			d := h
			d.j = j.Clone()
			d.j.Edit(c.edit)
			if r, err := verify.Log(t.Context(), sparse(d.input(), d.j)); code(err) != c.want {
				t.Errorf("%v; want %s\n%v", err, c.want, r.Faults)
			}
		})
	}
}

func flip(b []byte, i int) []byte {
	b = slices.Clone(b)
	b[i] ^= 0x04
	return b
}

func pruned(s receipts.Stored) receipts.Stored {
	return receipts.Stored{Epoch: s.Epoch, Seq: s.Seq, Pruned: s.Leaf()}
}

// sparse reads by seq and not by place, as a database does.
func sparse(in verify.Input, j *logtest.Journal) verify.Input {
	in.Source = bySeq{j}
	return in
}

type bySeq struct{ j *logtest.Journal }

func (b bySeq) Read(ctx context.Context, after uint64, limit int) ([]receipts.Stored, error) {
	records, err := b.j.Read(ctx, 0, 1<<30)
	records = slices.DeleteFunc(records, func(s receipts.Stored) bool { return s.Seq <= after })
	return records[:min(limit, len(records))], err
}

func (b bySeq) Head(ctx context.Context) (uint64, uint64, error) { return b.j.Head(ctx) }

func TestAForgerWhoHoldsTheKeysIsFoundByAnAnchor(t *testing.T) {
	t.Parallel()
	j := logtest.New(120)
	honest := build(t, j)
	anchor := honest.checkpoint(t, 1)
	records := all(t, j)
	receipt := slices.IndexFunc(records, func(s receipts.Stored) bool { r, _ := s.Record(); return r.Receipt != nil && s.Seq > 60 })
	var transfers []int
	for i, s := range records {
		if r, _ := s.Record(); r.Transfer != nil {
			transfers = append(transfers, i)
		}
	}
	extra := logtest.Store(crank.Record{Epoch: 1, Seq: 500, Type: crank.TypeClosed, Receipt: logtest.Receipt("t1", 9999)})
	cheaper := func() receipts.Stored {
		r, _ := records[receipt].Record()
		r.Receipt.Lines, r.Receipt.Price.Micros, r.Receipt.Postings = nil, 0, nil
		return logtest.Store(r)
	}
	cases := map[string]struct {
		records []receipts.Stored
		want    crank.Code
	}{
		"removed":           {append(slices.Delete(slices.Clone(records), receipt, receipt+1), extra), crank.CodeReceiptTampered},
		"added":             {slices.Insert(slices.Clone(records), receipt, extra), crank.CodeReceiptTampered},
		"reordered":         {swapped(records, transfers[2], transfers[3]), crank.CodeReceiptTampered},
		"changed":           {slices.Replace(slices.Clone(records), receipt, receipt+1, cheaper()), crank.CodeReceiptTampered},
		"the log cut back":  {records[:len(records)-1], crank.CodeRollback},
		"the log cut short": {records[:3], crank.CodeRollback},
	}
	for what, c := range cases {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			forged := build(t, forge(t, c.records))
			if _, err := verify.Log(t.Context(), forged.input()); err != nil {
				t.Fatalf("the forgery is clumsy, so the test shows nothing: %v", err)
			}
			if r, err := verify.Log(t.Context(), forged.input(anchor)); code(err) != c.want {
				t.Errorf("with an anchor: %v; want %s\n%v", err, c.want, r.Faults)
			}
		})
	}
}

func swapped(records []receipts.Stored, i, k int) []receipts.Stored {
	records = slices.Clone(records)
	records[i], records[k] = records[k], records[i]
	return records
}

func TestOnlyTrustedKeysOfTheirTimeCount(t *testing.T) {
	t.Parallel()
	h := build(t, logtest.New(20))
	in := h.input()
	in.Keys = logtest.Keys(logtest.Signers(node, 2))
	if _, err := verify.Log(t.Context(), in); code(err) != crank.CodeReceiptTampered {
		t.Errorf("with a stranger's keys: %v", err)
	}
	in = h.input()
	for i := range in.Keys {
		in.Keys[i].Until = 10
	}
	if _, err := verify.Log(t.Context(), in); code(err) != crank.CodeReceiptTampered {
		t.Errorf("with keys that ended before: %v", err)
	}
	in.Keys = nil
	if _, err := verify.Log(t.Context(), in); code(err) != crank.CodeConfig {
		t.Errorf("with no keys: %v; want CodeConfig", err)
	}
}

func TestEachEpochNamesTheLastCheckpointOfTheOneBefore(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		spoil func(crank.Tags)
		good  bool
	}{
		"as it must be":    {func(crank.Tags) {}, true},
		"another root":     {func(d crank.Tags) { d["log.root"] = strings.Repeat("0", 64) }, false},
		"another size":     {func(d crank.Tags) { d["log.size"] = "7" }, false},
		"nothing is named": {func(d crank.Tags) { clear(d) }, false},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			j := logtest.New(40)
			h := build(t, j)
			last := h.checkpoint(t, 1)
			detail, err := verify.Link(last)
			if err != nil {
				t.Fatal(err)
			}
			c.spoil(detail)
			end := j.Len()
			j.Begin(detail)
			j.Grow(40)
			h.merge(t, 2, end+1, j.Len())
			r, err := verify.Log(t.Context(), h.input(last, h.checkpoint(t, 2)))
			if (err == nil) != c.good {
				t.Errorf("%v, %v", err, r.Faults)
			}
			if c.good && (r.N("epochs") != 2 || r.N("epochs linked") != 1 || r.N("records") != 82) {
				t.Errorf("checked %v", r.Checked)
			}
			if err := os.RemoveAll(filepath.Join(h.dir, verify.Folder(2))); err != nil {
				t.Fatal(err)
			}
			if _, err := verify.Log(t.Context(), h.input()); err == nil {
				t.Error("nobody misses the second epoch's log")
			}
		})
	}
}

func TestAnAnchorOfALogThatIsGoneIsMissed(t *testing.T) {
	t.Parallel()
	another := logtest.New(3)
	another.Edit(func(rs []receipts.Stored) []receipts.Stored { rs[1].Salt[0]++; return rs })
	other := build(t, another)
	h := build(t, logtest.New(10))
	msg, err := notesign.Sign(notesign.Checkpoint{Origin: verify.Origin(node, 2), Size: 4}.Text(), signersAs(t, h.signers, verify.Origin(node, 2))...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verify.Log(t.Context(), h.input(msg)); code(err) != crank.CodeRollback {
		t.Errorf("an anchor of epoch 2 where there is one epoch: %v; want CodeRollback", err)
	}
	if _, err := verify.Log(t.Context(), h.input(other.checkpoint(t, 1))); code(err) != crank.CodeReceiptTampered {
		t.Errorf("an anchor of another journal: %v; want CodeReceiptTampered", err)
	}
	if _, err := verify.Log(t.Context(), h.input([]byte("x"))); code(err) != crank.CodeReceiptTampered {
		t.Errorf("an anchor that is no checkpoint: %v; want CodeReceiptTampered", err)
	}
}

func signersAs(t testing.TB, signers []*notesign.Signer, name string) (as []*notesign.Signer) {
	t.Helper()
	for _, s := range signers {
		n, err := s.As(name)
		if err != nil {
			t.Fatal(err)
		}
		as = append(as, n)
	}
	return as
}

func TestPrunedRecordsAreKnownByTheirLeavesAndTheRestByItsChain(t *testing.T) {
	t.Parallel()
	j := logtest.New(200)
	h := build(t, j)
	j.Edit(func(rs []receipts.Stored) []receipts.Stored {
		for i := range rs[:100] {
			rs[i] = pruned(rs[i])
		}
		return rs
	})
	r, err := verify.Log(t.Context(), h.input())
	if err != nil || r.N("pruned records, by leaf alone") != 100 {
		t.Errorf("%v, %v", err, r.Checked)
	}
}

func TestALogThatRunsVerifiesWhileItGrows(t *testing.T) {
	t.Parallel()
	j := logtest.New(250)
	h := build(t, j)
	l, err := tessera.New(h.log(t, 1, 1))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	go func() { done <- l.Run(ctx) }()
	go func() {
		for ctx.Err() == nil {
			j.Grow(20)
			time.Sleep(time.Millisecond)
		}
		done <- nil
	}()
	for range 10 {
		if r, err := verify.Log(t.Context(), h.input()); err != nil {
			t.Errorf("%v\n%v", err, r.Faults)
		}
	}
	cancel()
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestALogThatHoldsMoreThanTheJournalIsFoundWithoutItsCheckpoint(t *testing.T) {
	t.Parallel()
	j := logtest.New(300)
	h := build(t, j)
	for _, name := range []string{"checkpoint", ".signed"} {
		if err := os.Remove(filepath.Join(h.dir, verify.Folder(1), name)); err != nil {
			t.Fatal(err)
		}
	}
	j.Edit(func(rs []receipts.Stored) []receipts.Stored { return rs[:len(rs)-1] })
	if r, err := verify.Log(t.Context(), h.input()); code(err) != crank.CodeRollback {
		t.Errorf("%v; want CodeRollback\n%v", err, r.Faults)
	}
}

func BenchmarkLog(b *testing.B) {
	const n = 50_000
	h := build(b, logtest.New(n))
	in := h.input()
	b.ResetTimer()
	for b.Loop() {
		if _, err := verify.Log(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "records/s")
}
