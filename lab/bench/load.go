package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Load asks the generator to send one request again and again.
type Load struct {
	Address string
	Request []byte
	Conns   int
	Time    time.Duration
	Body    int     // bytes that an answer's body has at least
	Rate    float64 // requests a second, at random times; 0: each connection sends again once it is answered
}

// Loaded is what came of it.
type Loaded struct {
	Requests uint64
	Failed   uint64
	Why      string // the first failure
	Took     time.Duration
	P50, P99 time.Duration // from when a request was due: an open loop hides no waiting
	Max      time.Duration
	Late     time.Duration // 99 % of requests were handed to a connection no later than this after they were due
}

// generator keeps its connections from one load to the next.
type generator struct{ idle map[string][]*wire }

func (g *generator) close() error {
	var failed []error
	for _, all := range g.idle {
		for _, w := range all {
			failed = append(failed, w.Close())
		}
	}
	return errors.Join(failed...)
}

// stale is how old a connection may be and still be used: servers close idle ones.
const stale = 20 * time.Second

func (g *generator) take(ctx context.Context, address string, n int) ([]*wire, error) {
	have := g.idle[address]
	delete(g.idle, address)
	wires := make([]*wire, 0, n)
	for _, w := range have {
		if len(wires) < n && time.Since(w.used) < stale {
			wires = append(wires, w)
			continue
		}
		w.Close()
	}
	for len(wires) < n {
		w, err := dial(ctx, address)
		if err != nil {
			return nil, err
		}
		wires = append(wires, w)
	}
	return wires, nil
}

// tally is what one connection saw.
type tally struct {
	took   histogram
	late   histogram
	failed uint64
	why    string
	broken bool
}

// send makes one call and notes how it went.
func (t *tally) send(w *wire, l *Load, due time.Time) (end time.Time) {
	status, err := w.call(l.Request)
	end = time.Now()
	switch {
	case err != nil:
		t.fail(err.Error())
		t.broken = true
	case status != 200:
		t.fail(fmt.Sprintf("status %d: %.300s", status, w.said))
	case w.size < l.Body:
		t.fail(fmt.Sprintf("an answer of %d bytes", w.size))
	default:
		t.took.add(end.Sub(due))
	}
	return end
}

func (t *tally) fail(why string) {
	if t.failed++; t.why == "" {
		t.why = why
	}
}

// run puts the load on.
func (g *generator) run(ctx context.Context, l Load) (Loaded, error) {
	wires, err := g.take(ctx, l.Address, l.Conns)
	if err != nil {
		return Loaded{}, err
	}
	tallies := make([]tally, len(wires))
	var due chan time.Time
	if l.Rate > 0 {
		due = make(chan time.Time, int(l.Rate*l.Time.Seconds())+1024)
	}
	var wg sync.WaitGroup
	began := time.Now()
	for i, w := range wires {
		wg.Go(func() {
			if due != nil {
				tallies[i].open(w, &l, due)
			} else {
				tallies[i].closed(w, &l, began.Add(l.Time))
			}
		})
	}
	if due != nil {
		pace(ctx, due, began, l)
	}
	wg.Wait()
	took := time.Since(began)
	var all tally
	for i := range tallies {
		t := &tallies[i]
		all.took.merge(&t.took)
		all.late.merge(&t.late)
		all.failed += t.failed
		if all.why == "" {
			all.why = t.why
		}
		if t.broken {
			wires[i].Close()
			continue
		}
		wires[i].used = time.Now()
		g.idle[l.Address] = append(g.idle[l.Address], wires[i])
	}
	return Loaded{
		Requests: all.took.n, Failed: all.failed, Why: all.why, Took: took,
		P50: all.took.quantile(0.5), P99: all.took.quantile(0.99), Max: all.took.most, Late: all.late.quantile(0.99),
	}, nil
}

func (t *tally) closed(w *wire, l *Load, until time.Time) {
	for now := time.Now(); now.Before(until) && !t.broken; {
		now = t.send(w, l, now)
	}
}

// open sends what is due. A connection that breaks ends; what it would have sent
// waits for the others, and that shows.
func (t *tally) open(w *wire, l *Load, due <-chan time.Time) {
	for at := range due {
		t.late.add(time.Since(at))
		if t.send(w, l, at); t.broken {
			return
		}
	}
}

// pace says when requests are due: a Poisson process, which no queue can hide
// from, whether or not the connections keep up.
func pace(ctx context.Context, due chan<- time.Time, began time.Time, l Load) {
	defer close(due)
	release := exact()
	defer release()
	random := rand.New(rand.NewPCG(1, 2)) // the same times for every target
	for at := began; ; {
		at = at.Add(time.Duration(random.ExpFloat64() / l.Rate * float64(time.Second)))
		if at.Sub(began) > l.Time || ctx.Err() != nil {
			return
		}
		if wait := time.Until(at); wait > 0 {
			nap(wait)
		}
		select {
		case due <- at:
		default: // hopelessly behind: every slot of the whole time waits already
			return
		}
	}
}
