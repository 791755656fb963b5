package app

import (
	"context"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/receipts"
	"github.com/crank-platform/crank/platform/receipts/tessera"
	"github.com/crank-platform/crank/platform/receipts/verify"
)

// Books reads receipts and sums, within what a principal may see.
type Books struct {
	h *House
	o Office
}

// Books returns the node's books.
func (h *House) Books() Books { return Books{h, h.Office()} }

// scope returns the tenant that p may read: "", which means all, only for an
// operator.
func (b Books) scope(ctx context.Context, p crank.Principal, tenant, object string) (string, error) {
	return b.o.Permit(ctx, p, "read.receipts", tenant, object)
}

// Receipts lists receipts, newest first.
func (b Books) Receipts(ctx context.Context, p crank.Principal, q receipts.Query) (page []crank.Receipt, next string, err error) {
	if q.Tenant, err = b.scope(ctx, p, q.Tenant, ""); err != nil {
		return nil, "", err
	}
	return b.h.Receipts.List(ctx, q)
}

func (b Books) stored(ctx context.Context, p crank.Principal, id string) (receipts.Stored, error) {
	tenant, err := b.scope(ctx, p, "", id)
	if err != nil {
		return receipts.Stored{}, err
	}
	return b.h.Receipts.Receipt(ctx, tenant, id)
}

// Receipt returns one receipt, by its own id or its call's.
func (b Books) Receipt(ctx context.Context, p crank.Principal, id string) (crank.Receipt, error) {
	stored, err := b.stored(ctx, p, id)
	if err != nil {
		return crank.Receipt{}, err
	}
	record, err := stored.Record()
	if err != nil {
		return crank.Receipt{}, err
	}
	return *record.Receipt, nil
}

// Usage sums receipts up.
func (b Books) Usage(ctx context.Context, p crank.Principal, q receipts.UsageQuery) (rows []receipts.UsageRow, err error) {
	if q.Tenant, err = b.scope(ctx, p, q.Tenant, ""); err != nil {
		return nil, err
	}
	return b.h.Receipts.Usage(ctx, q)
}

// Checkpoint returns the log's newest signed checkpoint.
func (b Books) Checkpoint(ctx context.Context) ([]byte, error) {
	note, _, err := b.h.Merkle.Checkpoint(ctx)
	return note, err
}

// mergeWait is how long a proof waits for its record to be under a checkpoint.
const mergeWait = tessera.MaxMergeDelay + 5*time.Second

// Bundle returns a receipt with everything that proves it offline.
func (b Books) Bundle(ctx context.Context, p crank.Principal, id string) ([]byte, error) {
	stored, err := b.stored(ctx, p, id)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, mergeWait)
	defer cancel()
	epochs, err := b.h.Receipts.Epochs(ctx)
	if err != nil {
		return nil, err
	}
	var log interface {
		Inclusion(ctx context.Context, seq uint64) (tessera.Proof, error)
	} = b.h.Merkle
	if last := epochs[len(epochs)-1]; stored.Epoch == last.Epoch {
		if err := b.h.Merkle.WaitFor(ctx, stored.Seq); err != nil {
			return nil, err
		}
	} else if log, err = b.h.oldLog(epochs, stored.Epoch); err != nil {
		return nil, err
	}
	proof, err := log.Inclusion(ctx, stored.Seq)
	if err != nil {
		return nil, err
	}
	bundle := verify.NewBundle(stored, verify.Origin(b.h.Node, stored.Epoch), proof.Index, proof.Hashes, proof.Checkpoint, b.h.Ring.Keys())
	return bundle.Encode()
}

// oldLog opens the log of an epoch that has ended, for reading.
func (h *House) oldLog(epochs []receipts.Epoch, epoch uint64) (*tessera.Reader, error) {
	for _, e := range epochs {
		if e.Epoch == epoch {
			return tessera.OpenReader(h.path("log", verify.Folder(epoch)), verify.Origin(h.Node, epoch), e.FirstSeq, h.Ring.Keys())
		}
	}
	return nil, crank.E(crank.CodeReceiptUnknown, "there is no log of epoch %d", epoch)
}
