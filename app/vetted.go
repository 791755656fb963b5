package app

import (
	"context"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/ledger"
	"github.com/crank-platform/crank/platform/receipts"
)

// vetted is the journal as the house writes it: nothing gets in that the ledger
// could not apply, for such a record would stop it, and with it every call.
type vetted struct{ receipts.Service }

// Append implements receipts.Writer.
func (v vetted) Append(ctx context.Context, r crank.Record) (crank.Record, error) {
	if err := ledger.Vet(r); err != nil {
		return r, err
	}
	return v.Service.Append(ctx, r)
}
