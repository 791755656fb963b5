// Package sqlite keeps jobs in a file of their own, "jobs.db": what it has taken
// survives power loss.
package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"iter"
	"strconv"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/sqlitex"
	"github.com/crank-platform/crank/platform/jobs"
)

// What never changes (call, opened) lies apart from what does, so that a change
// does not write the input again.
const schema = `CREATE TABLE job(
	seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL, capability TEXT NOT NULL,
	state TEXT NOT NULL, attempt INTEGER NOT NULL, cancelled INTEGER NOT NULL DEFAULT 0,
	job TEXT NOT NULL, output TEXT, ended INTEGER, -- microseconds UTC
	key BLOB, fingerprint BLOB NOT NULL, key_expires INTEGER NOT NULL) STRICT;
CREATE UNIQUE INDEX job_key ON job(key) WHERE key IS NOT NULL;
CREATE INDEX job_tenant ON job(tenant, seq);
CREATE INDEX job_pending ON job(seq) WHERE ended IS NULL;
CREATE INDEX job_ended ON job(ended) WHERE ended IS NOT NULL;
CREATE TABLE job_call(
	job INTEGER PRIMARY KEY REFERENCES job(seq) ON DELETE CASCADE, call TEXT NOT NULL, opened TEXT NOT NULL) STRICT;
CREATE TABLE job_blob(
	tenant TEXT NOT NULL, job INTEGER NOT NULL REFERENCES job(seq) ON DELETE CASCADE, digest BLOB NOT NULL,
	PRIMARY KEY(tenant, job, digest)) STRICT, WITHOUT ROWID;
CREATE INDEX job_blob_job ON job_blob(job);`

// Store is the store.
type Store struct{ db *sqlitex.DB }

var _ jobs.Store = (*Store)(nil)

// Open opens or creates the file at path.
func Open(ctx context.Context, path string) (*Store, error) {
	db, err := sqlitex.Open(ctx, path, sqlitex.Full, schema)
	if err != nil {
		return nil, failed(err, "the jobs cannot be opened")
	}
	return &Store{db}, nil
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

func failed(err error, format string, args ...any) error {
	e := crank.Wrap(crank.CodeStore, err, format, args...)
	if sqlitex.IsFull(err) {
		return e.Mending("Free space on the disk that holds the jobs.")
	}
	return e
}

const columns = "j.job, j.output, j.cancelled, j.key, j.fingerprint, j.key_expires, c.call, c.opened FROM job j JOIN job_call c ON c.job = j.seq "

type scanner interface{ Scan(...any) error }

func scan(row scanner) (e jobs.Entry, err error) {
	var job, output, key, fingerprint, call, opened []byte
	var expires int64
	if err := row.Scan(&job, &output, &e.Cancelled, &key, &fingerprint, &expires, &call, &opened); err != nil {
		return e, err
	}
	if err := errors.Join(json.Unmarshal(job, &e.Job), json.Unmarshal(call, &e.Call), json.Unmarshal(opened, &e.Opened)); err != nil {
		return e, err
	}
	copy(e.Key[:], key)
	copy(e.Fingerprint[:], fingerprint)
	e.Job.Output, e.KeyExpires = output, time.UnixMicro(expires).UTC()
	return e, nil
}

// Get implements jobs.Store.
func (s *Store) Get(ctx context.Context, tenant, id string) (jobs.Entry, error) {
	e, err := scan(s.db.Read.QueryRowContext(ctx, "SELECT "+columns+"WHERE j.id = ? AND j.tenant = ?", id, tenant))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return e, jobs.Unknown(id)
	case err != nil:
		return e, failed(err, "the job %s cannot be read", id)
	}
	return e, nil
}

// ByKey implements jobs.Store.
func (s *Store) ByKey(ctx context.Context, key crank.Digest, now time.Time) (jobs.Entry, bool, error) {
	e, err := scan(s.db.Read.QueryRowContext(ctx, "SELECT "+columns+"WHERE j.key = ? AND j.key_expires > ?", key[:], now.UnixMicro()))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return e, false, nil
	case err != nil:
		return e, false, failed(err, "the idempotency key cannot be looked up")
	}
	return e, true, nil
}

// List implements jobs.Store.
func (s *Store) List(ctx context.Context, tenant string, f jobs.Filter, cursor string) (page []crank.Job, next string, err error) {
	before, err := jobs.ParseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	rows, err := s.db.Read.QueryContext(ctx, `SELECT seq, job FROM job
		WHERE tenant = ? AND seq < ? AND (? = '' OR state = ?) AND (? = '' OR capability = ?) ORDER BY seq DESC LIMIT ?`,
		tenant, before, f.State, f.State, f.Capability, f.Capability, f.Size()+1)
	if err != nil {
		return nil, "", failed(err, "the jobs cannot be listed")
	}
	defer rows.Close()
	for rows.Next() {
		var seq int64
		var text []byte
		var job crank.Job
		if err := rows.Scan(&seq, &text); err != nil {
			return nil, "", failed(err, "the jobs cannot be listed")
		}
		if err := json.Unmarshal(text, &job); err != nil {
			return nil, "", failed(err, "a job cannot be read")
		}
		if len(page) == f.Size() {
			return page, next, nil
		}
		page, next = append(page, job), strconv.FormatInt(seq, 10)
	}
	if err := rows.Err(); err != nil {
		return nil, "", failed(err, "the jobs cannot be listed")
	}
	return page, "", nil
}

// Pending implements jobs.Store. It reads a page at a time, so that the caller
// may write meanwhile without keeping an old state of the file alive.
func (s *Store) Pending(ctx context.Context) iter.Seq2[jobs.Entry, error] {
	return func(yield func(jobs.Entry, error) bool) {
		for last := int64(0); ; {
			page, err := s.pending(ctx, last)
			if err != nil {
				yield(jobs.Entry{}, failed(err, "the jobs that have not ended cannot be read"))
				return
			}
			if len(page) == 0 {
				return
			}
			for _, p := range page {
				if !yield(p.Entry, nil) {
					return
				}
				last = p.seq
			}
		}
	}
}

type placed struct {
	jobs.Entry
	seq int64
}

func (s *Store) pending(ctx context.Context, after int64) (page []placed, err error) {
	rows, err := s.db.Read.QueryContext(ctx, "SELECT j.seq, "+columns+"WHERE j.ended IS NULL AND j.seq > ? ORDER BY j.seq LIMIT 64", after)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var p placed
		p.Entry, err = scan(withSeq{rows, &p.seq})
		if err != nil {
			return nil, err
		}
		page = append(page, p)
	}
	return page, rows.Err()
}

// withSeq takes off the column in front.
type withSeq struct {
	scanner
	seq *int64
}

func (w withSeq) Scan(to ...any) error { return w.scanner.Scan(append([]any{w.seq}, to...)...) }

// Pinned implements jobs.Store.
func (s *Store) Pinned(ctx context.Context, tenant string) (pinned []crank.Digest, err error) {
	rows, err := s.db.Read.QueryContext(ctx, "SELECT DISTINCT digest FROM job_blob WHERE tenant = ?", tenant)
	if err != nil {
		return nil, failed(err, "the jobs' blobs cannot be listed")
	}
	defer rows.Close()
	for rows.Next() {
		var b []byte
		var d crank.Digest
		if err := rows.Scan(&b); err != nil {
			return nil, failed(err, "the jobs' blobs cannot be listed")
		}
		copy(d[:], b)
		pinned = append(pinned, d)
	}
	if err := rows.Err(); err != nil {
		return nil, failed(err, "the jobs' blobs cannot be listed")
	}
	return pinned, nil
}
