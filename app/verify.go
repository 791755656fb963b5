package app

import (
	"context"
	"path/filepath"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/notesign"
	"github.com/crank-platform/crank/platform/receipts"
	journalsql "github.com/crank-platform/crank/platform/receipts/sqlite"
	"github.com/crank-platform/crank/platform/receipts/verify"

	"github.com/crank-platform/crank/app/config"
)

// VerifyOptions are what a reader brings to check a data directory.
type VerifyOptions struct {
	Anchors  string        // folder with checkpoints that were kept elsewhere; "" for none
	Keys     notesign.Keys // that the reader trusts; none means those in the directory
	Progress func(done uint64)
}

// VerifyDir checks a data directory that no node uses: every record, receipt and
// leaf, the log's tiles and signatures, the tenants' chains, and that the books
// balance and the usage sums are those of the receipts. What is wrong stands in
// the report; the error is for what could not be checked.
func VerifyDir(ctx context.Context, dataDir string, o VerifyOptions) (verify.Report, error) {
	h := &House{Config: config.Config{DataDir: dataDir}}
	if err := h.takeDir(); err != nil {
		return verify.Report{}, err
	}
	defer h.Close()
	store, err := journalsql.Open(ctx, dataDir)
	if err != nil {
		return verify.Report{}, err
	}
	h.closes(store.Close)
	journal, err := receipts.New(ctx, receipts.Config{Store: store})
	if err != nil {
		return verify.Report{}, err
	}
	found := &indexes{Journal: journal, epochs: map[uint64]uint64{}}
	in := verify.Input{Source: found, Dir: h.path("log"), Node: h.Node, Keys: o.Keys, Progress: o.Progress}
	if len(in.Keys) == 0 {
		ring, err := notesign.OpenRing(h.path("keys", "log"), h.Node, nil)
		if err != nil {
			return verify.Report{}, crank.Wrap(crank.CodeStore, err, "the log's keys cannot be read")
		}
		in.Keys = ring.Keys()
	}
	if o.Anchors != "" {
		if in.Anchors, err = verify.Anchors(filepath.Clean(o.Anchors)); err != nil {
			return verify.Report{}, err
		}
	}
	report, err := verify.Log(ctx, in)
	report.SelfAsserted = len(o.Keys) == 0
	if err != nil && len(report.Faults) == 0 {
		return report, err
	}
	if err := found.finish(ctx); err != nil {
		return report, err
	}
	report.Faults = append(report.Faults, found.faults...)
	return report, h.verifyViews(ctx, journal, &report)
}

// indexes checks, while the journal is read, that each receipt is found by its
// call and each epoch where it begins: nothing else is kept beside the records.
type indexes struct {
	*receipts.Journal
	epochs map[uint64]uint64 // where each begins, as the records say
	faults []verify.Fault
}

func (x *indexes) fault(s receipts.Stored, why string) {
	if len(x.faults) < verify.MaxFaults {
		x.faults = append(x.faults, verify.Fault{Epoch: s.Epoch, Seq: s.Seq, Code: crank.CodeReceiptTampered, Why: why})
	}
}

// Read reads records as the journal does.
func (x *indexes) Read(ctx context.Context, after uint64, limit int) ([]receipts.Stored, error) {
	batch, err := x.Journal.Read(ctx, after, limit)
	for _, s := range batch {
		if _, known := x.epochs[s.Epoch]; !known {
			x.epochs[s.Epoch] = s.Seq
		}
		r, damaged := s.Record()
		if damaged != nil || r.Receipt == nil {
			continue // pruned, or told by what reads it next
		}
		if by, err := x.Receipt(ctx, "", r.Receipt.Call); err != nil || by.Seq != s.Seq {
			x.fault(s, "the receipt is not found by its call")
		}
	}
	return batch, err
}

// finish compares the epochs.
func (x *indexes) finish(ctx context.Context) error {
	epochs, err := x.Epochs(ctx)
	for _, e := range epochs {
		if x.epochs[e.Epoch] != e.FirstSeq {
			x.fault(receipts.Stored{Epoch: e.Epoch, Seq: e.FirstSeq}, "no record begins this epoch here")
		}
	}
	return err
}

// verifyViews computes what is derived from the journal again, and compares.
func (h *House) verifyViews(ctx context.Context, journal *receipts.Journal, report *verify.Report) error {
	same, err := journal.Rebuild(ctx)
	if err != nil {
		return err
	}
	if !same {
		report.Faults = append(report.Faults, verify.Fault{Code: crank.CodeReceiptTampered, Why: "the usage sums that stood were not those of the receipts; they have been computed anew"})
	}
	differences, err := h.rebuildBooks(ctx, journal)
	if err != nil {
		return err
	}
	for _, d := range differences {
		report.Faults = append(report.Faults, verify.Fault{Code: crank.CodeReceiptTampered, Why: "the ledger is not what the journal says: " + d})
	}
	report.Checked = append(report.Checked, verify.Count{What: "usage sums rebuilt", N: 1}, verify.Count{What: "ledgers rebuilt", N: 1})
	return nil
}
