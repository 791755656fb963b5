package receipts

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/crank-platform/crank"
)

// Usage sums receipts up; see Projections.
func (j *Journal) Usage(ctx context.Context, q UsageQuery) ([]UsageRow, error) {
	g, err := groupingOf(q.By)
	if err != nil {
		return nil, err
	}
	if err := j.catchUp(ctx); err != nil {
		return nil, err
	}
	j.views.whole.RLock()
	defer j.views.whole.RUnlock()
	first, last := int64(math.MinInt64), int64(math.MaxInt64)
	if !q.Since.IsZero() {
		first = dayOf(q.Since.UnixMicro())
	}
	if !q.Until.IsZero() {
		last = dayOf(q.Until.UnixMicro() - 1)
	}
	if err := j.store.Sums(ctx, q.Tenant, first, last, func(s Sum) error { g.add(s); return nil }); err != nil {
		return nil, err
	}
	return g.rows(), nil
}

// grouping adds sums up by the columns that were asked for.
type grouping struct {
	by   []string
	tag  string // name of the tag among by, "" for none
	have map[string]*usageGroup
}

type usageGroup struct {
	values []string
	asset  crank.Asset
	sum    Sum
	meters map[string]int64
}

func groupingOf(by []string) (*grouping, error) {
	g := &grouping{by: by, have: map[string]*usageGroup{}}
	for i, column := range by {
		name, isTag := strings.CutPrefix(column, "tag:")
		switch {
		case slices.Contains(by[:i], column):
			return nil, crank.E(crank.CodeInvalidInput, "%q is named twice", column)
		case isTag && name != "" && g.tag == "":
			g.tag = name
		case isTag:
			return nil, crank.E(crank.CodeInvalidInput, "usage can be grouped by one tag, tag:NAME, at a time")
		case column == "day" || slices.Contains(columns, column):
		default:
			return nil, crank.E(crank.CodeInvalidInput, "usage cannot be grouped by %q", clip(column)).
				Mending("Group by %s, day or tag:NAME.", strings.Join(columns, ", "))
		}
	}
	return g, nil
}

var columns = []string{"tenant", "team", "app", "key", "capability", "outcome"}

func (g Group) column(name string) string {
	switch name {
	case "tenant":
		return g.Tenant
	case "team":
		return g.Team
	case "app":
		return g.App
	case "key":
		return g.Key
	case "capability":
		return string(g.Capability)
	default:
		return string(g.Outcome)
	}
}

// add takes one sum in. Grouped by a tag, receipts without it are what the tag's
// sums leave of the whole.
func (g *grouping) add(s Sum) {
	switch {
	case s.Label.Kind == LabelAll:
		g.at(s, "").sum.Add(s.Count, s.Price)
	case s.Label.Kind == LabelMeter && g.tag == "":
		u := g.at(s, "")
		if u.meters == nil {
			u.meters = map[string]int64{}
		}
		u.meters[s.Label.Name] = clamped(u.meters[s.Label.Name], s.Count)
	case s.Label.Kind == LabelTag && s.Label.Name == g.tag && g.tag != "" && s.Label.Value != "":
		g.at(s, s.Label.Value).sum.Add(s.Count, s.Price)
		g.at(s, "").sum.Add(-s.Count, -s.Price)
	}
}

func (g *grouping) at(s Sum, tag string) *usageGroup {
	values := make([]string, len(g.by), len(g.by)+1)
	for i, column := range g.by {
		switch {
		case column == "day":
			values[i] = time.UnixMicro(s.Day * microsPerDay).UTC().Format(time.DateOnly)
		case strings.HasPrefix(column, "tag:"):
			values[i] = tag
		default:
			values[i] = s.Group.column(column)
		}
	}
	key := strings.Join(append(values, string(s.Group.Asset)), "\x00")
	u := g.have[key]
	if u == nil {
		u = &usageGroup{values: values, asset: s.Group.Asset}
		g.have[key] = u
	}
	return u
}

func (g *grouping) rows() []UsageRow {
	all := make([]*usageGroup, 0, len(g.have))
	for _, u := range g.have {
		if u.sum.Count != 0 || u.sum.Price != 0 {
			all = append(all, u)
		}
	}
	slices.SortFunc(all, func(a, b *usageGroup) int {
		return cmp.Or(slices.Compare(a.values, b.values), cmp.Compare(a.asset, b.asset))
	})
	rows := make([]UsageRow, len(all))
	for i, u := range all {
		group := make(map[string]string, len(g.by))
		for k, column := range g.by {
			group[column] = u.values[k]
		}
		rows[i] = UsageRow{group, u.sum.Count, u.asset, u.sum.Price, u.meters}
	}
	return rows
}

// tally is a digest of everything the views hold but the index, whatever order
// the store returns it in: each thing comes once, so digests can be added.
func (j *Journal) tally(ctx context.Context) (total crank.Digest, err error) {
	add := func(v any) error {
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		for i, c := range sha256.Sum256(b) {
			total[i] ^= c
		}
		return nil
	}
	if err := j.store.Sums(ctx, "", math.MinInt64, math.MaxInt64, func(s Sum) error { return add(s) }); err != nil {
		return total, err
	}
	p, err := j.store.Progress(ctx)
	if err != nil {
		return total, err
	}
	for tenant, link := range p.Heads {
		if err := add([]any{tenant, link}); err != nil {
			return total, err
		}
	}
	for call, seq := range p.Open {
		if err := add([]any{call, seq}); err != nil {
			return total, err
		}
	}
	return total, nil
}
