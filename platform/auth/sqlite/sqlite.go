// Package sqlite is the auth.Store in one SQLite file, safe at power loss.
package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/sqlitex"
	"github.com/crank-platform/crank/platform/auth"
)

// steps are never changed once released. used is microseconds since 1970, 0 = never,
// and stands for the record's last_used.
var steps = []string{`
CREATE TABLE key (
	id     TEXT PRIMARY KEY,
	tenant TEXT NOT NULL,
	record TEXT NOT NULL,
	used   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE pepper (
	one    INTEGER PRIMARY KEY CHECK (one = 1),
	digest BLOB NOT NULL
) STRICT;`}

// Store is the file. Safe for concurrent use.
type Store struct{ db *sqlitex.DB }

var _ auth.Store = (*Store)(nil)

// Open opens or creates the file at path.
func Open(ctx context.Context, path string) (*Store, error) {
	db, err := sqlitex.Open(ctx, path, sqlitex.Full, steps...)
	if err != nil {
		return nil, crank.Wrap(crank.CodeStore, err, "the keys cannot be opened")
	}
	return &Store{db}, nil
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

// Load implements auth.Store.
func (s *Store) Load(ctx context.Context) ([]auth.Record, error) {
	rows, err := s.db.Read.QueryContext(ctx, "SELECT id, record, used FROM key")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []auth.Record
	for rows.Next() {
		var id string
		var body []byte
		var used int64
		var r auth.Record
		if err := rows.Scan(&id, &body, &used); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(body, &r); err != nil {
			return nil, fmt.Errorf("record of %s: %w", id, err)
		}
		if r.Key.ID != id {
			return nil, fmt.Errorf("record of %s is that of %s", id, r.Key.ID)
		}
		r.Key.LastUsed = time.Time{}
		if used != 0 {
			r.Key.LastUsed = time.UnixMicro(used).UTC()
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// Put implements auth.Store.
func (s *Store) Put(ctx context.Context, r auth.Record) error {
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	used := int64(0)
	if !r.Key.LastUsed.IsZero() {
		used = r.Key.LastUsed.UnixMicro()
	}
	_, err = s.db.Write.ExecContext(ctx, `
		INSERT INTO key (id, tenant, record, used) VALUES (?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET record = excluded.record, used = max(used, excluded.used)`,
		r.Key.ID, r.Key.Tenant, string(body), used)
	return err
}

// Touch implements auth.Store.
func (s *Store) Touch(ctx context.Context, used map[string]time.Time) error {
	return s.db.Tx(ctx, func(tx *sql.Tx) error {
		for id, at := range used {
			if _, err := tx.ExecContext(ctx, "UPDATE key SET used = max(used, ?) WHERE id = ?", at.UnixMicro(), id); err != nil {
				return err
			}
		}
		return nil
	})
}

// Pepper implements auth.Store.
func (s *Store) Pepper(ctx context.Context, check auth.Digest) (auth.Digest, error) {
	if _, err := s.db.Write.ExecContext(ctx, "INSERT INTO pepper (one, digest) VALUES (1, ?) ON CONFLICT DO NOTHING", check[:]); err != nil {
		return auth.Digest{}, err
	}
	var stands []byte
	if err := s.db.Write.QueryRowContext(ctx, "SELECT digest FROM pepper").Scan(&stands); err != nil {
		return auth.Digest{}, err
	}
	if len(stands) != len(check) {
		return auth.Digest{}, fmt.Errorf("the pepper's digest is %d bytes", len(stands))
	}
	return auth.Digest(stands), nil
}
