package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sort"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/cbor"
	"github.com/crank-platform/crank/kit/sqlitex"
	"github.com/crank-platform/crank/platform/receipts"
)

// A record's data is its salt, 32 bytes, followed by its bytes; of a pruned
// record it is the leaf, 32 bytes alone.
const journalSchema = `
CREATE TABLE record (seq INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
CREATE TABLE closed (call BLOB PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE epoch (epoch INTEGER PRIMARY KEY, first_seq INTEGER NOT NULL) STRICT;
CREATE TABLE pruned (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, digest BLOB NOT NULL) STRICT;
CREATE TABLE carried_head (tenant TEXT PRIMARY KEY, seq INTEGER NOT NULL, digest BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE carried_sum (key BLOB PRIMARY KEY, count INTEGER NOT NULL, price INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`

// State returns where the log stands.
func (s *Store) State(ctx context.Context) (st receipts.State, err error) {
	const what = "the journal cannot be read"
	if err := s.journal.Read.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM record").Scan(&st.Seq); err != nil {
		return st, failed(err, what)
	}
	rows, err := s.journal.Read.QueryContext(ctx, "SELECT epoch, first_seq FROM epoch ORDER BY epoch")
	if err == nil {
		err = each(rows, func() error {
			var e receipts.Epoch
			err := rows.Scan(&e.Epoch, &e.FirstSeq)
			st.Epochs = append(st.Epochs, e)
			return err
		})
	}
	if err != nil {
		return st, failed(err, what)
	}
	var digest []byte
	err = s.journal.Read.QueryRowContext(ctx, "SELECT seq, digest FROM pruned").Scan(&st.Pruned.Seq, &digest)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return st, failed(err, what)
	}
	copy(st.Pruned.Digest[:], digest)
	return st, nil
}

// each calls f for each row, and closes them.
func each(rows *sql.Rows, f func() error) error {
	defer rows.Close()
	for rows.Next() {
		if err := f(); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Commit appends entries, all or none.
func (s *Store) Commit(ctx context.Context, entries []receipts.Entry) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	records, closed := make([]any, 0, 2*len(entries)), make([]any, 0, 2*len(entries))
	size := 0
	for i, e := range entries {
		if e.Seq != s.seq+1+uint64(i) {
			return crank.E(crank.CodeJournal, "record %d does not follow record %d", e.Seq, s.seq+uint64(i))
		}
		size += len(e.Salt) + len(e.Bytes)
	}
	epochs, buf := s.epochs, make([]byte, 0, size)
	for i := range entries {
		e := &entries[i]
		start := len(buf)
		buf = append(append(buf, e.Salt[:]...), e.Bytes...)
		records = append(records, int64(e.Seq), buf[start:])
		if e.Closes != (receipts.CallID{}) {
			closed = append(closed, e.Closes[:], int64(e.Seq))
		}
		if e.Begins {
			epochs = append(slices.Clip(epochs), receipts.Epoch{Epoch: e.Epoch, FirstSeq: e.Seq})
		}
	}
	err := s.journal.Tx(ctx, func(tx *sql.Tx) error {
		if err := s.insertClosed.run(ctx, tx, closed); err != nil {
			return err
		}
		for _, e := range epochs[len(s.epochs):] {
			if _, err := tx.ExecContext(ctx, "INSERT INTO epoch VALUES (?, ?)", e.Epoch, e.FirstSeq); err != nil {
				return err
			}
		}
		return s.insertRecord.run(ctx, tx, records)
	})
	if sqlitex.IsUnique(err) {
		if twice, again := s.duplicates(ctx, entries); again == nil && len(twice) > 0 {
			return &receipts.Duplicate{At: twice}
		}
	}
	if err != nil {
		// Whether it landed or not, go on from what the file holds.
		if st, again := s.State(ctx); again == nil {
			s.seq = st.Seq
			s.setEpochs(st.Epochs)
		}
		return failed(err, "the journal cannot be written")
	}
	s.seq += uint64(len(entries))
	s.setEpochs(epochs)
	s.untidy.Add(int64(size))
	return nil
}

const tidyBytes = 4 << 20

// Tidy moves what commits have written from the write-ahead log into the file,
// without making a commit wait (PASSIVE).
func (s *Store) Tidy(ctx context.Context) error {
	if s.untidy.Load() < tidyBytes {
		return nil
	}
	s.untidy.Store(0)
	var busy, frames, moved int
	err := s.journal.Read.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &frames, &moved)
	return failed(err, "the journal's write-ahead log cannot be folded in")
}

func (s *Store) setEpochs(epochs []receipts.Epoch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epochs = epochs
}

// duplicates finds the entries whose call is closed, in the log or by an entry
// before them.
func (s *Store) duplicates(ctx context.Context, entries []receipts.Entry) (at []int, err error) {
	seen := map[receipts.CallID]bool{}
	for i, e := range entries {
		if e.Closes == (receipts.CallID{}) {
			continue
		}
		seq, err := s.Closed(ctx, e.Closes)
		if err != nil {
			return nil, err
		}
		if seq != 0 || seen[e.Closes] {
			at = append(at, i)
		}
		seen[e.Closes] = true
	}
	return at, nil
}

