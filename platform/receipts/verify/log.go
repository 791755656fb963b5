package verify

import (
	"context"
	"fmt"
	"math"
	"path/filepath"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/notesign"
	"github.com/crank-platform/crank/platform/receipts"
)

// Source is what Log asks of the journal.
type Source interface {
	// Read returns at most limit records with a seq above after, in order.
	Read(ctx context.Context, after uint64, limit int) ([]receipts.Stored, error)
	// Head returns the epoch and seq of the newest record; zeros where there is none.
	Head(ctx context.Context) (epoch, seq uint64, err error)
}

// Input is what Log checks.
type Input struct {
	Source   Source
	Dir      string            // the folder of all logs, which holds epoch-1, epoch-2...
	Node     string            // the logs are named Origin(Node, epoch)
	Keys     notesign.Keys     // that the reader trusts; positions are of the journal
	Anchors  [][]byte          // checkpoints that were kept elsewhere
	Progress func(done uint64) // called now and then with how many records were read; may be nil
	Temp     string            // folder for what does not fit in memory; "" means the system's
}

// Log checks the whole journal against itself and against its logs:
//
//   - every record decodes in the one way, seqs have no gap, commit times never
//     go back;
//   - every receipt adds up and continues its tenant's chain; a call is closed
//     once, and opened at most once before that;
//   - every leaf, computed anew, is the log's entry; every tile and every root of a
//     checkpoint or anchor follows from the leaves; every checkpoint and anchor is
//     signed with every algorithm by keys of its time;
//   - each epoch names the last checkpoint of the one before.
//
// So a record that was removed, added, changed or moved after a checkpoint that
// is held elsewhere is found. Records that were pruned are known by their leaves
// alone. What the newest checkpoint does not cover yet is checked against the
// journal only. Memory is bounded: by the tenants, not by the records.
//
// A node that runs can be checked: what it adds meanwhile is left out.
//
// It stops at the first error that is no fault: of the source, the disk or ctx.
func Log(ctx context.Context, in Input) (Report, error) {
	if in.Source == nil || in.Dir == "" || in.Node == "" || len(in.Keys) == 0 {
		return Report{}, crank.E(crank.CodeConfig, "checking a log needs its journal, folder and name, and keys to trust")
	}
	v := &verifier{in: in, calls: calls{dir: in.Temp}, heads: map[string]head{}, anchors: map[string][]anchor{}}
	err := v.run(ctx)
	if closed := v.calls.close(); err == nil && closed != nil {
		err = crank.Wrap(crank.CodeStore, closed, "a temporary file cannot be removed")
	}
	if err != nil {
		return v.report, err
	}
	return v.report, v.report.Err()
}

// verifier is one run of Log.
type verifier struct {
	in      Input
	report  Report
	n       tally
	calls   calls
	heads   map[string]head // of each tenant's chain
	anchors map[string][]anchor
	epoch   *epoch
	until   uint64   // the newest record when its epoch's checkpoint had been read: the check ends there
	excess  []string // what the log holds past the journal's end, as far as it was read
	seq     uint64   // of the record read last
	time    int64
}

// tally counts in the loop, where Report.count would be slow.
type tally struct{ records, receipts, opened, transfers, admin, pruned uint64 }

type head struct {
	seq    uint64
	digest crank.Digest
}

type anchor struct {
	msg []byte
	cp  notesign.Checkpoint
}

func (v *verifier) tampered(seq uint64, format string, args ...any) {
	f := Fault{Seq: seq, Code: crank.CodeReceiptTampered, Why: fmt.Sprintf(format, args...)}
	if v.epoch != nil {
		f.Epoch = v.epoch.number
	}
	v.report.fault(f)
}

func (v *verifier) rolledBack(format string, args ...any) {
	v.tampered(0, format, args...)
	if v.report.More == 0 {
		v.report.Faults[len(v.report.Faults)-1].Code = crank.CodeRollback
	}
}

// exceeded reports what a log holds that the journal does not.
func (v *verifier) exceeded() {
	for _, why := range v.excess {
		v.rolledBack("%s", why)
	}
	v.excess = nil
}

const readBatch = 1000

func (v *verifier) run(ctx context.Context) error {
	for _, msg := range v.in.Anchors {
		cp, err := parseCheckpoint(msg)
		if err != nil {
			v.tampered(0, "an anchor cannot be read: %s", why(err))
			continue
		}
		v.anchors[cp.Origin] = append(v.anchors[cp.Origin], anchor{msg, cp})
	}
	if err := v.look(ctx); err != nil {
		return err
	}
	for v.seq < v.until {
		if err := ctx.Err(); err != nil {
			return crank.Wrap(crank.CodeCancelled, err, "the check was stopped")
		}
		batch, err := v.in.Source.Read(ctx, v.seq, readBatch)
		if err != nil {
			return crank.Wrap(crank.CodeJournal, err, "the journal cannot be read")
		}
		if len(batch) == 0 {
			v.tampered(0, "the journal says that it ends with record %d, and gives none after record %d", v.until, v.seq)
			break
		}
		for _, s := range batch {
			if v.seq >= v.until {
				break
			}
			if err := v.record(ctx, s); err != nil {
				return err
			}
		}
		if v.in.Progress != nil {
			v.in.Progress(v.n.records)
		}
	}
	return v.finish(ctx)
}

// look notes where the journal ends now.
func (v *verifier) look(ctx context.Context) error {
	_, seq, err := v.in.Source.Head(ctx)
	if err != nil {
		return crank.Wrap(crank.CodeJournal, err, "the journal cannot be read")
	}
	v.until = seq
	return nil
}

