package verify

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/notesign"
)

const promiseTitle = "crank.dev/promise/v1"

// Promised is what a log has promised: that this record will be under a
// checkpoint as this leaf at that time.
type Promised struct {
	Origin string
	Epoch  uint64
	Seq    uint64
	Index  uint64
	Record crank.Digest
	Leaf   crank.Digest
	By     time.Time
}

// Promise reads a promise that keys of every algorithm signed which speak for
// its log; CodeReceiptTampered for anything else.
func Promise(msg []byte, keys notesign.Keys) (Promised, error) {
	fail := func(err error) (Promised, error) {
		e := crank.E(crank.CodeReceiptTampered, "this is no promise that verifies")
		e.Cause = err
		return Promised{}, e
	}
	text, err := notesign.Text(msg)
	if err != nil {
		return fail(err)
	}
	lines := strings.Split(text, "\n")
	if len(lines) != 9 || lines[0] != promiseTitle {
		return fail(notesign.ErrNote)
	}
	p := Promised{Origin: lines[1]}
	for i, n := range []*uint64{&p.Epoch, &p.Seq, &p.Index} {
		if *n, err = strconv.ParseUint(lines[2+i], 10, 64); err != nil {
			return fail(err)
		}
	}
	for i, d := range []*crank.Digest{&p.Record, &p.Leaf} {
		if *d, err = crank.ParseDigest(lines[5+i]); err != nil {
			return fail(err)
		}
	}
	by, err := strconv.ParseInt(lines[7], 10, 64)
	if err != nil {
		return fail(err)
	}
	p.By = time.UnixMicro(by).UTC()
	if again := fmt.Sprintf("%s\n%s\n%d\n%d\n%d\n%s\n%s\n%d\n", promiseTitle, p.Origin, p.Epoch, p.Seq, p.Index, p.Record, p.Leaf, by); again != text {
		return fail(notesign.ErrNote)
	}
	if _, _, err := notesign.Open(msg, keys.At(p.Origin, p.Seq)...); err != nil {
		return fail(err)
	}
	return p, nil
}
