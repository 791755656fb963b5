package sqlitex

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

func TestStepsAreAppliedOnceAndOnlyForward(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?.db")
	one, two := "CREATE TABLE a(x INTEGER PRIMARY KEY) STRICT", "ALTER TABLE a ADD COLUMN y TEXT"
	for _, steps := range [][]string{{one}, {one, two}, {one, two}} {
		db, err := Open(t.Context(), path, Full, steps...)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(t.Context(), path, Full, one); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("a file of a newer program gives %v", err)
	}
}

func TestAFailedTransactionLeavesNothing(t *testing.T) {
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "x.db"), Full, "CREATE TABLE a(x INTEGER PRIMARY KEY) STRICT")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	no := errors.New("no")
	err = db.Tx(t.Context(), func(tx *sql.Tx) error {
		if _, err := tx.Exec("INSERT INTO a VALUES (1)"); err != nil {
			return err
		}
		return no
	})
	var n int
	if scan := db.Read.QueryRow("SELECT count(*) FROM a").Scan(&n); !errors.Is(err, no) || scan != nil || n != 0 {
		t.Errorf("%d rows stand after %v (%v)", n, err, scan)
	}
	if _, err := db.Read.Exec("INSERT INTO a VALUES (1)"); err == nil {
		t.Error("the reading side writes")
	}
	for i := range 2 {
		_, err = db.Write.Exec("INSERT INTO a VALUES (1)")
		if got := IsUnique(err); got != (i == 1) {
			t.Errorf("insert %d: IsUnique(%v) = %v", i, err, got)
		}
	}
}
