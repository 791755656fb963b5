// Package sqlite is the secrets.Store in one SQLite file, safe at power loss.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/sqlitex"
	"github.com/crank-platform/crank/platform/secrets"
)

// steps are never changed once released; updated is microseconds since 1970.
var steps = []string{`
CREATE TABLE secret (
	tenant  TEXT NOT NULL,
	name    TEXT NOT NULL,
	version INTEGER NOT NULL,
	updated INTEGER NOT NULL,
	box     BLOB NOT NULL,
	PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE master (
	one    INTEGER PRIMARY KEY CHECK (one = 1),
	sealed BLOB NOT NULL
) STRICT;`}

// Store is the file. Safe for concurrent use.
type Store struct{ db *sqlitex.DB }

var _ secrets.Store = (*Store)(nil)

// Open opens or creates the file at path. What is deleted is overwritten with
// zeros in it, but may stay in its write-ahead log until that is used again.
func Open(ctx context.Context, path string) (*Store, error) {
	db, err := sqlitex.Open(ctx, path, sqlitex.Full, steps...)
	if err != nil {
		return nil, crank.Wrap(crank.CodeStore, err, "the secrets cannot be opened")
	}
	if _, err := db.Write.ExecContext(ctx, "PRAGMA secure_delete = 1"); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Store{db}, nil
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

// Check implements secrets.Store.
func (s *Store) Check(ctx context.Context, fresh []byte) (stands []byte, err error) {
	if _, err := s.db.Write.ExecContext(ctx, "INSERT INTO master (one, sealed) VALUES (1, ?) ON CONFLICT DO NOTHING", fresh); err != nil {
		return nil, err
	}
	err = s.db.Write.QueryRowContext(ctx, "SELECT sealed FROM master").Scan(&stands)
	return stands, err
}

// Put implements secrets.Store.
func (s *Store) Put(ctx context.Context, x secrets.Sealed) error {
	var r sql.Result
	var err error
	if x.Version == 1 {
		r, err = s.db.Write.ExecContext(ctx, "INSERT INTO secret (tenant, name, version, updated, box) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
			x.Tenant, x.Name, x.Version, x.Updated.UnixMicro(), x.Box)
	} else {
		r, err = s.db.Write.ExecContext(ctx, "UPDATE secret SET version = ?, updated = ?, box = ? WHERE tenant = ? AND name = ? AND version = ?",
			x.Version, x.Updated.UnixMicro(), x.Box, x.Tenant, x.Name, x.Version-1)
	}
	return oneRow(r, err, secrets.ErrChanged)
}

// Delete implements secrets.Store.
func (s *Store) Delete(ctx context.Context, tenant, name string) error {
	r, err := s.db.Write.ExecContext(ctx, "DELETE FROM secret WHERE tenant = ? AND name = ?", tenant, name)
	return oneRow(r, err, secrets.ErrNone)
}

func oneRow(r sql.Result, err, none error) error {
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return none
}

// Get implements secrets.Store.
func (s *Store) Get(ctx context.Context, tenant, name string) (secrets.Sealed, error) {
	x := secrets.Sealed{Tenant: tenant}
	var updated int64
	err := s.db.Read.QueryRowContext(ctx, "SELECT name, version, updated, box FROM secret WHERE tenant = ? AND name = ?", tenant, name).
		Scan(&x.Name, &x.Version, &updated, &x.Box)
	if errors.Is(err, sql.ErrNoRows) {
		return secrets.Sealed{}, secrets.ErrNone
	}
	x.Updated = time.UnixMicro(updated).UTC()
	return x, err
}

// List implements secrets.Store; it leaves Box out.
func (s *Store) List(ctx context.Context, tenant string) ([]secrets.Sealed, error) {
	rows, err := s.db.Read.QueryContext(ctx, "SELECT name, version, updated FROM secret WHERE tenant = ? ORDER BY name", tenant)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []secrets.Sealed
	for rows.Next() {
		x := secrets.Sealed{Tenant: tenant}
		var updated int64
		if err := rows.Scan(&x.Name, &x.Version, &updated); err != nil {
			return nil, err
		}
		x.Updated = time.UnixMicro(updated).UTC()
		all = append(all, x)
	}
	return all, rows.Err()
}

// Reseal implements secrets.Store: one transaction, one row in memory at a time.
func (s *Store) Reseal(ctx context.Context, check []byte, reseal func(secrets.Sealed) ([]byte, error)) error {
	return s.db.Tx(ctx, func(tx *sql.Tx) error {
		at := secrets.Sealed{}
		for first := true; ; first = false {
			err := tx.QueryRowContext(ctx, `SELECT tenant, name, version, box FROM secret
				WHERE ? OR (tenant, name) > (?, ?) ORDER BY tenant, name LIMIT 1`, first, at.Tenant, at.Name).
				Scan(&at.Tenant, &at.Name, &at.Version, &at.Box)
			if errors.Is(err, sql.ErrNoRows) {
				break
			}
			if err != nil {
				return err
			}
			box, err := reseal(at)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, "UPDATE secret SET box = ? WHERE tenant = ? AND name = ?", box, at.Tenant, at.Name); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, "UPDATE master SET sealed = ?", check)
		return err
	})
}
