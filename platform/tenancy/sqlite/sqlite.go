// Package sqlite is the tenancy.Store in one SQLite file, safe at power loss.
package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/sqlitex"
	"github.com/crank-platform/crank/platform/tenancy"
)

// steps are never changed once released; times are microseconds since 1970, 0 = none.
var steps = []string{`
CREATE TABLE unit (
	id       TEXT PRIMARY KEY,
	level    TEXT NOT NULL,
	tenant   TEXT NOT NULL,
	team     TEXT NOT NULL,
	parent   TEXT NOT NULL,
	name     TEXT NOT NULL,
	settings TEXT NOT NULL,
	created  INTEGER NOT NULL,
	archived INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX unit_live ON unit (parent, name) WHERE archived = 0;`}

// Store is the file. Safe for concurrent use.
type Store struct{ db *sqlitex.DB }

var _ tenancy.Store = (*Store)(nil)

// Open opens or creates the file at path.
func Open(ctx context.Context, path string) (*Store, error) {
	db, err := sqlitex.Open(ctx, path, sqlitex.Full, steps...)
	if err != nil {
		return nil, crank.Wrap(crank.CodeStore, err, "the tenants cannot be opened")
	}
	return &Store{db}, nil
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

// All implements tenancy.Store.
func (s *Store) All(ctx context.Context) ([]tenancy.Unit, error) {
	rows, err := s.db.Read.QueryContext(ctx, "SELECT id, level, tenant, team, name, settings, created, archived FROM unit")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []tenancy.Unit
	for rows.Next() {
		var u tenancy.Unit
		var settings []byte
		var created, archived int64
		if err := rows.Scan(&u.ID, &u.Level, &u.Tenant, &u.Team, &u.Name, &settings, &created, &archived); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(settings, &u.Settings); err != nil {
			return nil, fmt.Errorf("settings of %s: %w", u.ID, err)
		}
		u.Created = time.UnixMicro(created).UTC()
		if archived != 0 {
			u.Archived = time.UnixMicro(archived).UTC()
		}
		all = append(all, u)
	}
	return all, rows.Err()
}

// Put implements tenancy.Store.
func (s *Store) Put(ctx context.Context, u tenancy.Unit) error {
	settings, err := json.Marshal(u.Settings)
	if err != nil {
		return err
	}
	archived := int64(0)
	if !u.Archived.IsZero() {
		archived = u.Archived.UnixMicro()
	}
	_, err = s.db.Write.ExecContext(ctx, `
		INSERT INTO unit (id, level, tenant, team, parent, name, settings, created, archived) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, settings = excluded.settings, archived = excluded.archived`,
		u.ID, string(u.Level), u.Tenant, u.Team, u.Parent(), u.Name, string(settings), u.Created.UnixMicro(), archived)
	if sqlitex.IsUnique(err) {
		return tenancy.ErrNameTaken
	}
	return err
}
