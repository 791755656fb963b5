package receipts

import (
	"crypto/rand"

	"github.com/crank-platform/crank"
)

// built is a batch with every record in its place. Its entries live in the
// journal's arena, until the next batch is built.
type built struct {
	entries   []Entry
	records   []crank.Record
	committed []committed
}

// build gives each item its place: epoch, seq, commit time, and for a receipt its
// place in the tenant's chain. It changes nothing of the journal but scratch
// memory, so that a commit that fails leaves no trace.
func (j *Journal) build(batch []*item) built {
	epoch, seq, now := uint64(0), j.seq, max(j.time, j.now().UnixMicro())
	if len(j.epochs) > 0 {
		epoch = j.epochs[len(j.epochs)-1].Epoch
	}
	clear(j.moved)
	size := 0
	for _, it := range batch {
		size += len(it.body) + 96
	}
	if cap(j.arena) < size {
		j.arena = make([]byte, 0, size)
	}
	arena := j.arena[:0]
	salts := make([]byte, 32*len(batch))
	rand.Read(salts) // never fails: it ends the process instead
	b := built{make([]Entry, len(batch)), make([]crank.Record, len(batch)), make([]committed, len(batch))}
	for i, it := range batch {
		seq++
		if it.epoch {
			epoch++
		}
		body := it.body
		r := &it.record
		r.Epoch, r.Seq, r.Time = epoch, seq, now
		e := &b.entries[i]
		if r.Receipt != nil {
			link := j.link(r.Receipt.Payer.Tenant)
			r.Receipt.TenantSeq, r.Receipt.TenantPrev = link.Seq+1, link.Digest
			j.body = placeReceipt(j.body[:0], body, link.Seq+1, link.Digest)
			body = j.body
			e.Closes = it.call
		}
		start := len(arena)
		arena = appendEnvelope(arena, epoch, seq, r.Type, now, body)
		e.Stored = Stored{Epoch: epoch, Seq: seq, Salt: [32]byte(salts[32*i:]), Bytes: arena[start:len(arena):len(arena)]}
		e.Begins = it.epoch
		digest := j.digest(e.Bytes)
		if r.Receipt != nil {
			j.moved[r.Receipt.Payer.Tenant] = Link{r.Receipt.TenantSeq, digest}
		}
		b.records[i] = *r
		b.committed[i] = committed{*r, digest}
	}
	j.arena = arena
	return b
}

// link returns the newest receipt of a tenant as the batch being built sees it.
func (j *Journal) link(tenant string) Link {
	if l, ok := j.moved[tenant]; ok {
		return l
	}
	return j.heads[tenant]
}

var recordPrefix = []byte(RecordDomain + "\x00")

// digest is crank.DigestOf(RecordDomain, b) without its allocations.
func (j *Journal) digest(b []byte) (d crank.Digest) {
	j.hash.Reset()
	j.hash.Write(recordPrefix)
	j.hash.Write(b)
	j.hash.Sum(d[:0])
	return d
}
