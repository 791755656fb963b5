// Package verify checks receipts and whole logs offline: from files and bytes
// alone, with keys that the reader brings, trusting nobody.
//
// It owns what an exported receipt looks like (Bundle), which facts about one
// receipt (Receipt), one promise (Promise) and one data directory (Log) are
// checked, and checkpoints kept elsewhere (anchors). It does not own making
// receipts (package receipts) or logs (package tessera).
//
// What it can show: that a record is the one that was logged, whole and
// unchanged, that nothing was removed, added or reordered since a checkpoint that
// the reader holds, and that the money in it adds up. What it cannot show: that a
// worker's answer was right, or that a log whose keys are stolen is the only one.
package verify

import (
	"errors"
	"fmt"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/notesign"
)

// Origin is the name of an epoch's log: the node's name and the epoch. A key of
// the node's name speaks for each.
func Origin(node string, epoch uint64) string { return fmt.Sprintf("%s/epoch-%d", node, epoch) }

// Folder is the name of an epoch's folder, in the folder of all logs.
func Folder(epoch uint64) string { return fmt.Sprintf("epoch-%d", epoch) }

// Report says what was checked and what is wrong.
type Report struct {
	Checked []Count `json:"checked"` // in the order in which they were first done
	Faults  []Fault `json:"faults,omitempty"`
	More    uint64  `json:"more_faults,omitempty"` // past MaxFaults, only counted
	// SelfAsserted means that no keys were trusted: the signatures are those of
	// whoever wrote the file.
	SelfAsserted bool          `json:"self_asserted_keys,omitempty"`
	Signers      []string      `json:"signers,omitempty"` // name+id (algorithm) of each key that signed
	Record       *crank.Record `json:"record,omitempty"`  // of a receipt that was checked
}

// Count is how often one thing was checked.
type Count struct {
	What string `json:"what"`
	N    uint64 `json:"n"`
}

// Fault is one thing that is wrong.
type Fault struct {
	Epoch uint64     `json:"epoch,omitempty"`
	Seq   uint64     `json:"seq,omitempty"` // of the record; 0 where it is none's alone
	Code  crank.Code `json:"code"`          // CodeRollback where something is older than what was signed, else CodeReceiptTampered
	Why   string     `json:"why"`
}

// MaxFaults is how many faults a report names.
const MaxFaults = 100

// N returns how often a thing was checked.
func (r *Report) N(what string) uint64 {
	for _, c := range r.Checked {
		if c.What == what {
			return c.N
		}
	}
	return 0
}

func (r *Report) count(what string, n uint64) {
	for i := range r.Checked {
		if r.Checked[i].What == what {
			r.Checked[i].N += n
			return
		}
	}
	r.Checked = append(r.Checked, Count{what, n})
}

func (r *Report) fault(f Fault) {
	if len(r.Faults) < MaxFaults {
		r.Faults = append(r.Faults, f)
		return
	}
	r.More++
}

func (r *Report) signedBy(by []*notesign.Verifier) {
	for _, v := range by {
		name := fmt.Sprintf("%s+%08x (%s)", v.Name(), v.KeyHash(), v.Algorithm())
		known := false
		for _, s := range r.Signers {
			known = known || s == name
		}
		if !known {
			r.Signers = append(r.Signers, name)
		}
	}
}

// Err returns nil for a report without faults; otherwise an error that carries
// them, CodeRollback if any of them is.
func (r *Report) Err() error {
	if len(r.Faults) == 0 {
		return nil
	}
	code := crank.CodeReceiptTampered
	var faults []crank.Fault
	for _, f := range r.Faults {
		if f.Code == crank.CodeRollback {
			code = crank.CodeRollback
		}
		path := "log"
		if f.Seq > 0 {
			path = fmt.Sprintf("record %d", f.Seq)
		} else if f.Epoch > 0 {
			path = Folder(f.Epoch)
		}
		faults = append(faults, crank.Fault{Path: path, Reason: f.Why})
	}
	return crank.E(code, "it does not verify: %d faults were found", uint64(len(r.Faults))+r.More).With(faults...)
}

// why is the sentence of an error, without its code and mend.
func why(err error) string {
	var e *crank.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	if e.Cause != nil {
		return e.Message + ": " + e.Cause.Error()
	}
	return e.Message
}
