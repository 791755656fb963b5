// Package sqlitex opens SQLite files the one way that Crank uses them: WAL,
// one writer, many readers, migrations that go forward only.
//
// It does not own any schema: each store brings its own list of steps.
package sqlitex

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// DB is one SQLite file: Write has a single connection, so that writers queue
// in the process instead of failing with SQLITE_BUSY; Read has several.
type DB struct {
	Write, Read *sql.DB
}

// Durability says when a commit is safe.
type Durability string

// Full survives power loss (an fsync a commit). Normal survives a crash of the
// process but may lose the last commits at power loss: for what can be derived
// again from the journal.
const (
	Full   Durability = "FULL"
	Normal Durability = "NORMAL"
)

// Open opens or creates the file at path and applies the steps it has not seen.
// The number of applied steps is the file's user_version; a file with more steps
// than given comes from a newer program and is refused. Steps never change once
// released.
func Open(ctx context.Context, path string, d Durability, steps ...string) (*DB, error) {
	dsn := func(extra string) string {
		return "file:" + (&url.URL{Path: path}).EscapedPath() + "?_txlock=immediate" +
			"&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)" +
			"&_pragma=synchronous(" + string(d) + ")&_pragma=cache_size(-16384)&_pragma=mmap_size(268435456)" + extra
	}
	write, err := sql.Open("sqlite", dsn(""))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	write.SetMaxOpenConns(1)
	if err := migrate(ctx, write, steps); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), write.Close())
	}
	read, err := sql.Open("sqlite", dsn("&_pragma=query_only(1)"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), write.Close())
	}
	read.SetMaxOpenConns(4)
	read.SetMaxIdleConns(4)
	return &DB{write, read}, nil
}

// migrate looks at the version inside each step's transaction, so that two
// programs that open a new file at once do not both apply a step.
func migrate(ctx context.Context, db *sql.DB, steps []string) error {
	for {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		var have int
		err = tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have)
		switch {
		case err != nil:
		case have > len(steps):
			err = fmt.Errorf("the file is of version %d, this program knows %d: use a newer crank", have, len(steps))
		case have == len(steps):
			return tx.Rollback()
		default:
			if _, err = tx.ExecContext(ctx, steps[have]+fmt.Sprintf("\n; PRAGMA user_version = %d", have+1)); err != nil {
				err = fmt.Errorf("migration step %d: %w", have+1, err)
			}
		}
		if err != nil {
			return errors.Join(err, tx.Rollback())
		}
		if err := tx.Commit(); err != nil {
			return err
		}
	}
}

// Tx runs f in one write transaction: committed when f returns nil, rolled back
// otherwise.
func (db *DB) Tx(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := db.Write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// Close closes both sides; the last connection folds the WAL into the file.
func (db *DB) Close() error { return errors.Join(db.Read.Close(), db.Write.Close()) }

// IsFull reports whether err means that the disk or the file's quota is full.
func IsFull(err error) bool { return hasCode(err, lib.SQLITE_FULL) }

// IsUnique reports whether err is a broken UNIQUE or PRIMARY KEY constraint.
func IsUnique(err error) bool {
	return hasCode(err, lib.SQLITE_CONSTRAINT_UNIQUE) || hasCode(err, lib.SQLITE_CONSTRAINT_PRIMARYKEY)
}

func hasCode(err error, code int) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && (e.Code() == code || e.Code()&0xff == code)
}

// Snapshot writes a consistent copy of the database at path to a new file, also
// while another process writes to it.
func Snapshot(ctx context.Context, path, to string) error {
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?mode=ro&_pragma=busy_timeout(10000)")
	if err != nil {
		return fmt.Errorf("snapshot of %s: %w", path, err)
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", to); err != nil {
		return fmt.Errorf("snapshot of %s: %w", path, err)
	}
	return nil
}