// Read returns records in order.
func (s *Store) Read(ctx context.Context, after uint64, limit int) ([]receipts.Stored, error) {
	s.mu.RLock()
	epochs := s.epochs
	s.mu.RUnlock()
	rows, err := s.readRecords.QueryContext(ctx, after, limit)
	if err != nil {
		return nil, failed(err, "the journal cannot be read")
	}
	var out []receipts.Stored
	err = each(rows, func() error {
		var seq uint64
		var data []byte
		if err := rows.Scan(&seq, &data); err != nil {
			return err
		}
		i := sort.Search(len(epochs), func(i int) bool { return epochs[i].FirstSeq > seq })
		if len(data) < 32 || i == 0 {
			return crank.E(crank.CodeJournal, "record %d is damaged", seq)
		}
		r := receipts.Stored{Epoch: epochs[i-1].Epoch, Seq: seq}
		if len(data) == 32 {
			r.Pruned = crank.Digest(data)
		} else {
			r.Salt, r.Bytes = [32]byte(data), data[32:]
		}
		out = append(out, r)
		return nil
	})
	if err != nil {
		return nil, failed(err, "the journal cannot be read")
	}
	return out, nil
}

// Closed returns the seq of a call's receipt, 0 for none.
func (s *Store) Closed(ctx context.Context, call receipts.CallID) (seq uint64, err error) {
	err = s.readClosed.QueryRowContext(ctx, call[:]).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return seq, failed(err, "the journal cannot be read")
}

// carriedKey is what a carried sum is of, as the bytes of its key.
type carriedKey struct {
	_     struct{} `cbor:",toarray"`
	Day   int64
	Group receipts.Group
	Label receipts.Label
}

// Prune replaces records by their leaves.
func (s *Store) Prune(ctx context.Context, p receipts.Pruning) error {
	err := s.journal.Tx(ctx, func(tx *sql.Tx) error {
		var at uint64
		if err := tx.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM pruned").Scan(&at); err != nil {
			return err
		}
		if p.Seq != at+uint64(len(p.Leaves)) {
			return crank.E(crank.CodeJournal, "the records up to %d cannot be pruned after %d", p.Seq, at)
		}
		for i, leaf := range p.Leaves {
			if _, err := tx.ExecContext(ctx, "UPDATE record SET data = ? WHERE seq = ?", leaf[:], at+1+uint64(i)); err != nil {
				return err
			}
		}
		for _, call := range p.Calls {
			if _, err := tx.ExecContext(ctx, "DELETE FROM closed WHERE call = ?", call[:]); err != nil {
				return err
			}
		}
		for _, sum := range p.Sums {
			key, err := cbor.Marshal(carriedKey{Day: sum.Day, Group: sum.Group, Label: sum.Label})
			if err != nil {
				return err
			}
			const add = "INSERT INTO carried_sum VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET " + addUp
			if _, err := tx.ExecContext(ctx, add, key, sum.Count, int64(sum.Price)); err != nil {
				return err
			}
		}
		for tenant, l := range p.Heads {
			if _, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO carried_head VALUES (?, ?, ?)", tenant, l.Seq, l.Digest[:]); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO pruned VALUES (1, ?, ?)", p.Seq, p.Digest[:])
		return err
	})
	return failed(err, "the journal cannot be pruned")
}

// Carried returns what is kept of pruned records.
func (s *Store) Carried(ctx context.Context) (c receipts.Carried, err error) {
	const what = "the journal cannot be read"
	st, err := s.State(ctx)
	if err != nil {
		return c, err
	}
	c.Mark, c.Heads = st.Pruned, map[string]receipts.Link{}
	rows, err := s.journal.Read.QueryContext(ctx, "SELECT tenant, seq, digest FROM carried_head")
	if err == nil {
		err = scanHeads(rows, c.Heads)
	}
	if err != nil {
		return c, failed(err, what)
	}
	rows, err = s.journal.Read.QueryContext(ctx, "SELECT key, count, price FROM carried_sum")
	if err == nil {
		err = each(rows, func() error {
			var key []byte
			var sum receipts.Sum
			var of carriedKey
			if err := rows.Scan(&key, &sum.Count, &sum.Price); err != nil {
				return err
			}
			if err := cbor.Unmarshal(key, &of); err != nil {
				return err
			}
			sum.Day, sum.Group, sum.Label = of.Day, of.Group, of.Label
			c.Sums = append(c.Sums, sum)
			return nil
		})
	}
	return c, failed(err, what)
}

func scanHeads(rows *sql.Rows, heads map[string]receipts.Link) error {
	return each(rows, func() error {
		var tenant string
		var digest []byte
		var l receipts.Link
		if err := rows.Scan(&tenant, &l.Seq, &digest); err != nil {
			return err
		}
		copy(l.Digest[:], digest)
		heads[tenant] = l
		return nil
	})
}
