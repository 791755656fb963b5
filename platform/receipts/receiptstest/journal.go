package receiptstest

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
	"github.com/crank-platform/crank/platform/receipts"
)

func order(t *testing.T, p Place) {
	j, _ := Start(t, p.Open(t), NewClock())
	var wg sync.WaitGroup
	var mine sync.Map
	for g := range 32 {
		wg.Go(func() {
			last := uint64(0)
			for i := range 20 {
				r, err := j.Append(t.Context(), Receipt(g*20+i))
				if err != nil {
					t.Error(err)
					return
				}
				if r.Seq <= last {
					t.Errorf("a goroutine's records stand at %d after %d", r.Seq, last)
				}
				last = r.Seq
				mine.Store(r.Seq, r)
			}
		})
	}
	wg.Wait()
	heads := map[string]receipts.Link{}
	all := scan(t, j)
	if len(all) != 1+32*20 {
		t.Fatalf("the journal has %d records", len(all))
	}
	for i, s := range all {
		r, err := s.Record()
		if err != nil {
			t.Fatal(err)
		}
		if r.Seq != uint64(i+1) || r.Epoch != 1 {
			t.Fatalf("record %d of epoch %d stands at %d", r.Seq, r.Epoch, i+1)
		}
		if i == 0 {
			if r.Admin == nil || r.Admin.Act != receipts.ActEpoch {
				t.Errorf("the journal begins with %+v", r)
			}
			continue
		}
		told, ok := mine.Load(r.Seq)
		if !ok {
			t.Fatalf("nobody appended record %d", r.Seq)
		}
		if again, err := receipts.Encode(told.(crank.Record)); err != nil || !slices.Equal(again, s.Bytes) {
			t.Fatalf("record %d was told otherwise than it is kept (%v)", r.Seq, err)
		}
		head := heads[r.Receipt.Payer.Tenant]
		if r.Receipt.TenantSeq != head.Seq+1 || r.Receipt.TenantPrev != head.Digest {
			t.Fatalf("receipt %d breaks its tenant's chain", r.Seq)
		}
		heads[r.Receipt.Payer.Tenant] = receipts.Link{Seq: head.Seq + 1, Digest: s.Digest()}
		if s.Salt == ([32]byte{}) || s.Salt == all[i-1].Salt {
			t.Fatalf("record %d has no salt of its own", r.Seq)
		}
	}
}

