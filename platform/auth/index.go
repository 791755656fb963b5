package auth

import (
	"maps"
	"strings"
	"sync/atomic"
	"time"

	"github.com/crank-platform/crank"
)

// index finds a secret's key without a lock. It is 256 snapshots, by a digest's
// first byte, so that a change copies one of them: with a million keys some
// 4,000 entries, far less than the fsync before it costs.
type index [256]atomic.Pointer[map[Digest]*slot]

// slot is what Identify tells of one secret. It is never changed.
type slot struct {
	principal crank.Principal
	until     int64  // microseconds since 1970 from which it is void; 0: no end
	ending    string // why, for the message
	used      *usage
}

func (x *index) find(d Digest) *slot {
	m := x[d[0]].Load()
	if m == nil {
		return nil
	}
	return (*m)[d]
}

// build fills an empty index, each snapshot once.
func (x *index) build(keys map[string]*entry) {
	var shards [256]map[Digest]*slot
	for _, e := range keys {
		for d, s := range e.slots() {
			if shards[d[0]] == nil {
				shards[d[0]] = map[Digest]*slot{}
			}
			shards[d[0]][d] = s
		}
	}
	for i := range shards {
		x[i].Store(&shards[i])
	}
}

// replace takes was (nil for none) out and puts e in. Secrets that both have are
// never missing in between. The caller lets only one replace run at a time.
func (x *index) replace(was, e *entry) {
	slots := e.slots()
	for d, s := range slots {
		x.set(d, s)
	}
	if was == nil {
		return
	}
	for _, r := range was.Secrets {
		if slots[r.Digest] == nil {
			x.set(r.Digest, nil)
		}
	}
}

func (x *index) set(d Digest, s *slot) {
	next := map[Digest]*slot{}
	if m := x[d[0]].Load(); m != nil && *m != nil {
		next = maps.Clone(*m)
	}
	if s == nil {
		delete(next, d)
	} else {
		next[d] = s
	}
	x[d[0]].Store(&next)
}

// slots returns what each secret of the key stands for.
func (e *entry) slots() map[Digest]*slot {
	key := e.told()
	p := crank.Principal{
		Payer:  crank.Payer{Tenant: key.Tenant, Team: key.Team, App: key.App, Key: key.ID},
		Method: "key", Roles: key.Roles, Labels: key.Labels,
	}
	if len(key.Allow) > 0 {
		if p.Labels == nil {
			p.Labels = map[string]string{}
		}
		p.Labels[LabelAllow] = strings.Join(key.Allow, " ")
	}
	all := make(map[Digest]*slot, len(e.Secrets))
	for _, r := range e.Secrets {
		s := &slot{principal: p, used: e.used}
		s.end(r.Until, "was rotated, and this is an old secret of it")
		s.end(key.Expires, "has expired")
		s.end(key.Revoked, "was revoked")
		all[r.Digest] = s
	}
	return all
}

// end moves the slot's end forward to at, if that is sooner.
func (s *slot) end(at time.Time, why string) {
	if us := at.UnixMicro(); !at.IsZero() && (s.until == 0 || us < s.until) {
		s.until, s.ending = us, why
	}
}
