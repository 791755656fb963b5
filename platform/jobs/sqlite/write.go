package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/jobs"
)

// Add implements jobs.Store.
func (s *Store) Add(ctx context.Context, e jobs.Entry, now time.Time) (standing jobs.Entry, added bool, err error) {
	call, err := json.Marshal(e.Call)
	if err != nil {
		return e, false, crank.Wrap(crank.CodeInternal, err, "a job's call cannot be written")
	}
	opened, err := json.Marshal(e.Opened)
	if err != nil {
		return e, false, crank.Wrap(crank.CodeInternal, err, "a job's call cannot be written")
	}
	job, output, err := split(e.Job)
	if err != nil {
		return e, false, err
	}
	err = s.db.Tx(ctx, func(tx *sql.Tx) error {
		var key any
		if !e.Key.IsZero() {
			key = e.Key[:]
			if _, err := tx.Exec("UPDATE job SET key = NULL WHERE key = ? AND key_expires <= ?", key, now.UnixMicro()); err != nil {
				return err
			}
			standing, err = scan(tx.QueryRow("SELECT "+columns+"WHERE j.key = ?", key))
			if !errors.Is(err, sql.ErrNoRows) {
				return err
			}
		}
		result, err := tx.Exec(`INSERT INTO job(id, tenant, capability, state, attempt, job, output, ended, key, fingerprint, key_expires)
			VALUES(?,?,?,?,?,?,?,?,?,?,?)`, e.Job.ID, e.Job.Tenant, e.Job.Capability, e.Job.State, e.Job.Attempt, job, output, ended(e.Job),
			key, e.Fingerprint[:], e.KeyExpires.UnixMicro())
		if err != nil {
			return err
		}
		seq, err := result.LastInsertId()
		if err != nil {
			return err
		}
		if _, err := tx.Exec("INSERT INTO job_call(job, call, opened) VALUES(?,?,?)", seq, string(call), string(opened)); err != nil {
			return err
		}
		standing, added = e, true
		return pin(tx, seq, e.Job.Tenant, e.Call.Input, e.Job.Output)
	})
	if err != nil {
		return jobs.Entry{}, false, failed(err, "the job cannot be stored")
	}
	return standing, added, nil
}

// split parts a job from its output, as they are stored.
func split(j crank.Job) (job string, output any, err error) {
	if j.Output != nil {
		output = string(j.Output)
	}
	j.Output = nil
	text, err := json.Marshal(j)
	if err != nil {
		return "", nil, crank.Wrap(crank.CodeInternal, err, "a job cannot be written")
	}
	return string(text), output, nil
}

func ended(j crank.Job) any {
	if !j.State.Final() {
		return nil
	}
	return j.Ended.UnixMicro()
}

// pin notes the blobs that a job's values name.
func pin(tx *sql.Tx, seq int64, tenant string, values ...json.RawMessage) error {
	for _, v := range values {
		refs, err := crank.BlobRefs(v)
		if err != nil {
			return err
		}
		for _, r := range refs {
			if _, err := tx.Exec("INSERT OR IGNORE INTO job_blob(tenant, job, digest) VALUES(?,?,?)", tenant, seq, r.Digest[:]); err != nil {
				return err
			}
		}
	}
	return nil
}

// Swap implements jobs.Store.
func (s *Store) Swap(ctx context.Context, e jobs.Entry, from crank.JobState, attempt int) (ok bool, err error) {
	job, output, err := split(e.Job)
	if err != nil {
		return false, err
	}
	err = s.db.Tx(ctx, func(tx *sql.Tx) error {
		var seq int64
		err := tx.QueryRow(`UPDATE job SET state = ?, attempt = ?, cancelled = ?, job = ?, output = ?, ended = ?
			WHERE id = ? AND tenant = ? AND state = ? AND attempt = ? RETURNING seq`,
			e.Job.State, e.Job.Attempt, e.Cancelled, job, output, ended(e.Job),
			e.Job.ID, e.Job.Tenant, from, attempt).Scan(&seq)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		ok = true
		return pin(tx, seq, e.Job.Tenant, e.Job.Output)
	})
	if err != nil {
		return false, failed(err, "the job %s cannot be stored", e.Job.ID)
	}
	return ok, nil
}

// Sweep implements jobs.Store. It takes at most a thousand at once, so that
// nobody waits long for it.
func (s *Store) Sweep(ctx context.Context, before, now time.Time) (total int, err error) {
	for {
		result, err := s.db.Write.ExecContext(ctx, `DELETE FROM job WHERE seq IN (SELECT seq FROM job
			WHERE ended < ? AND (key IS NULL OR key_expires <= ?) ORDER BY ended LIMIT 1000)`, before.UnixMicro(), now.UnixMicro())
		if err != nil {
			return total, failed(err, "ended jobs cannot be removed")
		}
		n, err := result.RowsAffected()
		if err != nil {
			return total, failed(err, "ended jobs cannot be removed")
		}
		total += int(n)
		if n < 1000 {
			return total, nil
		}
	}
}
