// Package sqlite is a ledger.Store in one SQLite file. It is written in bulk and
// synchronous=NORMAL, for whatever a power cut takes from it the journal still
// has.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/sqlitex"
	"github.com/crank-platform/crank/platform/ledger"
)

// steps are the schema. A limit of NULL is none; times are microseconds UTC.
var steps = []string{`
CREATE TABLE progress (
	only    INTEGER PRIMARY KEY CHECK (only = 1),
	applied INTEGER NOT NULL
) STRICT;
CREATE TABLE tallies (
	tenant TEXT NOT NULL, level TEXT NOT NULL, id TEXT NOT NULL, asset TEXT NOT NULL,
	day   INTEGER NOT NULL, day_spent   INTEGER NOT NULL, day_limit   INTEGER,
	month INTEGER NOT NULL, month_spent INTEGER NOT NULL, month_limit INTEGER,
	total INTEGER NOT NULL, total_spent INTEGER NOT NULL, total_limit INTEGER,
	PRIMARY KEY (tenant, level, id, asset)
) STRICT, WITHOUT ROWID;
CREATE TABLE balances (
	account TEXT NOT NULL, asset TEXT NOT NULL, micros INTEGER NOT NULL,
	PRIMARY KEY (account, asset)
) STRICT, WITHOUT ROWID;
CREATE TABLE holds (
	ref TEXT PRIMARY KEY, tenant TEXT NOT NULL, team TEXT NOT NULL, app TEXT NOT NULL, "key" TEXT NOT NULL,
	micros INTEGER NOT NULL, asset TEXT NOT NULL, expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`}

const (
	saveProgress = `INSERT OR REPLACE INTO progress VALUES (1, ?)`
	saveTally    = `INSERT OR REPLACE INTO tallies VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	saveBalance  = `INSERT OR REPLACE INTO balances VALUES (?, ?, ?)`
	saveHold     = `INSERT OR REPLACE INTO holds VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
	deleteHold   = `DELETE FROM holds WHERE ref = ?`
)

// Store is safe for concurrent use.
type Store struct{ db *sqlitex.DB }

var _ ledger.Store = (*Store)(nil)

// Open opens or creates the file at path.
func Open(ctx context.Context, path string) (*Store, error) {
	db, err := sqlitex.Open(ctx, path, sqlitex.Normal, steps...)
	if err != nil {
		return nil, crank.Wrap(crank.CodeStore, err, "the ledger's file cannot be opened")
	}
	return &Store{db}, nil
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

// Load implements ledger.Store.
func (s *Store) Load(ctx context.Context) (state ledger.State, err error) {
	// One transaction, so that all is of one Save.
	tx, err := s.db.Read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return state, crank.Wrap(crank.CodeStore, err, "the ledger's file cannot be read")
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	load := func() error {
		if err := tx.QueryRowContext(ctx, `SELECT applied FROM progress`).Scan(&state.Applied); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if state.Tallies, err = all(ctx, tx, `SELECT * FROM tallies`, scanTally); err != nil {
			return err
		}
		if state.Balances, err = all(ctx, tx, `SELECT * FROM balances`, scanBalance); err != nil {
			return err
		}
		state.Holds, err = all(ctx, tx, `SELECT * FROM holds`, scanHold)
		return err
	}
	if err := load(); err != nil {
		return ledger.State{}, crank.Wrap(crank.CodeStore, err, "the ledger's file cannot be read")
	}
	return state, nil
}

func all[T any](ctx context.Context, tx *sql.Tx, query string, scan func(*sql.Rows) (T, error)) (found []T, err error) {
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		found = append(found, v)
	}
	return found, rows.Err()
}

func scanTally(rows *sql.Rows) (t ledger.Tally, err error) {
	p := &t.Periods
	var limits [len(t.Periods)]sql.NullInt64
	err = rows.Scan(&t.Tenant, &t.Level, &t.ID, &t.Asset,
		&p[0].Bucket, &p[0].Spent, &limits[0], &p[1].Bucket, &p[1].Spent, &limits[1], &p[2].Bucket, &p[2].Spent, &limits[2])
	for i, l := range limits {
		if p[i].Limit = ledger.NoLimit; l.Valid {
			p[i].Limit = crank.Micros(l.Int64)
		}
	}
	return t, err
}

func scanBalance(rows *sql.Rows) (b ledger.Balance, err error) {
	return b, rows.Scan(&b.Account, &b.Asset, &b.Micros)
}

func scanHold(rows *sql.Rows) (h crank.Hold, err error) {
	var expires int64
	err = rows.Scan(&h.Ref, &h.Payer.Tenant, &h.Payer.Team, &h.Payer.App, &h.Payer.Key, &h.Amount.Micros, &h.Amount.Asset, &expires)
	h.Expires = time.UnixMicro(expires).UTC()
	return h, err
}

// Save implements ledger.Store.
func (s *Store) Save(ctx context.Context, d ledger.Delta) error {
	err := s.db.Tx(ctx, func(tx *sql.Tx) error {
		return errors.Join(
			each(ctx, tx, saveTally, d.Tallies, tallyRow),
			each(ctx, tx, saveBalance, d.Balances, func(b ledger.Balance) []any {
				return []any{string(b.Account), string(b.Asset), int64(b.Micros)}
			}),
			each(ctx, tx, saveHold, d.Holds, func(h crank.Hold) []any {
				return []any{h.Ref, h.Payer.Tenant, h.Payer.Team, h.Payer.App, h.Payer.Key, int64(h.Amount.Micros), string(h.Amount.Asset), h.Expires.UnixMicro()}
			}),
			each(ctx, tx, deleteHold, d.Ended, func(ref string) []any { return []any{ref} }),
			each(ctx, tx, saveProgress, []uint64{d.Applied}, func(seq uint64) []any { return []any{int64(seq)} }),
		)
	})
	if err != nil {
		return crank.Wrap(crank.CodeStore, err, "the ledger's file cannot be written")
	}
	return nil
}

func tallyRow(t ledger.Tally) []any {
	row := make([]any, 0, 13)
	row = append(row, t.Tenant, string(t.Level), t.ID, string(t.Asset))
	for _, p := range t.Periods {
		limit := any(int64(p.Limit))
		if p.Limit == ledger.NoLimit {
			limit = nil
		}
		row = append(row, p.Bucket, int64(p.Spent), limit)
	}
	return row
}

// each runs one prepared statement for every value.
func each[T any](ctx context.Context, tx *sql.Tx, query string, values []T, row func(T) []any) error {
	if len(values) == 0 {
		return nil
	}
	statement, err := tx.PrepareContext(ctx, query)
	if err != nil {
		return err
	}
	defer statement.Close()
	for _, v := range values {
		if _, err := statement.ExecContext(ctx, row(v)...); err != nil {
			return err
		}
	}
	return nil
}
