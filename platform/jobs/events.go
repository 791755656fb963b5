package jobs

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/crank-platform/crank"
)

// Event is something that happened to a job.
type Event struct {
	// ID grows with every event of a job, also across restarts; it is no count.
	ID    int
	Type  EventType
	Job   *crank.Job   // as it stands then; nil for EventChunk. Its output comes with its end
	Chunk *crank.Chunk // for EventChunk
}

// EventType says what happened.
type EventType string

// The types.
const (
	EventState    EventType = "state"
	EventProgress EventType = "progress"
	EventChunk    EventType = "chunk" // a part of a streamed output
	EventGap      EventType = "gap"   // what came between is not kept any more
)

const (
	ringEvents = 1024
	ringBytes  = 512 << 10
	linger     = time.Minute // how long the events of an ended job are kept
)

// hub keeps the last events of one job.
type hub struct {
	mu      sync.Mutex
	ring    []Event
	bytes   int
	last    int
	dropped int // ID of the last event that is not kept
	ended   time.Time
	wake    chan struct{} // closed by the next event
}

// publish adds an event and gives it its ID: the time in microseconds, so that
// IDs grow across restarts, or one more than the last. Outputs are not kept here:
// the store has them.
func (h *hub) publish(now time.Time, e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e.ID = max(h.last+1, int(now.UnixMicro()))
	if e.Job != nil {
		copied := *e.Job
		copied.Output = nil
		e.Job = &copied
		if copied.State.Final() {
			h.ended = now
		}
	}
	h.last = e.ID
	h.ring = append(h.ring, e)
	h.bytes += e.size()
	for len(h.ring) > 1 && (len(h.ring) > ringEvents || h.bytes > ringBytes) {
		h.dropped = h.ring[0].ID
		h.bytes -= h.ring[0].size()
		h.ring[0] = Event{}
		h.ring = h.ring[1:]
	}
	close(h.wake)
	h.wake = make(chan struct{})
}

func (e Event) size() int {
	if e.Chunk == nil {
		return 0
	}
	return len(e.Chunk.Data) + len(e.Chunk.Event)
}

// since returns the events after that ID, whether there will be more, and what
// closes when there are.
func (h *hub) since(after int) (events []Event, more bool, wake <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if after < h.dropped {
		events = append(events, Event{ID: h.dropped, Type: EventGap})
	}
	for _, e := range h.ring {
		if e.ID > after {
			events = append(events, e)
		}
	}
	return events, h.ended.IsZero(), h.wake
}

// hubs are those of the jobs that are on the board, or were a moment ago.
type hubs struct {
	mu sync.Mutex
	m  map[string]*hub
}

func (s *hubs) open(id string) *hub {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.m[id]
	if h == nil {
		if s.m == nil {
			s.m = map[string]*hub{}
		}
		h = &hub{wake: make(chan struct{})}
		s.m[id] = h
	}
	return h
}

// resume opens the hub of a job whose earlier events ended with an earlier node.
func (s *hubs) resume(id string, now time.Time) *hub {
	h := s.open(id)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last == 0 {
		h.last = int(now.UnixMicro())
		h.dropped = h.last
	}
	return h
}

func (s *hubs) find(id string) *hub {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m[id]
}

// prune forgets the hubs of jobs that ended before that instant.
func (s *hubs) prune(before time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, h := range s.m {
		h.mu.Lock()
		if !h.ended.IsZero() && h.ended.Before(before) {
			delete(s.m, id)
		}
		h.mu.Unlock()
	}
}

// Events implements Service.
func (j *Jobs) Events(ctx context.Context, tenant, id string, after int) (<-chan Event, error) {
	job, err := j.Get(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	out := make(chan Event)
	send := func(e Event) bool {
		select {
		case out <- e:
			return true
		case <-ctx.Done():
			return false
		}
	}
	go func() { // ends with ctx, at the latest
		defer close(out)
		h := j.hubs.find(id)
		if h == nil { // it ended some time ago
			if at := int(job.Ended.UnixMicro()); !job.State.Final() || after < at {
				send(Event{ID: max(at, after+1, 1), Type: EventState, Job: &job})
			}
			return
		}
		for {
			events, more, wake := h.since(after)
			for _, e := range events {
				if e.Type == EventGap || e.Job != nil && e.Job.State.Final() {
					now, err := j.Get(ctx, tenant, id)
					if err != nil {
						return
					}
					e.Job = &now
				}
				if !send(e) {
					return
				}
				after = e.ID
			}
			if !more {
				return
			}
			select {
			case <-wake:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}

// Wait implements Service.
func (j *Jobs) Wait(ctx context.Context, tenant, id string) (job crank.Job, err error) {
	for {
		var wake <-chan struct{}
		if h := j.hubs.find(id); h != nil {
			_, _, wake = h.since(math.MaxInt)
		}
		now, err := j.Get(ctx, tenant, id)
		if err != nil && ctx.Err() == nil || now.State.Final() {
			return now, err
		}
		if err == nil {
			job = now
		}
		poll := time.NewTimer(pause) // for a job whose node has just started
		select {
		case <-wake:
		case <-poll.C:
		case <-ctx.Done():
			poll.Stop()
			return job, crank.Wrap(crank.CodeDeadline, ctx.Err(), "the job %s has not ended yet", id)
		}
		poll.Stop()
	}
}
