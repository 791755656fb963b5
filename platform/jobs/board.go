package jobs

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/crank-platform/crank"
)

// board knows the jobs that have not ended: who waits, and who runs. The store
// has the jobs themselves.
type board struct {
	mu     sync.Mutex
	change sync.Cond
	lanes  map[string]*lane // by tenant
	tasks  map[string]*task // by job
	turn   uint64
	closed bool
}

// lane is a tenant's share. It is there while a job of the tenant is.
type lane struct {
	queued  []*task // oldest first
	running int
	served  uint64 // the turn it had last
}

// task is a job that waits or runs.
type task struct {
	tenant, id string
	startBy    time.Time // zero: whenever
	queued     bool

	mu        sync.Mutex // guards what follows
	cancelled bool       // somebody asked to
	entry     Entry      // of a job that runs, as it is stored but for its progress
	stop      context.CancelCauseFunc
}

func newBoard() *board {
	b := &board{lanes: map[string]*lane{}, tasks: map[string]*task{}}
	b.change.L = &b.mu
	return b
}

func (b *board) lane(tenant string) *lane {
	l := b.lanes[tenant]
	if l == nil {
		l = &lane{served: b.turn}
		b.lanes[tenant] = l
	}
	return l
}

// room reports whether a tenant may queue one more.
func (b *board) room(tenant string, most int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.lanes[tenant]
	return l == nil || len(l.queued) < most
}

// push queues a job behind those of its tenant. A job that is here already stays
// where it is.
func (b *board) push(j crank.Job) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tasks[j.ID] != nil {
		return
	}
	t := &task{tenant: j.Tenant, id: j.ID, queued: true}
	if j.Attempt == 0 { // the quote stands for what has begun
		t.startBy = j.StartBy
	}
	b.tasks[j.ID] = t
	l := b.lane(j.Tenant)
	l.queued = append(l.queued, t)
	b.change.Signal()
}

// take waits for a job and marks it as running: the oldest of the tenant that
// has the fewest running and, among those, was served longest ago. It returns
// nil once the board is closed.
func (b *board) take() *task {
	b.mu.Lock()
	defer b.mu.Unlock()
	for !b.closed {
		var best *lane
		for _, l := range b.lanes {
			if len(l.queued) > 0 && (best == nil || l.running < best.running || l.running == best.running && l.served < best.served) {
				best = l
			}
		}
		if best == nil {
			b.change.Wait()
			continue
		}
		t := best.queued[0]
		best.queued[0] = nil
		best.queued = best.queued[1:]
		b.turn++
		best.served = b.turn
		best.running++
		t.queued = false
		return t
	}
	return nil
}

// pull takes a queued job out of the queue, as running, for one who will end it;
// false when it is not queued.
func (b *board) pull(id string) (t *task, queued bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t = b.tasks[id]
	if t == nil || !t.queued {
		return t, false
	}
	b.withdraw(t)
	return t, true
}

func (b *board) withdraw(t *task) {
	l := b.lanes[t.tenant]
	i := slices.Index(l.queued, t)
	l.queued = slices.Delete(l.queued, i, i+1)
	l.running++
	t.queued = false
}

// late pulls the queued jobs that were to start before now.
func (b *board) late(now time.Time) (late []*task) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range b.tasks {
		if t.queued && !t.startBy.IsZero() && !now.Before(t.startBy) {
			b.withdraw(t)
			late = append(late, t)
		}
	}
	return late
}

// back puts a job that was taken or pulled to the front of its tenant's queue.
func (b *board) back(t *task) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.lanes[t.tenant]
	l.running--
	l.queued = slices.Insert(l.queued, 0, t)
	t.queued = true
	b.change.Signal()
}

// done forgets a job that was taken or pulled.
func (b *board) done(t *task) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.tasks, t.id)
	l := b.lanes[t.tenant]
	if l.running--; l.running == 0 && len(l.queued) == 0 {
		delete(b.lanes, t.tenant)
	}
}

// find returns a job that is here, or nil.
func (b *board) find(id string) *task {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tasks[id]
}

// close makes take return nil.
func (b *board) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.change.Broadcast()
}
