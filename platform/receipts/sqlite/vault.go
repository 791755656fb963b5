package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/receipts"
)

const vaultSchema = `
CREATE TABLE salt (tenant TEXT PRIMARY KEY, salt BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE subject (id BLOB PRIMARY KEY, tenant TEXT NOT NULL, who BLOB NOT NULL, key BLOB NOT NULL, UNIQUE (tenant, who)) STRICT, WITHOUT ROWID;
`

const vaultFailed = "the vault cannot be used"

// TenantSalt returns the tenant's salt.
func (s *Store) TenantSalt(ctx context.Context, tenant string, fresh [32]byte) (salt [32]byte, err error) {
	var b []byte
	err = s.vault.Tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "INSERT INTO salt VALUES (?, ?) ON CONFLICT DO NOTHING", tenant, fresh[:]); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, "SELECT salt FROM salt WHERE tenant = ?", tenant).Scan(&b)
	})
	copy(salt[:], b)
	return salt, failedViews(err, vaultFailed)
}

// SubjectKey returns the key kept for who.
func (s *Store) SubjectKey(ctx context.Context, tenant string, who crank.Digest, fresh receipts.SubjectKey) (key receipts.SubjectKey, err error) {
	var id, k []byte
	err = s.vault.Tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "INSERT INTO subject (id, tenant, who, key) VALUES (?, ?, ?, ?) ON CONFLICT (tenant, who) DO NOTHING",
			fresh.ID[:], tenant, who[:], fresh.Key[:]); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, "SELECT id, key FROM subject WHERE tenant = ? AND who = ?", tenant, who[:]).Scan(&id, &k)
	})
	copy(key.ID[:], id)
	copy(key.Key[:], k)
	return key, failedViews(err, vaultFailed)
}

// KeyByID returns a tenant's key by its id.
func (s *Store) KeyByID(ctx context.Context, tenant string, id [16]byte) (receipts.SubjectKey, bool, error) {
	key := receipts.SubjectKey{ID: id}
	var k []byte
	err := s.vault.Read.QueryRowContext(ctx, "SELECT key FROM subject WHERE id = ? AND tenant = ?", id[:], tenant).Scan(&k)
	if errors.Is(err, sql.ErrNoRows) {
		return key, false, nil
	}
	copy(key.Key[:], k)
	return key, err == nil, failedViews(err, vaultFailed)
}

// EraseKey destroys the key kept for who: the row is overwritten with zeros, and
// the write-ahead log, which still had it, folded in and cut to nothing.
func (s *Store) EraseKey(ctx context.Context, tenant string, who crank.Digest) error {
	if _, err := s.vault.Write.ExecContext(ctx, "DELETE FROM subject WHERE tenant = ? AND who = ?", tenant, who[:]); err != nil {
		return failedViews(err, vaultFailed)
	}
	var busy, frames, moved int
	if err := s.vault.Write.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &moved); err != nil {
		return failedViews(err, vaultFailed)
	}
	if busy != 0 {
		return crank.E(crank.CodeStore, "the key is deleted but its trace is still in the write-ahead log; erase it again")
	}
	return nil
}
