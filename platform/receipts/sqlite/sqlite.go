// Package sqlite keeps a journal in three SQLite files of one folder:
//
//   - journal.db holds the records, synchronous=FULL: what Commit returned from
//     survives power loss. It has nothing beside them but which calls are closed,
//     where epochs begin, and what pruned records left behind.
//   - views.db holds the index and the sums, synchronous=NORMAL. It can be
//     deleted while the node is down: it is built again from the journal.
//   - vault.db holds salts and subjects' keys, synchronous=FULL, and overwrites
//     what is deleted.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"

	sqlitelib "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/sqlitex"
	"github.com/crank-platform/crank/platform/receipts"
)

// Store is a receipts.Store in SQLite.
type Store struct {
	journal, views, vault *sqlitex.DB

	insertRecord, insertClosed                    *insert // journal.db
	insertItem, insertSum, insertHead, insertOpen *insert // views.db
	readRecords, readClosed                       *sql.Stmt

	writing sync.Mutex   // one Commit at a time; guards seq
	seq     uint64       // of the newest record
	untidy  atomic.Int64 // bytes committed since the last checkpoint

	mu     sync.RWMutex
	epochs []receipts.Epoch

	names names
}

var _ receipts.Store = (*Store)(nil)

// Open opens or creates the files in dir, which must exist. One process at a time.
func Open(ctx context.Context, dir string) (*Store, error) {
	s := &Store{}
	for _, file := range []struct {
		db         **sqlitex.DB
		name       string
		durability sqlitex.Durability
		schema     string
		pragmas    string
	}{
		// A commit that meets a checkpoint waits for it, so Tidy does most of that
		// work beside the commits; what is left for them comes seldom.
		{&s.journal, "journal.db", sqlitex.Full, journalSchema, "PRAGMA wal_autocheckpoint = 16384; PRAGMA journal_size_limit = 67108864"},
		{&s.views, "views.db", sqlitex.Normal, viewsSchema, "PRAGMA wal_autocheckpoint = 4096; PRAGMA journal_size_limit = 67108864"},
		{&s.vault, "vault.db", sqlitex.Full, vaultSchema, "PRAGMA secure_delete = ON"},
	} {
		db, err := sqlitex.Open(ctx, filepath.Join(dir, file.name), file.durability, file.schema)
		if err != nil {
			return nil, errors.Join(failed(err, file.name+" cannot be opened"), s.Close())
		}
		*file.db = db
		if _, err := db.Write.ExecContext(ctx, file.pragmas); err != nil {
			return nil, errors.Join(failed(err, file.name+" cannot be opened"), s.Close())
		}
	}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(failed(err, "the journal's files cannot be opened"), s.Close())
	}
	state, err := s.State(ctx)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.seq, s.epochs = state.Seq, state.Epochs
	return s, nil
}

func (s *Store) prepare(ctx context.Context) error {
	var all error
	in := func(db *sqlitex.DB, into string, width int, then string) *insert {
		i, err := prepare(ctx, db.Write, into, width, then)
		all = errors.Join(all, err)
		return i
	}
	q := func(db *sqlitex.DB, query string) *sql.Stmt {
		stmt, err := db.Read.PrepareContext(ctx, query)
		all = errors.Join(all, err)
		return stmt
	}
	s.insertRecord = in(s.journal, "INSERT INTO record (seq, data)", 2, "")
	s.insertClosed = in(s.journal, "INSERT INTO closed (call, seq)", 2, "")
	s.insertItem = in(s.views, "INSERT INTO item (grp, label, seq)", 3, "")
	s.insertSum = in(s.views, "INSERT INTO sum (grp, day, label, count, price)", 5, "ON CONFLICT DO UPDATE SET "+addUp)
	s.insertHead = in(s.views, "INSERT INTO head (tenant, seq, digest)", 3, "ON CONFLICT DO UPDATE SET seq = excluded.seq, digest = excluded.digest")
	s.insertOpen = in(s.views, "INSERT INTO open (call, seq)", 2, "")
	s.readRecords = q(s.journal, "SELECT seq, data FROM record WHERE seq > ? ORDER BY seq LIMIT ?")
	s.readClosed = q(s.journal, "SELECT seq FROM closed WHERE call = ?")
	return all
}

// addUp adds a new row's count and price to the one that stands. SQLite turns a
// sum beyond 64 bits into a float; these stay at the end instead.
const addUp = "count = CASE WHEN typeof(count + excluded.count) = 'integer' THEN count + excluded.count" +
	" WHEN excluded.count > 0 THEN 9223372036854775807 ELSE -9223372036854775808 END," +
	" price = CASE WHEN typeof(price + excluded.price) = 'integer' THEN price + excluded.price" +
	" WHEN excluded.price > 0 THEN 9223372036854775807 ELSE -9223372036854775808 END"

// Close closes the files.
func (s *Store) Close() error {
	var all []error
	for _, db := range []*sqlitex.DB{s.journal, s.views, s.vault} {
		if db != nil {
			all = append(all, db.Close())
		}
	}
	return errors.Join(all...)
}

// failed gives an error of journal.db its code.
func failed(err error, what string) error { return coded(crank.CodeJournal, err, what) }

// failedViews gives an error of the other files its code.
func failedViews(err error, what string) error { return coded(crank.CodeStore, err, what) }

func coded(code crank.Code, err error, what string) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*sqlitelib.Error](err); ok && (e.Code()&0xff == lib.SQLITE_FULL || e.Code() == lib.SQLITE_IOERR_SHMSIZE) {
		code = crank.CodeJournalFull
	}
	return crank.Wrap(code, err, "%s", what)
}
