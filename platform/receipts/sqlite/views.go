package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/crank-platform/crank/platform/receipts"
)

// A receipt is in item once under label 0, and once more for each of its tags.
const viewsSchema = `
CREATE TABLE mark (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, digest BLOB NOT NULL) STRICT;
CREATE TABLE head (tenant TEXT PRIMARY KEY, seq INTEGER NOT NULL, digest BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE open (call BLOB PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE grp (id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, team TEXT NOT NULL, app TEXT NOT NULL, key TEXT NOT NULL,
	capability TEXT NOT NULL, outcome TEXT NOT NULL, asset TEXT NOT NULL,
	UNIQUE (tenant, team, app, key, capability, outcome, asset)) STRICT;
CREATE TABLE label (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, UNIQUE (kind, name, value)) STRICT;
INSERT INTO label VALUES (0, 0, '', '');
CREATE TABLE item (grp INTEGER NOT NULL, label INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (grp, label, seq)) STRICT, WITHOUT ROWID;
CREATE TABLE sum (grp INTEGER NOT NULL, day INTEGER NOT NULL, label INTEGER NOT NULL, count INTEGER NOT NULL, price INTEGER NOT NULL,
	PRIMARY KEY (grp, day, label)) STRICT, WITHOUT ROWID;
`

// names remembers the ids of groups and labels. It is Apply's alone.
type names struct {
	groups map[receipts.Group]int64
	labels map[receipts.Label]int64
}

// maxNames bounds each of them; a full one is emptied.
const maxNames = 1 << 16

const viewsFailed = "the views cannot be written"

// Progress returns what the views stand for.
func (s *Store) Progress(ctx context.Context) (receipts.Progress, error) {
	p := receipts.Progress{Heads: map[string]receipts.Link{}, Open: map[receipts.CallID]uint64{}}
	err := s.progress(ctx, &p)
	return p, failedViews(err, "the views cannot be read")
}

func (s *Store) progress(ctx context.Context, p *receipts.Progress) error {
	tx, err := s.views.Read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) // one snapshot for all
	if err != nil {
		return err
	}
	defer tx.Rollback() // it has read only
	var digest []byte
	err = tx.QueryRowContext(ctx, "SELECT seq, digest FROM mark").Scan(&p.Seq, &digest)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	copy(p.Digest[:], digest)
	rows, err := tx.QueryContext(ctx, "SELECT tenant, seq, digest FROM head")
	if err != nil {
		return err
	}
	if err := scanHeads(rows, p.Heads); err != nil {
		return err
	}
	rows, err = tx.QueryContext(ctx, "SELECT call, seq FROM open")
	if err != nil {
		return err
	}
	return each(rows, func() error {
		var call []byte
		var seq uint64
		if err := rows.Scan(&call, &seq); err != nil {
			return err
		}
		var id receipts.CallID
		copy(id[:], call)
		p.Open[id] = seq
		return nil
	})
}

// Apply takes a change in.
func (s *Store) Apply(ctx context.Context, d receipts.Delta) error {
	err := s.views.Tx(ctx, func(tx *sql.Tx) error { return s.apply(ctx, tx, d) })
	if err != nil {
		s.names = names{} // ids of a transaction that was rolled back
	}
	return failedViews(err, viewsFailed)
}

func (s *Store) apply(ctx context.Context, tx *sql.Tx, d receipts.Delta) error {
	var items [][3]int64
	for _, item := range d.Items {
		grp, err := s.group(ctx, tx, item.Group)
		if err != nil {
			return err
		}
		items = append(items, [3]int64{grp, 0, int64(item.Seq)})
		for _, l := range item.Labels {
			label, err := s.label(ctx, tx, l)
			if err != nil {
				return err
			}
			items = append(items, [3]int64{grp, label, int64(item.Seq)})
		}
	}
	slices.SortFunc(items, func(a, b [3]int64) int { return slices.Compare(a[:], b[:]) }) // neighbours in the tree
	args := make([]any, 0, max(3*len(items), 5*len(d.Sums)))
	for _, i := range items {
		args = append(args, i[0], i[1], i[2])
	}
	if err := s.insertItem.run(ctx, tx, args); err != nil {
		return err
	}
	args = args[:0]
	for _, sum := range d.Sums {
		grp, err := s.group(ctx, tx, sum.Group)
		if err != nil {
			return err
		}
		label, err := s.label(ctx, tx, sum.Label)
		if err != nil {
			return err
		}
		args = append(args, grp, sum.Day, label, sum.Count, int64(sum.Price))
	}
	if err := s.insertSum.run(ctx, tx, args); err != nil {
		return err
	}
	args = args[:0]
	for tenant, l := range d.Heads {
		args = append(args, tenant, l.Seq, l.Digest[:])
	}
	if err := s.insertHead.run(ctx, tx, args); err != nil {
		return err
	}
	if err := s.applyOpen(ctx, tx, d); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO mark VALUES (1, ?, ?)", d.Seq, d.Digest[:])
	return err
}

