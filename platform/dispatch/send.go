package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/crank-platform/crank"
)

// send tries the ranked offers until one answers or none may be tried any more.
// Only a failure to reach a worker is tried again, for work that is idempotent
// or surely was not begun: an unknown outcome is never repeated.
func (d *Dispatcher) send(ctx context.Context, s *state, sink Sink) (crank.Result, error) {
	streamed := false
	var through Sink
	if sink != nil {
		through = func(c crank.Chunk) error {
			streamed = true
			return sink(c)
		}
	}
	var result crank.Result
	var failure error
	for i := 0; i < d.Attempts; i++ {
		candidate := s.ranked[i%len(s.ranked)]
		if i > 0 {
			if err := d.pause(ctx, i); err != nil {
				return result, failure
			}
			if err := d.fitHold(ctx, s, candidate); err != nil {
				return result, failure
			}
		}
		s.chosen, s.attempts, s.sent = candidate, i+1, d.Now().UnixMicro()
		end := d.Router.Begin(candidate.Offer.ID)
		result, failure = d.Sender.Send(ctx, s.call, candidate.Offer, through)
		end(failure)
		if failure == nil || streamed || ctx.Err() != nil || !again(failure, s.op) {
			break
		}
	}
	return result, d.told(ctx, s, failure)
}

// again reports whether a failed attempt may be repeated.
func again(failure error, op crank.Operation) bool {
	e := crank.AsError(failure)
	return e.Code == crank.CodeWorkerGone && (op.Properties.Idempotent || e.Retryable && errors.Is(failure, ErrNotSent))
}

// ErrNotSent, as a cause, says that a worker was not reached at all, so that
// even work that is not idempotent may be tried elsewhere.
var ErrNotSent = errors.New("dispatch: nothing was sent")

// told makes the reason of an ending exact: the caller's own leaving or the
// deadline, where a worker only noticed that it was stopped.
func (d *Dispatcher) told(ctx context.Context, s *state, failure error) error {
	if failure == nil || crank.AsError(failure).Code == crank.CodeWorkerLimit {
		return failure
	}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return crank.Wrap(crank.CodeDeadline, context.DeadlineExceeded, "%s did not answer before the deadline", s.call.Capability)
	case errors.Is(ctx.Err(), context.Canceled):
		return crank.Wrap(crank.CodeCancelled, context.Canceled, "%s was cancelled by its caller", s.call.Capability)
	}
	return failure
}

// fitHold makes the hold large enough for a candidate, or fails.
func (d *Dispatcher) fitHold(ctx context.Context, s *state, c crank.Candidate) error {
	ceiling := c.Quote.Ceiling
	if ceiling.Asset == s.hold.Amount.Asset && ceiling.Micros <= s.hold.Amount.Micros {
		return nil
	}
	if ceiling.Asset != s.hold.Amount.Asset {
		return crank.E(crank.CodePriceCap, "%s is priced in %s, the hold is in %s", c.Offer.Worker, ceiling.Asset, s.hold.Amount.Asset)
	}
	if err := d.Payer.Extend(ctx, s.hold.Ref, ceiling, s.hold.Expires); err != nil {
		return err
	}
	s.hold.Amount = ceiling
	return nil
}

// pause waits before attempt i with full jitter (up to 50 ms, 100 ms, ...), or
// returns the context's error.
func (d *Dispatcher) pause(ctx context.Context, i int) error {
	return sleep(ctx, time.Duration(d.jitter()*float64(50*time.Millisecond<<(i-1))))
}

func sleep(ctx context.Context, t time.Duration) error {
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func offset(at int64) string { return fmt.Sprintf(" at byte %d", at) }
