package receipts

import (
	"context"
	"runtime"
	"sync"

	"github.com/crank-platform/crank"
)

// maxBatch is the most records that one commit holds.
const maxBatch = 4096

// ActEpoch is the act of the admin record that begins an epoch of the log.
const ActEpoch = "log.epoch"

// item is a record that waits to be committed.
type item struct {
	record crank.Record
	body   []byte // encoded; a receipt's without its place in the chain
	call   CallID
	epoch  bool
	taken  bool // by the writer; under the queue's lock
	err    error
	done   chan error
}

var items = sync.Pool{New: func() any { return &item{done: make(chan error, 1)} }}

func newItem() *item { return items.Get().(*item) }

// release gives an item back once its outcome is known: the writer has let go of it.
func (it *item) release() {
	*it = item{done: it.done}
	items.Put(it)
}

// prepare fills in what does not depend on the record's place and encodes it:
// the work that callers do in parallel.
func (it *item) prepare(r crank.Record) (err error) {
	it.record = r
	call := ""
	switch {
	case r.Opened != nil:
		call = r.Opened.Call
	case r.Receipt != nil:
		call = r.Receipt.Call
	default:
		it.epoch = r.Admin != nil && r.Admin.Act == ActEpoch
		it.body, err = encodeBody(r)
		return err
	}
	var ok bool
	if it.call, ok = callID(call); !ok {
		return crank.E(crank.CodeInternal, "%q is no call's id", call)
	}
	if r.Receipt != nil {
		mine := *r.Receipt
		mine.Version, mine.ID = crank.FormatVersion, receiptID(call)
		mine.TenantSeq, mine.TenantPrev = 0, crank.Digest{}
		it.record.Receipt = &mine
	}
	it.body, err = encodeBody(it.record)
	return err
}

// queue is what waits for the writer.
type queue struct {
	sync.Mutex
	items  []*item
	spare  []*item // the slice before, to be used again
	closed bool
	wake   chan struct{}
}

func (q *queue) put(items ...*item) error {
	q.Lock()
	defer q.Unlock()
	if q.closed {
		return crank.E(crank.CodeDraining, "the journal has stopped")
	}
	q.items = append(q.items, items...)
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return nil
}

// take gives the writer the next batch, empty when nothing waits. It lets others
// run first, once: those whom the last commit released are about to queue again,
// and this is all the company that a commit waits for.
func (q *queue) take() []*item {
	runtime.Gosched()
	q.Lock()
	defer q.Unlock()
	n := min(len(q.items), maxBatch)
	batch := q.items[:n:n]
	for _, it := range batch {
		it.taken = true
	}
	if n < len(q.items) {
		q.items = q.items[n:]
	} else {
		clear(q.spare[:cap(q.spare)])
		q.items, q.spare = q.spare[:0], batch
	}
	return batch
}

// withdraw takes an item out again, unless the writer has it.
func (q *queue) withdraw(it *item) bool {
	q.Lock()
	defer q.Unlock()
	if it.taken {
		return false
	}
	for i, other := range q.items {
		if other == it {
			q.items = append(q.items[:i], q.items[i+1:]...)
			return true
		}
	}
	return false
}

func (q *queue) close() {
	q.Lock()
	defer q.Unlock()
	q.closed = true
}

// Append commits one record; see Writer.
func (j *Journal) Append(ctx context.Context, r crank.Record) (crank.Record, error) {
	if err := foreign(r); err != nil {
		return crank.Record{}, err
	}
	return j.append(ctx, r)
}

// foreign refuses records that only the journal itself writes.
func foreign(r crank.Record) error {
	if r.Admin != nil && r.Admin.Act == ActEpoch {
		return crank.E(crank.CodeInternal, "an epoch begins by NewEpoch only")
	}
	return nil
}

// append commits one record, whoever it is from.
func (j *Journal) append(ctx context.Context, r crank.Record) (crank.Record, error) {
	it := newItem()
	if err := it.prepare(r); err != nil {
		return crank.Record{}, err
	}
	if err := j.queue.put(it); err != nil {
		return crank.Record{}, err
	}
	var err error
	select {
	case err = <-it.done:
	case <-ctx.Done():
		if j.queue.withdraw(it) {
			return crank.Record{}, crank.Wrap(crank.CodeCancelled, ctx.Err(), "the record was withdrawn before its commit")
		}
		err = <-it.done
	}
	r = it.record
	it.release()
	if err != nil {
		return crank.Record{}, err
	}
	return r, nil
}

// AppendAll commits many records in order; see Writer.
func (j *Journal) AppendAll(ctx context.Context, rs []crank.Record) ([]crank.Record, error) {
	out := make([]crank.Record, 0, len(rs))
	for len(rs) > 0 {
		if err := ctx.Err(); err != nil {
			return out, crank.Wrap(crank.CodeCancelled, err, "the rest was not appended")
		}
		n := min(len(rs), maxBatch)
		chunk := make([]*item, n)
		for i := range chunk {
			chunk[i] = newItem()
			if err := foreign(rs[i]); err != nil {
				return out, err
			}
			if err := chunk[i].prepare(rs[i]); err != nil {
				return out, err
			}
		}
		if err := j.queue.put(chunk...); err != nil {
			return out, err
		}
		var first error
		for _, it := range chunk {
			if err := <-it.done; err == nil {
				out = append(out, it.record)
			} else if first == nil {
				first = err
			}
			it.release()
		}
		if first != nil {
			return out, first
		}
		rs = rs[n:]
	}
	return out, nil
}

// NewEpoch begins the next epoch; see Writer.
func (j *Journal) NewEpoch(ctx context.Context, detail crank.Tags) (crank.Record, error) {
	return j.append(ctx, epochRecord(detail))
}

func epochRecord(detail crank.Tags) crank.Record {
	return crank.Record{Type: crank.TypeAdmin, Admin: &crank.Admin{Act: ActEpoch, Detail: detail}}
}