func once(t *testing.T, p Place) {
	j, stop := Start(t, p.Open(t), NewClock())
	first := Receipt(1)
	var won atomic.Int64
	var wg sync.WaitGroup
	for i := range 40 {
		r := Receipt(1000 + i)
		if i%2 == 0 {
			r.Receipt.Call = first.Receipt.Call
		}
		wg.Go(func() {
			switch _, err := j.Append(t.Context(), r); {
			case err == nil:
				won.Add(1)
			case i%2 == 0:
				wantCode(t, err, crank.CodeExists)
			default:
				t.Errorf("an innocent neighbour got %v", err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 21 {
		t.Errorf("%d appends won, want 1 of the same call and 20 others", won.Load())
	}
	stop()
	j, _ = Start(t, p.Crash(t), NewClock())
	_, err := j.Append(t.Context(), first)
	wantCode(t, err, crank.CodeExists)
	if all := scan(t, j); len(all) != 22 {
		t.Errorf("the journal has %d records", len(all))
	}
}

func openCalls(t *testing.T, p Place) {
	j, stop := Start(t, p.Open(t), NewClock())
	a, b, c := ids.New("call"), ids.New("call"), ids.New("call")
	appendAll(t, j, Opened(a, "x"), Receipt(1), Opened(b, "x"), Opened(c, "y"))
	_, err := j.Append(t.Context(), Opened(b, "x"))
	wantCode(t, err, crank.CodeExists)
	closing := Receipt(2)
	closing.Receipt.Call = a
	appendAll(t, j, closing)
	check := func(want ...string) {
		t.Helper()
		open, err := j.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var have []string
		for _, r := range open {
			have = append(have, r.Opened.Call)
		}
		if !slices.Equal(have, want) {
			t.Errorf("open are %v, want %v", have, want)
		}
	}
	check(b, c)
	stop()
	j, stop = Start(t, p.Crash(t), NewClock())
	check(b, c)
	closing.Receipt.Call = b
	appendAll(t, j, closing)
	stop()
	j, _ = Start(t, p.Crash(t), NewClock())
	check(c)
}

func crash(t *testing.T, p Place) {
	j, _ := Start(t, p.Open(t), NewClock())
	before := appendAll(t, j, receiptsFrom(0, 50)...)
	j, _ = Start(t, p.Crash(t), NewClock())
	after := appendAll(t, j, receiptsFrom(50, 50)...)
	if after[0].Seq != before[49].Seq+1 {
		t.Errorf("after the crash the journal goes on at %d, want %d", after[0].Seq, before[49].Seq+1)
	}
	prev := map[string]crank.Digest{}
	for _, s := range scan(t, j)[1:] {
		r, err := s.Record()
		if err != nil {
			t.Fatal(err)
		}
		if tenant := r.Receipt.Payer.Tenant; r.Receipt.TenantPrev != prev[tenant] {
			t.Fatalf("receipt %d breaks its tenant's chain", r.Seq)
		}
		prev[r.Receipt.Payer.Tenant] = s.Digest()
	}
	if _, err := j.Receipt(t.Context(), "", before[49].Receipt.ID); err != nil {
		t.Error(err)
	}
}

func full(t *testing.T, p Place) {
	j, _ := Start(t, p.Open(t), NewClock())
	before := appendAll(t, j, receiptsFrom(0, 20)...)
	if !p.Fill(t) {
		t.Skip("this store's space cannot be made to run out")
	}
	refused := 0
	var last crank.Record
	for i := range 200 {
		r, err := j.Append(t.Context(), Receipt(20+i))
		if err != nil {
			wantCode(t, err, crank.CodeJournalFull)
			if refused++; refused == 5 {
				break
			}
			continue
		}
		last = r
	}
	if refused != 5 {
		t.Fatalf("%d appends were refused though the space ran out", refused)
	}
	_, head, _ := j.Head(t.Context())
	if want := max(last.Seq, before[19].Seq); head != want {
		t.Errorf("the head stands at %d after refusals, want %d", head, want)
	}
	p.Free(t)
	again, err := j.Append(t.Context(), Receipt(1000))
	if err != nil || again.Seq != head+1 {
		t.Fatalf("with space again, the next record is %d (%v), want %d", again.Seq, err, head+1)
	}
	if got := len(scan(t, j)); uint64(got) != head+1 {
		t.Errorf("the journal has %d records, want %d", got, head+1)
	}
	if same, err := j.Rebuild(t.Context()); err != nil || !same {
		t.Errorf("the sums are wrong after refusals (%v)", err)
	}
}

func withdrawn(t *testing.T, p Place) {
	store := p.Open(t)
	j, err := receipts.New(t.Context(), receipts.Config{Store: store, Now: NewClock().Now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = j.Append(ctx, Receipt(1)) // nobody writes yet: it is still in the queue
	wantCode(t, err, crank.CodeCancelled)
	run, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- j.Run(run) }()
	r, err := j.Append(t.Context(), Receipt(2))
	if err != nil || r.Seq != 2 {
		t.Errorf("the next record stands at %d (%v), want 2", r.Seq, err)
	}
	stop()
	<-done
}

func stopped(t *testing.T, p Place) {
	j, stop := Start(t, p.Open(t), NewClock())
	stop()
	_, err := j.Append(t.Context(), Receipt(1))
	wantCode(t, err, crank.CodeDraining)
}

func clock(t *testing.T, p Place) {
	c := NewClock()
	j, stop := Start(t, p.Open(t), c)
	a := appendAll(t, j, Receipt(0))[0]
	c.Move(-time.Hour)
	b := appendAll(t, j, Receipt(1))[0]
	stop()
	j, _ = Start(t, p.Crash(t), c)
	d := appendAll(t, j, Receipt(2))[0]
	c.Move(2 * time.Hour)
	e := appendAll(t, j, Receipt(3))[0]
	if a.Time != b.Time || b.Time != d.Time || e.Time != c.Now().UnixMicro() {
		t.Errorf("commit times are %d %d %d %d", a.Time, b.Time, d.Time, e.Time)
	}
}

func epochs(t *testing.T, p Place) {
	j, stop := Start(t, p.Open(t), NewClock())
	a := appendAll(t, j, Receipt(0))[0]
	begin, err := j.NewEpoch(t.Context(), crank.Tags{"size": "2"})
	if err != nil {
		t.Fatal(err)
	}
	b := appendAll(t, j, Receipt(3))[0]
	if begin.Epoch != 2 || begin.Seq != 3 || begin.Admin.Detail["size"] != "2" || b.Epoch != 2 {
		t.Errorf("epoch 2 begins with %+v", begin)
	}
	if b.Receipt.TenantSeq != 2 || a.Receipt.TenantSeq != 1 {
		t.Errorf("a tenant's chain does not go on across epochs: %d after %d", b.Receipt.TenantSeq, a.Receipt.TenantSeq)
	}
	_, err = j.Append(t.Context(), crank.Record{Type: crank.TypeAdmin, Admin: &crank.Admin{Act: receipts.ActEpoch}})
	wantCode(t, err, crank.CodeInternal)
	stop()
	j, _ = Start(t, p.Crash(t), NewClock())
	have, err := j.Epochs(t.Context())
	if want := []receipts.Epoch{{Epoch: 1, FirstSeq: 1}, {Epoch: 2, FirstSeq: 3}}; err != nil || !slices.Equal(have, want) {
		t.Errorf("epochs are %v (%v), want %v", have, err, want)
	}
	for i, s := range scan(t, j) {
		if want := uint64(1 + i/2); s.Epoch != want {
			t.Errorf("record %d is of epoch %d", s.Seq, s.Epoch)
		}
		if _, err := s.Record(); err != nil {
			t.Error(err)
		}
	}
	epoch, seq, err := j.Head(t.Context())
	if epoch != 2 || seq != 4 || err != nil {
		t.Errorf("the head is %d/%d (%v)", epoch, seq, err)
	}
}

func refused(t *testing.T, p Place) {
	j, _ := Start(t, p.Open(t), NewClock())
	for what, change := range map[string]func(*crank.Record){
		"no call":              func(r *crank.Record) { r.Receipt.Call = "" },
		"a call's id in part":  func(r *crank.Record) { r.Receipt.Call = "call_12" },
		"another kind of id":   func(r *crank.Record) { r.Receipt.Call = ids.New("key") },
		"text that is no text": func(r *crank.Record) { r.Receipt.Trace = "\xff" },
		"another type":         func(r *crank.Record) { r.Type = crank.TypeAdmin },
	} {
		r := Receipt(1)
		change(&r)
		_, err := j.Append(t.Context(), r)
		if err == nil || crank.AsError(err).Code != crank.CodeInternal {
			t.Errorf("a receipt with %s gives %v", what, err)
		}
		if out, err := j.AppendAll(t.Context(), []crank.Record{r}); err == nil || len(out) != 0 {
			t.Errorf("a receipt with %s among many gives %v", what, err)
		}
	}
	mine := Receipt(2)
	mine.Receipt.ID, mine.Receipt.TenantSeq, mine.Receipt.Version = "rcpt_of_my_own", 99, 7
	kept := appendAll(t, j, mine)[0]
	if kept.Seq != 2 || kept.Receipt.TenantSeq != 1 || kept.Receipt.Version != crank.FormatVersion || kept.Receipt.ID != "rcpt_"+mine.Receipt.Call[len("call_"):] {
		t.Errorf("the journal let a caller choose: %+v", kept.Receipt)
	}
	if mine.Receipt.TenantSeq != 99 {
		t.Error("the caller's own receipt was changed")
	}
}
