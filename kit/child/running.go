package child

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// lingering is how long we wait for a child that closed its streams to end, and
// for streams held open by a process that got away, on systems where one can.
const lingering = 2 * time.Second

// Usage is what a child and all it started have used so far.
type Usage struct {
	CPU       time.Duration // user + system
	RSS       int64         // bytes resident now; 0 = not measured
	MaxRSS    int64         // bytes, the most so far; 0 = not measured
	Processes int           // alive now; 0 = not measured
}

// tree is a started program and everything it started in turn, as one operating
// system offers it.
type tree interface {
	terminate()             // asks politely
	kill()                  // ends all of it, soon; may be called again
	wait() ending           // blocks until all of it has ended; called once
	cpu() time.Duration     // of all of it so far; 0 if not measurable
	measure() (Usage, bool) // false: not measurable here or now
}

// ending is what the operating system says of a tree that has ended.
type ending struct {
	code   int
	signal syscall.Signal
	cpu    time.Duration
	maxRSS int64
	lost   error // it ended in a way that left no status
}

// running is a started child with our ends of its streams and the goroutines
// that watch it, all of which end with it.
type running struct {
	spec   Spec
	tree   tree
	stdin  *os.File
	stdout *os.File
	stderr tail
	remove string // folder to remove at the end

	done chan struct{} // closed when the whole tree has ended and end is set
	end  ending
	all  sync.WaitGroup

	peak atomic.Int64 // largest resident sum seen
	span atomic.Pointer[span]
	wake chan struct{}

	mu    sync.Mutex
	why   Reason
	cause error
	timer *time.Timer // grace
	clock *time.Timer // timeout
}

// span is a stretch of work under a CPU bound, counted from base.
type span struct{ base time.Duration }

// launch starts the program of s and the goroutines that watch it. once is
// whether Limits.CPU bounds its whole life.
func launch(s Spec, once bool) (*running, error) {
	if !hooked.Load() {
		return nil, ErrNotHooked
	}
	r := &running{spec: s, done: make(chan struct{}), wake: make(chan struct{}, 1)}
	r.stderr.most = s.MaxStderr
	o, err := prepare(&s, &r.remove)
	r.spec.Dir = o.Dir
	o.CPU = once
	if err != nil {
		r.discard()
		return nil, err
	}
	var theirs [3]*os.File
	var mine [3]*os.File
	for i := range theirs {
		pr, pw, err := os.Pipe()
		if err != nil {
			closeAll(theirs[:], mine[:])
			r.discard()
			return nil, fmt.Errorf("%w: %w", ErrStart, err)
		}
		if i == 0 {
			theirs[i], mine[i] = pr, pw
		} else {
			theirs[i], mine[i] = pw, pr
		}
	}
	r.tree, err = plant(o, theirs)
	closeAll(theirs[:])
	if err != nil {
		closeAll(mine[:])
		r.discard()
		return nil, startError(s, err)
	}
	r.stdin, r.stdout = mine[0], mine[1]
	r.all.Go(func() {
		io.Copy(&r.stderr, mine[2])
		mine[2].Close()
	})
	r.all.Go(r.watch)
	r.all.Go(func() {
		r.end = r.tree.wait()
		r.stopTimers()
		mine[2].SetReadDeadline(time.Now().Add(lingering))
		close(r.done)
	})
	return r, nil
}

// begin opens a span of work: CPU counts from now, and the time limit runs.
func (r *running) begin(limit time.Duration) {
	var base time.Duration
	if r.spec.Limits.CPU > 0 {
		base = r.tree.cpu()
	}
	r.beginAt(limit, base)
}

func (r *running) beginAt(limit, base time.Duration) {
	r.span.Store(&span{base: base})
	select {
	case r.wake <- struct{}{}:
	default:
	}
	if limit <= 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock = time.AfterFunc(limit, func() { r.stop(ByTimeout, ErrTimeout) })
}

// rest closes the span.
func (r *running) rest() {
	r.span.Store(nil)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.clock != nil {
		r.clock.Stop()
	}
}

// watch samples the tree against its limits: often at first and after each
// begin, then every 50 ms, and four times a second at rest.
func (r *running) watch() {
	const soonest, often, seldom = 2 * time.Millisecond, 50 * time.Millisecond, 250 * time.Millisecond
	pause := soonest
	t := time.NewTimer(pause)
	defer t.Stop()
	for {
		select {
		case <-r.done:
			return
		case <-r.wake:
			pause = soonest
		case <-t.C:
			if !r.judge() {
				return
			}
			pause = min(2*pause, often)
			if r.span.Load() == nil {
				pause = seldom
			}
		}
		t.Reset(pause)
	}
}

// judge measures once and stops a tree that is over a limit; false is for a tree
// that cannot be measured, now or ever.
func (r *running) judge() bool {
	sp := r.span.Load()
	u, ok := r.tree.measure()
	if !ok {
		return false
	}
	r.see(u)
	l := r.spec.Limits
	switch {
	case l.Memory > 0 && u.RSS > l.Memory:
		r.stop(ByMemory, ErrMemory)
	case l.Processes > 0 && u.Processes > l.Processes:
		r.stop(ByProcesses, ErrProcesses)
	case l.CPU > 0 && sp != nil && u.CPU-sp.base > l.CPU:
		r.stop(ByCPU, ErrCPU)
	}
	return true
}

func (r *running) see(u Usage) {
	for {
		old := r.peak.Load()
		if u.RSS <= old || r.peak.CompareAndSwap(old, u.RSS) {
			return
		}
	}
}

// stop ends the tree; the first reason given is the one that counts.
func (r *running) stop(why Reason, cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.done:
		return
	default:
	}
	polite := r.spec.Grace > 0 && (why == ByTimeout || why == ByContext || why == ByOwner)
	if r.why != "" {
		if !polite {
			r.tree.kill()
		}
		return
	}
	if errors.Is(cause, context.DeadlineExceeded) {
		cause = fmt.Errorf("%w: %w", ErrTimeout, cause)
	}
	r.why, r.cause = why, cause
	if !polite {
		r.tree.kill()
		return
	}
	r.tree.terminate()
	r.timer = time.AfterFunc(r.spec.Grace, r.tree.kill)
}

func (r *running) stopped() (Reason, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.why, r.cause
}

func (r *running) stopTimers() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range []*time.Timer{r.timer, r.clock} {
		if t != nil {
			t.Stop()
		}
	}
}

// close waits for the watching goroutines and gives back what the child held;
// the tree must have ended or been told to.
func (r *running) close() {
	<-r.done
	r.stopTimers()
	r.all.Wait()
	closeAll([]*os.File{r.stdin, r.stdout})
	r.discard()
}

// discard removes the folder made for the child, also where the child took its
// own right to remove parts of it.
func (r *running) discard() {
	if r.remove == "" {
		return
	}
	if os.RemoveAll(r.remove) != nil {
		openUp(r.remove)
		os.RemoveAll(r.remove)
	}
}

func closeAll(sets ...[]*os.File) {
	for _, fs := range sets {
		for _, f := range fs {
			if f != nil {
				f.Close()
			}
		}
	}
}
