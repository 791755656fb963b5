package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/receipts"
)

// Seqs finds receipts, newest first. It asks each group that fits for its newest,
// and then only those groups that have any on the page.
func (s *Store) Seqs(ctx context.Context, q receipts.Query, label receipts.Label, after, before uint64, limit int) ([]uint64, error) {
	seqs, err := s.seqs(ctx, q, label, int64(min(after, math.MaxInt64)), int64(min(before, math.MaxInt64)), limit)
	return seqs, failedViews(err, "the views cannot be read")
}

func (s *Store) seqs(ctx context.Context, q receipts.Query, label receipts.Label, after, before int64, limit int) ([]uint64, error) {
	var labelID int64
	err := s.views.Read.QueryRowContext(ctx, "SELECT id FROM label WHERE kind=? AND name=? AND value=?", int64(label.Kind), label.Name, label.Value).Scan(&labelID)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	where, args := "", []any{labelID, before}
	for _, c := range [...]struct{ column, want string }{
		{"tenant", q.Tenant}, {"team", q.Team}, {"app", q.App}, {"key", q.Key}, {"capability", string(q.Capability)}, {"outcome", string(q.Outcome)},
	} {
		if c.want != "" {
			where += " AND g." + c.column + " = ?"
			args = append(args, c.want)
		}
	}
	rows, err := s.views.Read.QueryContext(ctx, `SELECT id, newest FROM (
		SELECT g.id AS id, (SELECT max(i.seq) FROM item i WHERE i.grp = g.id AND i.label = ? AND i.seq < ?) AS newest FROM grp g WHERE true`+where+`
	) WHERE newest > ? ORDER BY newest DESC LIMIT ?`, append(args, after, limit)...)
	if err != nil {
		return nil, err
	}
	var groups [][2]int64
	if err := each(rows, func() error {
		var g [2]int64
		err := rows.Scan(&g[0], &g[1])
		groups = append(groups, g)
		return err
	}); err != nil {
		return nil, err
	}
	var found []uint64
	for _, g := range groups {
		if len(found) == limit {
			if after = int64(found[limit-1]); g[1] < after {
				break
			}
		}
		rows, err := s.views.Read.QueryContext(ctx, "SELECT seq FROM item WHERE grp = ? AND label = ? AND seq > ? AND seq < ? ORDER BY seq DESC LIMIT ?", g[0], labelID, after, before, limit)
		if err != nil {
			return nil, err
		}
		if err := each(rows, func() error {
			var seq uint64
			err := rows.Scan(&seq)
			found = append(found, seq)
			return err
		}); err != nil {
			return nil, err
		}
		slices.SortFunc(found, func(a, b uint64) int { return cmp.Compare(b, a) })
		found = found[:min(limit, len(found))]
	}
	return found, nil
}

// Sums calls f with each sum.
func (s *Store) Sums(ctx context.Context, tenant string, first, last int64, f func(receipts.Sum) error) error {
	where, args := "", []any{first, last}
	if tenant != "" {
		where, args = " AND g.tenant = ?", append(args, tenant)
	}
	rows, err := s.views.Read.QueryContext(ctx, `SELECT s.day, s.count, s.price, l.kind, l.name, l.value,
		g.tenant, g.team, g.app, g.key, g.capability, g.outcome, g.asset
		FROM grp g CROSS JOIN sum s ON s.grp = g.id CROSS JOIN label l ON l.id = s.label WHERE s.day BETWEEN ? AND ?`+where, args...)
	if err == nil {
		err = each(rows, func() error {
			var sum receipts.Sum
			g := &sum.Group
			if err := rows.Scan(&sum.Day, &sum.Count, &sum.Price, &sum.Label.Kind, &sum.Label.Name, &sum.Label.Value,
				&g.Tenant, &g.Team, &g.App, &g.Key, &g.Capability, &g.Outcome, &g.Asset); err != nil {
				return err
			}
			return f(sum)
		})
	}
	if e, ok := errors.AsType[*crank.Error](err); ok {
		return e
	}
	return failedViews(err, "the views cannot be read")
}