func (v *verifier) finish(ctx context.Context) error {
	if v.epoch != nil {
		if err := v.epoch.close(v); err != nil {
			return err
		}
	}
	if len(v.excess) > 0 {
		// A node that runs may have merged records since the journal was read.
		more, err := v.in.Source.Read(ctx, v.seq, 1)
		if err != nil {
			return crank.Wrap(crank.CodeJournal, err, "the journal cannot be read")
		}
		if len(more) == 0 {
			v.exceeded()
		}
	}
	v.epoch = nil
	for origin, left := range v.anchors {
		v.rolledBack("there are %d anchors of the log %s, but the journal has no such epoch", len(left), origin)
	}
	if v.seq == 0 {
		v.tampered(0, "the journal is empty: even a new one has the record that begins its first epoch")
	}
	open, err := v.calls.finish(func(seq uint64, why string) { v.tampered(seq, "%s", why) })
	if err != nil {
		return err
	}
	for _, c := range []Count{{"records", v.n.records}, {"receipts", v.n.receipts}, {"calls opened", v.n.opened}, {"transfers and adjustments", v.n.transfers},
		{"admin records", v.n.admin}, {"pruned records, by leaf alone", v.n.pruned}, {"calls not closed yet", open}, {"tenants' chains", uint64(len(v.heads))}} {
		v.report.count(c.What, c.N)
	}
	return nil
}

// record checks the next record.
func (v *verifier) record(ctx context.Context, s receipts.Stored) error {
	v.n.records++
	if s.Seq <= v.seq {
		// A source that does not go forward would be read for ever.
		return crank.E(crank.CodeReceiptTampered, "the journal gives record %d after record %d", s.Seq, v.seq)
	}
	begins := v.epoch == nil || s.Epoch != v.epoch.number
	if begins {
		if err := v.begin(ctx, s); err != nil {
			return err
		}
	}
	if s.Seq != v.seq+1 {
		v.tampered(s.Seq, "%d records before it are missing", s.Seq-v.seq-1)
	}
	v.seq = s.Seq
	if err := v.epoch.leaf(v, s.Leaf()); err != nil {
		return err
	}
	if s.Bytes == nil {
		if v.n.pruned++; v.n.pruned != v.n.records {
			v.tampered(s.Seq, "it has no bytes, yet an older record has: pruning takes the oldest")
		}
		return nil
	}
	r, err := s.Record()
	if err != nil {
		v.tampered(s.Seq, "%s", why(err))
		return nil
	}
	if r.Time < v.time {
		v.tampered(s.Seq, "its commit time is before that of the record before it")
	}
	v.time = max(v.time, r.Time)
	for _, reason := range arithmetic(r) {
		v.tampered(s.Seq, "%s", reason)
	}
	if isEpoch := r.Admin != nil && r.Admin.Act == receipts.ActEpoch; isEpoch != begins {
		v.tampered(s.Seq, "an epoch's first record, and no other, is of the act %q", receipts.ActEpoch)
	} else if isEpoch {
		v.linked(s.Seq, r.Admin.Detail)
	}
	switch {
	case r.Receipt != nil:
		v.n.receipts++
		v.chained(s, r.Receipt)
		return v.calls.add(r.Receipt.Call, s.Seq, true)
	case r.Opened != nil:
		v.n.opened++
		return v.calls.add(r.Opened.Call, s.Seq, false)
	case r.Transfer != nil:
		v.n.transfers++
	default:
		v.n.admin++
	}
	return nil
}

// chained checks a receipt's place in its tenant's chain. The first receipt that
// is seen of a tenant begins the chain, unless older ones may have been pruned.
func (v *verifier) chained(s receipts.Stored, r *crank.Receipt) {
	last, known := v.heads[r.Payer.Tenant]
	if known || v.n.pruned == 0 {
		if r.TenantSeq != last.seq+1 {
			v.tampered(s.Seq, "it is the tenant's receipt number %d and must be number %d", r.TenantSeq, last.seq+1)
		}
		if r.TenantPrev != last.digest {
			v.tampered(s.Seq, "it does not name the tenant's receipt before it")
		}
	}
	v.heads[r.Payer.Tenant] = head{r.TenantSeq, s.Digest()}
}

// begin ends the epoch that stood and begins the record's.
func (v *verifier) begin(ctx context.Context, s receipts.Stored) error {
	want := uint64(1)
	var before *notesign.Checkpoint
	if v.epoch != nil {
		if err := v.epoch.close(v); err != nil {
			return err
		}
		v.exceeded()
		want, before = v.epoch.number+1, v.epoch.published
	}
	if s.Epoch != want {
		v.tampered(s.Seq, "it is of epoch %d where epoch %d must begin", s.Epoch, want)
	}
	if s.Epoch == math.MaxUint64 {
		return crank.E(crank.CodeReceiptTampered, "record %d is of epoch %d", s.Seq, s.Epoch)
	}
	v.epoch = newEpoch(s.Epoch, s.Seq, filepath.Join(v.in.Dir, Folder(s.Epoch)), Origin(v.in.Node, s.Epoch))
	v.epoch.before = before
	v.report.count("epochs", 1)
	if err := v.epoch.open(v); err != nil {
		return err
	}
	return v.look(ctx) // the checkpoint covers no more than this
}

// linked checks that an epoch names the last checkpoint of the one before.
func (v *verifier) linked(seq uint64, detail crank.Tags) {
	if v.epoch.number == 1 {
		return
	}
	if v.epoch.before == nil {
		v.tampered(seq, "the epoch before it has no checkpoint that it could name")
		return
	}
	want := linkOf(*v.epoch.before)
	for key, value := range want {
		if detail[key] != value {
			v.tampered(seq, "it names %q as the %s of the epoch before, which is %q", detail[key], key, value)
		}
	}
	v.report.count("epochs linked", 1)
}