func (s *Store) applyOpen(ctx context.Context, tx *sql.Tx, d receipts.Delta) error {
	rows, err := tx.QueryContext(ctx, "SELECT call FROM open") // few; the calls closed are many
	if err != nil {
		return err
	}
	open := map[receipts.CallID]bool{}
	if err := each(rows, func() error {
		var call []byte
		err := rows.Scan(&call)
		if len(call) == len(receipts.CallID{}) {
			open[receipts.CallID(call)] = true
		}
		return err
	}); err != nil {
		return err
	}
	for _, call := range d.Closed {
		if !open[call] {
			continue
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM open WHERE call = ?", call[:]); err != nil {
			return err
		}
	}
	args := make([]any, 0, 2*len(d.Open))
	for call, seq := range d.Open {
		args = append(args, call[:], seq)
	}
	return s.insertOpen.run(ctx, tx, args)
}

// group returns the id of a group, new or known.
func (s *Store) group(ctx context.Context, tx *sql.Tx, g receipts.Group) (int64, error) {
	if id, ok := s.names.groups[g]; ok {
		return id, nil
	}
	id, err := nameID(ctx, tx,
		"SELECT id FROM grp WHERE tenant=? AND team=? AND app=? AND key=? AND capability=? AND outcome=? AND asset=?",
		"INSERT INTO grp (tenant, team, app, key, capability, outcome, asset) VALUES (?, ?, ?, ?, ?, ?, ?)",
		g.Tenant, g.Team, g.App, g.Key, string(g.Capability), string(g.Outcome), string(g.Asset))
	if err != nil {
		return 0, err
	}
	if s.names.groups == nil || len(s.names.groups) >= maxNames {
		s.names.groups = map[receipts.Group]int64{}
	}
	s.names.groups[g] = id
	return id, nil
}

// label returns the id of a label, new or known.
func (s *Store) label(ctx context.Context, tx *sql.Tx, l receipts.Label) (int64, error) {
	if l == (receipts.Label{}) {
		return 0, nil
	}
	if id, ok := s.names.labels[l]; ok {
		return id, nil
	}
	id, err := nameID(ctx, tx, "SELECT id FROM label WHERE kind=? AND name=? AND value=?",
		"INSERT INTO label (kind, name, value) VALUES (?, ?, ?)", int64(l.Kind), l.Name, l.Value)
	if err != nil {
		return 0, err
	}
	if s.names.labels == nil || len(s.names.labels) >= maxNames {
		s.names.labels = map[receipts.Label]int64{}
	}
	s.names.labels[l] = id
	return id, nil
}

func nameID(ctx context.Context, tx *sql.Tx, find, insert string, args ...any) (id int64, err error) {
	err = tx.QueryRowContext(ctx, find, args...).Scan(&id)
	if !errors.Is(err, sql.ErrNoRows) {
		return id, err
	}
	done, err := tx.ExecContext(ctx, insert, args...)
	if err != nil {
		return 0, err
	}
	return done.LastInsertId()
}

// Reset empties the views.
func (s *Store) Reset(ctx context.Context) error {
	s.names = names{}
	err := s.views.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM mark; DELETE FROM head; DELETE FROM open; DELETE FROM item; DELETE FROM sum; DELETE FROM grp; DELETE FROM label WHERE id <> 0")
		return err
	})
	return failedViews(err, viewsFailed)
}
