package receiptstest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
	"github.com/crank-platform/crank/platform/receipts"
)

// spread appends n receipts over some days, a commit of seven at a time.
func spread(t *testing.T, j *receipts.Journal, c *Clock, from, n int) (all []crank.Record) {
	t.Helper()
	for i := 0; i < n; i += 7 {
		all = append(all, appendAll(t, j, receiptsFrom(from+i, min(7, n-i))...)...)
		c.Move(5 * time.Hour)
	}
	return all
}

func fits(r crank.Record, q receipts.Query) bool {
	p, at := r.Receipt.Payer, time.UnixMicro(r.Time)
	name, value, _ := strings.Cut(q.Tag, "=")
	return (q.Tenant == "" || q.Tenant == p.Tenant) && (q.Team == "" || q.Team == p.Team) && (q.Key == "" || q.Key == p.Key) &&
		(q.App == "" || q.App == p.App) && (q.Capability == "" || q.Capability == r.Receipt.Capability) &&
		(q.Outcome == "" || q.Outcome == r.Receipt.Outcome) && (q.Tag == "" || r.Receipt.Tags[name] == value && value != "") &&
		(q.Since.IsZero() || !at.Before(q.Since)) && (q.Until.IsZero() || at.Before(q.Until))
}

func list(t *testing.T, p Place) {
	c := NewClock()
	j, _ := Start(t, p.Open(t), c)
	all := spread(t, j, c, 0, 200)
	start := time.UnixMicro(all[0].Time)
	for i, q := range []receipts.Query{
		{}, {Tenant: "tenant_1"}, {Tenant: "tenant_1", Key: "key_3"}, {Team: "team_1"}, {Capability: "email/parse@1"}, {Outcome: crank.OutcomeFailed},
		{Tag: "env=prod"}, {Tag: "project=p4", Tenant: "tenant_0"}, {Tag: "project=none"}, {App: "none"}, {Tenant: "nobody"},
		{Since: start.Add(20 * time.Hour)}, {Until: start.Add(20 * time.Hour)}, {Since: start.Add(time.Hour), Until: start.Add(40 * time.Hour), Tag: "env=prod"},
		{Since: start.Add(10000 * time.Hour)}, {Until: start.Add(-time.Hour)},
	} {
		var want []string
		for _, r := range slices.Backward(all) {
			if fits(r, q) {
				want = append(want, r.Receipt.ID)
			}
		}
		for _, limit := range []int{1, 7, 1000} {
			if limit == 1 && len(want) > 30 {
				continue
			}
			q.Limit, q.Cursor = limit, ""
			var have []string
			for {
				page, next, err := j.List(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				if len(page) > limit {
					t.Fatalf("a page of at most %d has %d", limit, len(page))
				}
				for _, r := range page {
					have = append(have, r.ID)
				}
				if q.Cursor = next; next == "" {
					break
				}
			}
			if !slices.Equal(have, want) {
				t.Errorf("query %d in pages of %d gives %d receipts, want %d", i, limit, len(have), len(want))
			}
		}
	}
	for _, q := range []receipts.Query{{Tag: "env"}, {Cursor: "x"}} {
		_, _, err := j.List(t.Context(), q)
		wantCode(t, err, crank.CodeInvalidInput)
	}
}

// sumUp is Usage, told another way.
func sumUp(all []crank.Record, q receipts.UsageQuery) map[string]receipts.UsageRow {
	rows := map[string]receipts.UsageRow{}
	for _, r := range all {
		day := time.UnixMicro(r.Time).UTC().Truncate(24 * time.Hour)
		if q.Tenant != "" && r.Receipt.Payer.Tenant != q.Tenant || !q.Since.IsZero() && day.Before(q.Since.Truncate(24*time.Hour)) ||
			!q.Until.IsZero() && !day.Before(q.Until) {
			continue
		}
		g := map[string]string{}
		tagged := false
		for _, by := range q.By {
			name, isTag := strings.CutPrefix(by, "tag:")
			tagged = tagged || isTag
			switch {
			case isTag:
				g[by] = r.Receipt.Tags[name]
			case by == "day":
				g[by] = day.Format(time.DateOnly)
			case by == "tenant":
				g[by] = r.Receipt.Payer.Tenant
			case by == "team":
				g[by] = r.Receipt.Payer.Team
			case by == "app":
				g[by] = r.Receipt.Payer.App
			case by == "key":
				g[by] = r.Receipt.Payer.Key
			case by == "capability":
				g[by] = string(r.Receipt.Capability)
			case by == "outcome":
				g[by] = string(r.Receipt.Outcome)
			}
		}
		id := fmt.Sprint(g, r.Receipt.Price.Asset)
		row, ok := rows[id]
		if !ok {
			row = receipts.UsageRow{Group: g, Asset: r.Receipt.Price.Asset}
		}
		row.Calls++
		row.Price += r.Receipt.Price.Micros
		if !tagged {
			if row.Meters == nil {
				row.Meters = map[string]int64{}
			}
			for _, u := range r.Receipt.Usage {
				row.Meters[u.Meter] += u.Quantity
			}
		}
		rows[id] = row
	}
	return rows
}

func checkUsage(t *testing.T, j *receipts.Journal, all []crank.Record) {
	t.Helper()
	start := time.UnixMicro(all[0].Time).UTC()
	for _, q := range []receipts.UsageQuery{
		{}, {By: []string{"tenant"}}, {By: []string{"key", "outcome"}}, {By: []string{"day"}}, {By: []string{"team", "app"}},
		{By: []string{"tag:env"}}, {By: []string{"tenant", "tag:project", "capability"}}, {By: []string{"tag:none"}},
		{Tenant: "tenant_2", By: []string{"key"}}, {Tenant: "nobody"},
		{Since: start.Add(30 * time.Hour), By: []string{"day"}}, {Until: start.Add(48 * time.Hour), By: []string{"day"}},
		{Since: start.Add(24 * time.Hour), Until: start.Add(49 * time.Hour), By: []string{"day", "capability"}},
	} {
		rows, err := j.Usage(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		have := map[string]receipts.UsageRow{}
		for _, row := range rows {
			have[fmt.Sprint(row.Group, row.Asset)] = row
		}
		if want := sumUp(all, q); len(rows) != len(have) || !reflect.DeepEqual(have, want) {
			t.Errorf("usage of %+v is\n%v, want\n%v", q, have, want)
		}
	}
}

func usage(t *testing.T, p Place) {
	c := NewClock()
	j, _ := Start(t, p.Open(t), c)
	all := spread(t, j, c, 0, 100)
	checkUsage(t, j, all)
	for _, by := range [][]string{{"colour"}, {"tag:"}, {"tag:a", "tag:b"}, {"key", "key"}} {
		_, err := j.Usage(t.Context(), receipts.UsageQuery{By: by})
		wantCode(t, err, crank.CodeInvalidInput)
	}
}

func foreign(t *testing.T, p Place) {
	j, _ := Start(t, p.Open(t), NewClock())
	r := appendAll(t, j, Receipt(1))[0].Receipt
	for _, id := range []string{r.ID, r.Call} {
		for _, tenant := range []string{"", r.Payer.Tenant} {
			s, err := j.Receipt(t.Context(), tenant, id)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := s.Record(); err != nil || !reflect.DeepEqual(back.Receipt, r) {
				t.Errorf("receipt %s reads back as %+v (%v)", id, back.Receipt, err)
			}
		}
		_, theirs := j.Receipt(t.Context(), "tenant_2", id)
		none := strings.Replace(id, id[len(id)-4:], "0000", 1)
		_, nobodys := j.Receipt(t.Context(), "tenant_2", none)
		wantCode(t, theirs, crank.CodeReceiptUnknown)
		if strings.ReplaceAll(theirs.Error(), id, none) != nobodys.Error() {
			t.Errorf("another's receipt gives %q, one that never was %q", theirs, nobodys)
		}
	}
	_, err := j.Receipt(t.Context(), "", "nonsense")
	wantCode(t, err, crank.CodeReceiptUnknown)
}

func rebuild(t *testing.T, p Place) {
	c := NewClock()
	store := p.Open(t)
	j, stop := Start(t, store, c)
	all := spread(t, j, c, 0, 60)
	call := ids.New("call")
	appendAll(t, j, Opened(call, "x"))
	if same, err := j.Rebuild(t.Context()); err != nil || !same {
		t.Errorf("views that were right are found wrong (%v)", err)
	}
	checkUsage(t, j, all)
	stop()
	store = p.Crash(t)
	if err := store.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	j, stop = Start(t, store, c)
	checkUsage(t, j, all)
	if open, err := j.Open(t.Context()); err != nil || len(open) != 1 || open[0].Opened.Call != call {
		t.Errorf("after the views are lost, open are %v (%v)", open, err)
	}
	stop()
	progress, err := store.Progress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wrong := receipts.Sum{Day: 1, Group: receipts.Group{Tenant: "tenant_1"}, Count: 1}
	if err := store.Apply(t.Context(), receipts.Delta{Mark: progress.Mark, Sums: []receipts.Sum{wrong}}); err != nil {
		t.Fatal(err)
	}
	j, _ = Start(t, store, c)
	if same, err := j.Rebuild(t.Context()); err != nil || same {
		t.Errorf("a wrong sum is not found (%v)", err)
	}
	checkUsage(t, j, all)
}

func strangeViews(t *testing.T, p Place) {
	c := NewClock()
	store := p.Open(t)
	j, stop := Start(t, store, c)
	all := spread(t, j, c, 0, 30)
	stop()
	progress, err := store.Progress(t.Context())
	if err != nil || progress.Seq != 31 {
		t.Fatalf("a journal that stopped left its views at %d (%v)", progress.Seq, err)
	}
	for _, mark := range []receipts.Mark{{Seq: 31, Digest: crank.DigestOf("test")}, {Seq: 1000, Digest: progress.Digest}} {
		if err := store.Apply(t.Context(), receipts.Delta{Mark: mark, Sums: []receipts.Sum{{Day: 1, Count: 77}}}); err != nil {
			t.Fatal(err)
		}
		j, stop = Start(t, store, c)
		checkUsage(t, j, all)
		stop()
	}
}

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

func subjects(t *testing.T, p Place) {
	j, stop := Start(t, p.Open(t), NewClock())
	const who = "subject@example.org"
	a, err := j.Seal(t.Context(), "tenant_1", who)
	if err != nil {
		t.Fatal(err)
	}
	b, err := j.Seal(t.Context(), "tenant_1", who)
	if err != nil || bytes.Equal(a, b) || bytes.Contains(a, []byte(who)) {
		t.Errorf("two seals of one subject are %x and %x (%v)", a, b, err)
	}
	stop()
	j, stop = Start(t, p.Crash(t), NewClock())
	for _, sealed := range [][]byte{a, b} {
		if got, err := j.Unseal(t.Context(), "tenant_1", sealed); err != nil || got != who {
			t.Errorf("unsealed is %q (%v)", got, err)
		}
	}
	_, err = j.Unseal(t.Context(), "tenant_2", a)
	wantCode(t, err, crank.CodeNotFound)
	_, err = j.Unseal(t.Context(), "tenant_1", a[:20])
	wantCode(t, err, crank.CodeReceiptTampered)
	a[len(a)-1] ^= 1
	_, err = j.Unseal(t.Context(), "tenant_1", a)
	wantCode(t, err, crank.CodeReceiptTampered)

	r := Receipt(1)
	r.Receipt.Subject = b
	r = appendAll(t, j, r)[0]
	leaf := scan(t, j)[r.Seq-1].Leaf()
	other, err := j.Seal(t.Context(), "tenant_1", "other@example.org")
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Erase(t.Context(), "tenant_1", who); err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		_, err = j.Unseal(t.Context(), "tenant_1", b)
		wantCode(t, err, crank.CodeNotFound)
		if got, err := j.Unseal(t.Context(), "tenant_1", other); err != nil || got != "other@example.org" {
			t.Errorf("erasing one subject takes another: %q (%v)", got, err)
		}
		if scan(t, j)[r.Seq-1].Leaf() != leaf {
			t.Error("erasing changes a leaf")
		}
	}
	check()
	again, err := j.Seal(t.Context(), "tenant_1", who)
	if err != nil || bytes.Equal(again[:16], b[:16]) {
		t.Errorf("a subject seen again goes by its erased key (%v)", err)
	}
	stop()
	j, _ = Start(t, p.Crash(t), NewClock())
	check()
}

func salts(t *testing.T, p Place) {
	j, stop := Start(t, p.Open(t), NewClock())
	a, err := j.Salt(t.Context(), "tenant_1")
	if err != nil || a == ([32]byte{}) {
		t.Fatalf("the salt is %x (%v)", a, err)
	}
	if b, err := j.Salt(t.Context(), "tenant_2"); err != nil || a == b {
		t.Errorf("two tenants share a salt (%v)", err)
	}
	stop()
	j, _ = Start(t, p.Crash(t), NewClock())
	if again, err := j.Salt(t.Context(), "tenant_1"); err != nil || again != a {
		t.Errorf("the salt has changed (%v)", err)
	}
}

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

func clampedSums(t *testing.T, p Place) {
	j, _ := Start(t, p.Open(t), NewClock())
	for i := range 3 {
		r := Receipt(1)
		r.Receipt.Usage = crank.Usage{{Meter: "pages", Quantity: math.MaxInt64 - 5, Method: crank.Estimated, Source: crank.SourceWorker}}
		appendAll(t, j, r)
		rows, err := j.Usage(t.Context(), receipts.UsageQuery{})
		if err != nil || len(rows) != 1 {
			t.Fatalf("usage is %v (%v)", rows, err)
		}
		want := int64(math.MaxInt64)
		if i == 0 {
			want -= 5
		}
		if got := rows[0].Meters; !maps.Equal(got, map[string]int64{"pages": want}) || rows[0].Calls != int64(i+1) {
			t.Errorf("after %d readings the meters are %v", i+1, got)
		}
	}
}
