package jobstest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/jobs"
)

// story writes events down in short.
func story(events []jobs.Event) string {
	var s []string
	for _, e := range events {
		switch e.Type {
		case jobs.EventChunk:
			s = append(s, string(e.Chunk.Data))
		case jobs.EventProgress:
			s = append(s, fmt.Sprint(e.Job.Progress, " ", e.Job.Note))
		case jobs.EventState:
			s = append(s, strings.TrimSpace(string(e.Job.State)+" "+string(e.Job.Output)))
		case jobs.EventGap:
			s = append(s, "gap "+string(e.Job.State))
		}
	}
	return strings.Join(s, ", ")
}

func (n *node) follow(j *jobs.Jobs, id string, after int) (all []jobs.Event) {
	n.t.Helper()
	ch, err := j.Events(n.t.Context(), a, id, after)
	if err != nil {
		n.t.Fatal(err)
	}
	for e := range ch {
		if len(all) > 0 && e.ID <= all[len(all)-1].ID || e.ID <= after {
			n.t.Errorf("event %d follows %d", e.ID, after)
		}
		all = append(all, e)
	}
	return all
}

func events(n *node) {
	n.work = func(_ context.Context, call crank.Call, sink func(crank.Chunk) error) (json.RawMessage, error) {
		data := []byte("one")
		for _, c := range []crank.Chunk{{Data: data}, {Event: "progress", Data: []byte(`{"permille":500,"note":"half"}`)}, {Data: []byte("two")}, {Event: "progress", Data: []byte("no json")}} {
			if err := sink(c); err != nil {
				return nil, err
			}
			copy(data, "xxx") // the worker's buffer is its own again
			time.Sleep(time.Second)
		}
		return json.RawMessage(`"out"`), nil
	}
	j, stop := n.start()
	defer stop()
	job := n.submit(j, call(`{}`))
	ctx, leave := context.WithCancel(n.t.Context())
	early, err := j.Events(ctx, a, job.ID, 0)
	if err != nil {
		n.t.Fatal(err)
	}
	var first []jobs.Event
	for e := range early {
		if first = append(first, e); len(first) == 4 {
			break
		}
	}
	leave()
	for range early { // the channel closes
	}
	if got := story(first); got != "queued, running, one, 500 half" {
		n.t.Errorf("until it left: %s", got)
	}
	if got := n.get(j, job.ID); got.Progress != 500 || got.Note != "half" || got.State != crank.JobRunning {
		n.t.Errorf("half way: %+v", got)
	}
	rest := n.follow(j, job.ID, first[3].ID)
	if got, want := story(rest), `two, no json, done "out"`; got != want {
		n.t.Errorf("resumed: %s, want %s", got, want)
	}
	if got, want := story(n.follow(j, job.ID, 0)), `queued, running, one, 500 half, two, no json, done "out"`; got != want {
		n.t.Errorf("once more: %s, want %s", got, want)
	}
	if got := n.follow(j, job.ID, rest[2].ID); len(got) != 0 {
		n.t.Errorf("after the end: %s", story(got))
	}
	time.Sleep(time.Hour) // its events are forgotten, its end is not
	if got := story(n.follow(j, job.ID, first[3].ID)); got != `done "out"` {
		n.t.Errorf("much later: %s", got)
	}
	if got := n.follow(j, job.ID, rest[2].ID); len(got) != 0 {
		n.t.Errorf("much later after the end: %s", story(got))
	}
}

func gap(n *node) {
	gate := make(chan struct{})
	n.work = func(_ context.Context, call crank.Call, sink func(crank.Chunk) error) (json.RawMessage, error) {
		for range 20 {
			if err := sink(crank.Chunk{Data: make([]byte, 100_000)}); err != nil {
				return nil, err
			}
		}
		<-gate
		return call.Input, nil
	}
	j, stop := n.start()
	job := n.submit(j, call(`{}`))
	n.until("all is streamed", func() bool { return n.began(job.Call) == 1 })
	time.AfterFunc(time.Second, func() { close(gate) })
	all := n.follow(j, job.ID, 0)
	size := 0
	for _, e := range all {
		if e.Chunk != nil {
			size += len(e.Chunk.Data)
		}
	}
	if all[0].Type != jobs.EventGap || all[0].Job.State != crank.JobRunning || size > 600_000 || size == 0 || all[len(all)-1].Job.State != crank.JobDone {
		n.t.Errorf("%d bytes are kept, first %+v", size, all[0])
	}
	stop()

	// The node stops while a job waits: who has seen an event learns of the gap.
	j = n.idle()
	job = n.submit(j, call(`{}`))
	time.Sleep(time.Second)
	seen := int(job.Submitted.UnixMicro())
	j, stop = n.start()
	defer stop()
	if got := story(n.follow(j, job.ID, seen)); !strings.HasPrefix(got, "gap ") || !strings.HasSuffix(got, "done {}") {
		n.t.Errorf("after a restart: %s", got)
	}
}
