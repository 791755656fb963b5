package app

import (
	"context"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/ledger"
	"github.com/crank-platform/crank/platform/ledger/memory"
	ledgersql "github.com/crank-platform/crank/platform/ledger/sqlite"
	"github.com/crank-platform/crank/platform/receipts"
)

// rebuildBooks computes the ledger from the first record on and says where the
// one that stands differs. Where records have been pruned the past cannot be
// computed again, so only the books' own balance is proved.
func (h *House) rebuildBooks(ctx context.Context, journal *receipts.Journal) ([]string, error) {
	store, err := ledgersql.Open(ctx, h.path("ledger.db"))
	if err != nil {
		return nil, err
	}
	defer store.Close()
	standing, err := ledger.Open(ctx, ledger.Config{Store: store, Log: h.Log})
	if err != nil {
		return nil, err
	}
	applied, err := standing.Applied(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := replay(ctx, journal, applied, standing); err != nil {
		return nil, err
	}
	if err := standing.Check(ctx); err != nil {
		return []string{crank.AsError(err).Error()}, nil
	}
	fresh, err := ledger.Open(ctx, ledger.Config{Store: &memory.Store{}, Log: h.Log})
	if err != nil {
		return nil, err
	}
	whole, err := replay(ctx, journal, 0, fresh)
	if err != nil || !whole {
		return nil, err
	}
	return ledger.Differences(standing.State(), fresh.State()), nil
}

// replay applies the records above a seq; whole is false when some were pruned.
func replay(ctx context.Context, journal *receipts.Journal, after uint64, book *ledger.Book) (whole bool, err error) {
	const batch = 4096
	for {
		stored, err := journal.Read(ctx, after, batch)
		if err != nil || len(stored) == 0 {
			return true, err
		}
		records := make([]crank.Record, len(stored))
		for i, s := range stored {
			if len(s.Bytes) == 0 {
				return false, nil
			}
			if records[i], err = s.Record(); err != nil {
				return false, err
			}
		}
		if err := book.Apply(ctx, records); err != nil {
			return false, err
		}
		after = stored[len(stored)-1].Seq
	}
}
