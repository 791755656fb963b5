package tessera

import (
	"context"
	"fmt"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/notesign"
)

// PromiseTitle is the first line of a promise. A checkpoint's first line is a
// log's origin, so that neither is ever taken for the other.
const PromiseTitle = "crank.dev/promise/v1"

// Promise signs, on request and before the record is merged, that it will be: a
// note whose text is, one value a line, PromiseTitle, the log's origin, the
// epoch, the record's seq, its leaf's index, its digest, its leaf, and until when
// it will be under a checkpoint (microseconds since 1970, UTC). The journal must
// hold the record: CodeReceiptUnknown when it does not. Whoever holds a promise
// that was not kept can show it.
func (l *Log) Promise(ctx context.Context, seq uint64) ([]byte, error) {
	if seq < l.c.FirstSeq {
		return nil, crank.E(crank.CodeReceiptUnknown, "record %d is of an epoch before that of the log %s", seq, l.c.Origin)
	}
	batch, err := l.read(ctx, seq, 1)
	if err != nil {
		return nil, err
	}
	if len(batch) == 0 || batch[0].Bytes == nil {
		return nil, crank.E(crank.CodeReceiptUnknown, "the journal holds no record %d of epoch %d", seq, l.c.Epoch)
	}
	s := batch[0]
	text := fmt.Sprintf("%s\n%s\n%d\n%d\n%d\n%s\n%s\n%d\n", PromiseTitle, l.c.Origin, s.Epoch, s.Seq, s.Seq-l.c.FirstSeq,
		s.Digest(), s.Leaf(), l.c.Now().Add(l.c.MergeDelay).UnixMicro())
	note, err := notesign.Sign(text, l.signers...)
	if err != nil {
		return nil, crank.Wrap(crank.CodeInternal, err, "the promise cannot be signed")
	}
	return note, nil
}
