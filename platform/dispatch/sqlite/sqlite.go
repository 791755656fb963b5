// Package sqlite keeps claims in a file of their own, "claims.db": what it has
// taken survives power loss. Writers that come together share a commit.
package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/sqlitex"
	"github.com/crank-platform/crank/platform/dispatch"
)

const schema = `CREATE TABLE claim(
	scope TEXT NOT NULL, hash BLOB NOT NULL, fingerprint BLOB NOT NULL, tenant TEXT NOT NULL, call TEXT NOT NULL,
	output TEXT, error TEXT, expires INTEGER NOT NULL, -- microseconds UTC
	PRIMARY KEY(scope, hash)) STRICT, WITHOUT ROWID;
CREATE INDEX claim_expires ON claim(expires);
CREATE INDEX claim_tenant ON claim(tenant) WHERE output LIKE '%"$blob"%';`

// Claims is the store. Close it when no call is under way.
type Claims struct {
	db    *sqlitex.DB
	queue chan write
	done  chan struct{}
}

type write struct {
	run  func(*sql.Tx) error
	done chan error
}

var _ dispatch.Claims = (*Claims)(nil)

// Open opens or creates the file at path.
func Open(ctx context.Context, path string) (*Claims, error) {
	db, err := sqlitex.Open(ctx, path, sqlitex.Full, schema)
	if err != nil {
		return nil, crank.Wrap(crank.CodeStore, err, "the claims cannot be opened")
	}
	c := &Claims{db: db, queue: make(chan write, 1024), done: make(chan struct{})}
	go c.commit()
	return c, nil
}

// Close ends the writer and closes the file.
func (c *Claims) Close() error {
	close(c.queue)
	<-c.done
	return c.db.Close()
}

// commit takes what has gathered while the commit before was running.
func (c *Claims) commit() {
	defer close(c.done)
	for first := range c.queue {
		batch := []write{first}
	gather:
		for len(batch) < cap(c.queue) {
			select {
			case w, ok := <-c.queue:
				if !ok {
					break gather
				}
				batch = append(batch, w)
			default:
				break gather
			}
		}
		err := c.db.Tx(context.Background(), func(tx *sql.Tx) error {
			for _, w := range batch {
				if err := w.run(tx); err != nil {
					return err
				}
			}
			return nil
		})
		for _, w := range batch {
			w.done <- err
		}
	}
}

func (c *Claims) write(run func(*sql.Tx) error) error {
	done := make(chan error, 1)
	c.queue <- write{run, done}
	err := <-done
	switch {
	case err == nil:
		return nil
	case sqlitex.IsFull(err):
		return crank.Wrap(crank.CodeJournalFull, err, "the disk that holds the idempotency keys is full")
	}
	return crank.Wrap(crank.CodeStore, err, "the claims cannot be written")
}

// Get implements dispatch.Claims.
func (c *Claims) Get(ctx context.Context, scope string, hash crank.Digest, now time.Time) (dispatch.Claim, bool, error) {
	claim := dispatch.Claim{Scope: scope, Hash: hash}
	var fingerprint, output []byte
	var failure sql.NullString
	var expires int64
	err := c.db.Read.QueryRowContext(ctx,
		"SELECT fingerprint, tenant, call, output, error, expires FROM claim WHERE scope = ? AND hash = ? AND expires > ?",
		scope, hash[:], now.UnixMicro()).Scan(&fingerprint, &claim.Tenant, &claim.Call, &output, &failure, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return dispatch.Claim{}, false, nil
	}
	if err != nil || len(fingerprint) != len(claim.Fingerprint) {
		return dispatch.Claim{}, false, crank.Wrap(crank.CodeStore, err, "the claims cannot be read")
	}
	claim.Fingerprint, claim.Output, claim.Expires = crank.Digest(fingerprint), output, time.UnixMicro(expires)
	if failure.Valid {
		if err := json.Unmarshal([]byte(failure.String), &claim.Error); err != nil {
			return dispatch.Claim{}, false, crank.Wrap(crank.CodeStore, err, "a claim's outcome cannot be read")
		}
	}
	return claim, true, nil
}

// Put implements dispatch.Claims.
func (c *Claims) Put(_ context.Context, claim dispatch.Claim) error {
	var failure any
	if claim.Error != nil {
		text, err := json.Marshal(claim.Error)
		if err != nil {
			return crank.Wrap(crank.CodeInternal, err, "a claim's outcome cannot be written")
		}
		failure = string(text)
	}
	var output any
	if claim.Output != nil {
		output = string(claim.Output)
	}
	return c.write(func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT OR REPLACE INTO claim(scope, hash, fingerprint, tenant, call, output, error, expires) VALUES(?,?,?,?,?,?,?,?)",
			claim.Scope, claim.Hash[:], claim.Fingerprint[:], claim.Tenant, claim.Call, output, failure, claim.Expires.UnixMicro())
		return err
	})
}

// Drop implements dispatch.Claims.
func (c *Claims) Drop(_ context.Context, scope string, hash crank.Digest) error {
	return c.write(func(tx *sql.Tx) error {
		_, err := tx.Exec("DELETE FROM claim WHERE scope = ? AND hash = ?", scope, hash[:])
		return err
	})
}

// Sweep implements dispatch.Claims.
func (c *Claims) Sweep(_ context.Context, now time.Time) (n int, err error) {
	err = c.write(func(tx *sql.Tx) error {
		result, err := tx.Exec("DELETE FROM claim WHERE expires <= ?", now.UnixMicro())
		if err != nil {
			return err
		}
		rows, err := result.RowsAffected()
		n = int(rows)
		return err
	})
	return n, err
}

// Pinned implements dispatch.Claims.
func (c *Claims) Pinned(ctx context.Context, tenant string) (pinned []crank.Digest, err error) {
	rows, err := c.db.Read.QueryContext(ctx, `SELECT output FROM claim WHERE tenant = ? AND output LIKE '%"$blob"%'`, tenant)
	if err != nil {
		return nil, crank.Wrap(crank.CodeStore, err, "the claims cannot be read")
	}
	defer rows.Close()
	for rows.Next() {
		var output []byte
		if err := rows.Scan(&output); err != nil {
			return nil, crank.Wrap(crank.CodeStore, err, "the claims cannot be read")
		}
		refs, err := crank.BlobRefs(output)
		if err != nil {
			return nil, err
		}
		for _, r := range refs {
			pinned = append(pinned, r.Digest)
		}
	}
	return pinned, rows.Err()
}
