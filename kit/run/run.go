// Package run starts services in order and stops them in reverse.
//
// It owns who waits for whom; it does not restart anything: a service that
// returns brings the whole group down, and the caller decides what then.
package run

import (
	"context"
	"errors"
	"fmt"
)

// Service works until ctx ends, then finishes what it holds and returns. It
// calls ready, once, when it can serve those that start after it.
type Service struct {
	Name string
	Run  func(ctx context.Context, ready func()) error
}

// InOrder runs services: each starts once the one before it is ready, and up is
// called (when not nil) once the last one is. When ctx ends or the first of them
// returns, they stop last to first, each only after those that started later
// have returned. The result is what failed, joined; nil when all ended well.
func InOrder(ctx context.Context, up func(), services ...Service) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)

	var running []*process
	for _, s := range services {
		p := start(context.WithoutCancel(ctx), s, end)
		running = append(running, p)
		select {
		case <-p.ready:
		case <-p.done:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
	}
	if ctx.Err() == nil && up != nil {
		up()
	}
	<-ctx.Done()

	var failed []error
	for i := len(running) - 1; i >= 0; i-- {
		p := running[i]
		p.stop()
		<-p.done
		if p.err != nil && !errors.Is(p.err, context.Canceled) {
			failed = append(failed, fmt.Errorf("%s: %w", p.name, p.err))
		}
	}
	return errors.Join(failed...)
}

type process struct {
	name        string
	ready, done chan struct{}
	stop        context.CancelFunc
	err         error
}

// start runs s under a context that only its own turn in the reverse order ends.
func start(ctx context.Context, s Service, end context.CancelCauseFunc) *process {
	ctx, stop := context.WithCancel(ctx)
	p := &process{name: s.Name, ready: make(chan struct{}), done: make(chan struct{}), stop: stop}
	go func() {
		defer close(p.done)
		p.err = s.Run(ctx, func() { close(p.ready) })
		end(p.err)
	}()
	return p
}
