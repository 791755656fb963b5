package sqlite

import (
	"context"
	"database/sql"
	"strings"
)

// insert is an INSERT statement that takes many rows at once, prepared for each
// of bulkSizes.
type insert struct {
	width int // values a row
	stmts [len(bulkSizes)]*sql.Stmt
}

// Rows go in by the largest of these that still fits.
var bulkSizes = [...]int{128, 16, 1}

// prepare prepares an INSERT up to VALUES, and what follows its rows.
func prepare(ctx context.Context, db *sql.DB, into string, width int, then string) (*insert, error) {
	in := &insert{width: width}
	row := "(?" + strings.Repeat(",?", width-1) + ")"
	for i, size := range bulkSizes {
		var err error
		in.stmts[i], err = db.PrepareContext(ctx, into+" VALUES "+row+strings.Repeat(","+row, size-1)+" "+then)
		if err != nil {
			return nil, err
		}
	}
	return in, nil
}

// run inserts args, width values a row.
func (in *insert) run(ctx context.Context, tx *sql.Tx, args []any) error {
	for i, size := range bulkSizes {
		n := size * in.width
		if len(args) < n {
			continue
		}
		stmt := tx.StmtContext(ctx, in.stmts[i])
		for ; len(args) >= n; args = args[n:] {
			if _, err := stmt.ExecContext(ctx, args[:n]...); err != nil {
				return err
			}
		}
	}
	return nil
}
