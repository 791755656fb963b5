package receiptstest

import (
	"bytes"
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
	"github.com/crank-platform/crank/platform/receipts"
)

func prune(t *testing.T, p Place) {
	c := NewClock()
	store := p.Open(t)
	j, stop := Start(t, store, c)
	all := spread(t, j, c, 0, 70)
	call := ids.New("call")
	appendAll(t, j, Opened(call, "x"))
	all = append(all, spread(t, j, c, 70, 70)...)
	before := scan(t, j)
	edge := time.UnixMicro(all[35].Time)

	var file bytes.Buffer
	n, err := j.Archive(t.Context(), edge, &file)
	if err != nil || n != 36 {
		t.Fatalf("%d records are archived (%v), want 36", n, err)
	}
	var archived []receipts.Stored
	if _, err := receipts.ReadArchive(bytes.NewReader(file.Bytes()), func(s receipts.Stored) error { archived = append(archived, s); return nil }); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(archived, before[:36]) {
		t.Error("the archive holds other records than the journal")
	}
	if n, err := j.Prune(t.Context(), edge); err != nil || n != 36 {
		t.Fatalf("%d records are pruned (%v), want 36", n, err)
	}
	check := func(pruned int) {
		t.Helper()
		after := scan(t, j)
		for i, s := range after[:len(before)] {
			if s.Leaf() != before[i].Leaf() || s.Epoch != before[i].Epoch || s.Seq != before[i].Seq {
				t.Fatalf("the leaf of record %d has changed", s.Seq)
			}
			if gone := s.Bytes == nil; gone != (i < pruned) || gone != (s.Salt == [32]byte{}) {
				t.Fatalf("record %d: pruned is %v", s.Seq, gone)
			}
		}
		checkUsage(t, j, all)
		page, _, err := j.List(t.Context(), receipts.Query{Limit: 1000})
		if want := len(all) - max(0, pruned-1); err != nil || len(page) != want {
			t.Errorf("the list has %d receipts (%v), want %d", len(page), err, want)
		}
		if same, err := j.Rebuild(t.Context()); err != nil || !same {
			t.Errorf("the sums change when built again (%v)", err)
		}
		_, err = j.Receipt(t.Context(), "", all[0].Receipt.ID)
		wantCode(t, err, crank.CodeReceiptUnknown)
		err = j.Follow(t.Context(), "too late", 0, func(context.Context, []crank.Record) error { return nil })
		wantCode(t, err, crank.CodeReceiptUnknown)
	}
	check(36)
	// What stays open stays readable, and so does what comes after it.
	if n, err := j.Prune(t.Context(), c.Now().Add(time.Hour)); err != nil || n != 71-36 {
		t.Fatalf("%d records are pruned up to the open call (%v), want %d", n, err, 71-36)
	}
	check(71)
	stop()
	for _, lost := range []bool{false, true} {
		store = p.Crash(t)
		if lost {
			if err := store.Reset(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		j, stop = Start(t, store, c)
		check(71)
		stop()
	}
	j, _ = Start(t, store, c)
	closing := Receipt(1)
	closing.Receipt.Call = call
	all = append(all, appendAll(t, j, closing)...)
	if n, err := j.Prune(t.Context(), c.Now().Add(time.Hour)); err != nil || n != 71 {
		t.Fatalf("%d records are pruned (%v), want 71 and never the last", n, err)
	}
	next := appendAll(t, j, Receipt(4))[0]
	if prev := scan(t, j)[len(before)]; next.Receipt.TenantPrev != prev.Digest() && next.Receipt.Payer == closing.Receipt.Payer {
		t.Error("the chain breaks after pruning")
	}
}
