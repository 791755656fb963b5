package receiptstest

import (
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
