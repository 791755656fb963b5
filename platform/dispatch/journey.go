package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
)

// Call runs the whole journey.
func (d *Dispatcher) Call(ctx context.Context, call crank.Call, sink Sink) (crank.Answer, error) {
	s, ctx, done, err := d.begin(ctx, call)
	if err != nil {
		return crank.Answer{}, err
	}
	defer done()
	if s.call.Key != "" {
		first, err := d.enterClaim(ctx, s)
		if err != nil || first != nil {
			return answerOf(first), errorOf(first, err)
		}
		defer d.leaveClaim(s)
	}
	if err := d.open(ctx, s, sink != nil); err != nil {
		return crank.Answer{}, err
	}
	return d.finish(ctx, s, sink)
}

// Submit runs the journey up to, and not including, the sending.
func (d *Dispatcher) Submit(ctx context.Context, call crank.Call) (crank.Opened, error) {
	s, ctx, done, err := d.begin(ctx, call)
	if err != nil {
		return crank.Opened{}, err
	}
	defer done()
	if s.call.Job == "" {
		return crank.Opened{}, crank.E(crank.CodeInternal, "a call without a job is submitted")
	}
	if err := d.open(ctx, s, true); err != nil {
		return crank.Opened{}, err
	}
	return d.openedRecord(s), nil
}

// Perform runs the rest of a submitted call. Policy is asked again: what was
// allowed at submission may be forbidden by now.
func (d *Dispatcher) Perform(ctx context.Context, call crank.Call, opened crank.Opened, sink Sink, keep func(json.RawMessage) error) (crank.Answer, error) {
	for began := d.Now(); ; {
		a, err := d.perform(ctx, call, opened, sink, keep)
		e, refused := errors.AsType[*refusal](err)
		switch {
		case !refused:
			return a, err
		case passing(e.why) && d.Now().Sub(began) < passes && sleep(ctx, retryPause) == nil:
			continue // nobody waits for a job: what passes is waited out
		case drains(ctx):
			return crank.Answer{}, e.why
		}
		return d.refuseOpened(ctx, call, opened, e.why)
	}
}

// refusal is an error from before the sending.
type refusal struct{ why error }

func (r *refusal) Error() string { return r.why.Error() }

const (
	passes     = time.Minute
	retryPause = 250 * time.Millisecond
)

// passing reports whether a refusal says nothing against the call itself.
func passing(err error) bool {
	e := crank.AsError(err)
	return e.Retryable && (e.Kind == crank.KindUnavailable || e.Code == crank.CodeOverloaded)
}

// drains reports whether ctx ended because the node stops.
func drains(ctx context.Context) bool {
	e, ok := errors.AsType[*crank.Error](context.Cause(ctx))
	return ok && e.Code == crank.CodeDraining
}

func (d *Dispatcher) perform(ctx context.Context, call crank.Call, opened crank.Opened, sink Sink, keep func(json.RawMessage) error) (crank.Answer, error) {
	s, ctx, done, err := d.begin(ctx, call)
	if err != nil {
		return crank.Answer{}, &refusal{err}
	}
	defer done()
	s.durable, s.opened, s.hold, s.keep = true, opened.Opened, opened.Hold, keep
	if err := d.match(ctx, s); err != nil {
		return crank.Answer{}, &refusal{err}
	}
	if err := d.fitHold(ctx, s, s.ranked[0]); err != nil {
		return crank.Answer{}, &refusal{err}
	}
	return d.finish(ctx, s, sink)
}

// begin checks the call, bounds its time and asks policy. done must be called
// when the call has ended.
func (d *Dispatcher) begin(ctx context.Context, call crank.Call) (*state, context.Context, func(), error) {
	if call.ID == "" {
		call.ID = ids.New("call")
	}
	s := &state{call: call, opened: d.Now().UnixMicro()}
	var err error
	if s.op, s.contract, err = d.Contracts.Operation(call.Capability); err != nil {
		return nil, nil, nil, err
	}
	s.call.Capability = s.op.Capability
	if err := d.nest(s); err != nil {
		return nil, nil, nil, err
	}
	if err := d.bulkhead.enter(call.Principal.Tenant); err != nil {
		return nil, nil, nil, err
	}
	ctx, cancel := d.bound(ctx, s)
	done := func() {
		cancel()
		d.bulkhead.leave(call.Principal.Tenant)
	}
	if err := d.check(ctx, s); err != nil {
		done()
		return nil, nil, nil, err
	}
	if s.decision, err = d.authorise(ctx, s); err != nil {
		done()
		return nil, nil, nil, err
	}
	return s, ctx, done, nil
}

// bound gives the call an end: its own deadline, its context's or its operation's
// time, whichever is first.
func (d *Dispatcher) bound(ctx context.Context, s *state) (context.Context, context.CancelFunc) {
	limit := s.op.Limits.Time
	if limit == 0 {
		limit = d.MaxTime
	}
	end := d.Now().Add(limit + limitSlack)
	if !s.call.Deadline.IsZero() && s.call.Deadline.Before(end) {
		end = s.call.Deadline
	}
	if outer, ok := ctx.Deadline(); ok && outer.Before(end) {
		end = outer
	}
	s.call.Deadline = end
	return context.WithDeadline(ctx, end)
}

// limitSlack lets the harness, which holds an operation to its time, speak first:
// it knows that the limit was the operation's own.
const limitSlack = 500 * time.Millisecond

// authorise asks policy; a denial of a known caller is journaled.
func (d *Dispatcher) authorise(ctx context.Context, s *state) (crank.Decision, error) {
	decision, err := d.Policy.Decide(ctx, s.call, s.op)
	if err != nil {
		return decision, crank.Wrap(crank.CodePolicyFailed, err, "policy gave no decision on %s", s.call.Capability)
	}
	why := decision.Reasons
	switch {
	case decision.Allow && decision.Obligations.Approval:
		why = append(why, "the call needs a person's approval, which this node cannot ask for")
	case decision.Allow && decision.Obligations.MaxInputBytes > 0 && s.input.Bytes > decision.Obligations.MaxInputBytes:
		why = append(why, "the input is larger than policy allows")
	case decision.Allow:
		return decision, nil
	}
	denied := crank.E(crank.CodeDenied, "%s is not allowed here", s.call.Capability)
	for _, w := range why {
		denied = denied.With(crank.Fault{Path: "policy", Reason: w})
	}
	if _, err := d.Journal.Append(ctx, crank.Record{Type: crank.TypeAdmin, Admin: &crank.Admin{
		Actor: s.call.Principal.Payer, Tenant: s.call.Principal.Tenant, Act: "call.denied", Object: s.call.ID,
		Detail: crank.Tags{"capability": string(s.call.Capability), "policy": decision.Policy.String()},
	}}); err != nil {
		return decision, err
	}
	return decision, denied
}

// match finds and prices the offers.
func (d *Dispatcher) match(ctx context.Context, s *state) (err error) {
	s.ranked, err = d.Router.Match(ctx, s.call, s.op, s.decision)
	if err == nil && len(s.ranked) == 0 {
		err = crank.E(crank.CodeNoOffer, "nobody offers %s just now", s.call.Capability)
	}
	return err
}

// holdSlack is how long a hold outlives its call's deadline: time to settle.
const holdSlack = time.Minute

// open matches, reserves and, where a crash must not forget the call, journals
// it. On any error nothing is left behind.
func (d *Dispatcher) open(ctx context.Context, s *state, streams bool) error {
	if err := d.match(ctx, s); err != nil {
		return err
	}
	s.hold = crank.Hold{
		Ref: s.call.ID, Payer: s.call.Principal.Payer, Amount: s.ranked[0].Quote.Ceiling,
		Expires: s.call.Deadline.Add(holdSlack),
	}
	if s.call.Job != "" {
		s.hold.Expires = d.Now().Add(jobHold)
	}
	if err := d.Payer.Reserve(ctx, s.hold); err != nil {
		return err
	}
	if s.claim == nil && s.op.Properties.Idempotent && s.call.Job == "" && !(streams && s.op.Properties.Streaming) {
		return nil
	}
	opened := d.openedRecord(s)
	s.chosen = s.ranked[0]
	if _, err := d.Journal.Append(ctx, crank.Record{Type: crank.TypeOpened, Opened: &opened}); err != nil {
		return errors.Join(err, d.Payer.Void(context.WithoutCancel(ctx), s.hold.Ref))
	}
	s.durable = true
	return nil
}

// jobHold is how long a job may wait and run before its hold needs a heartbeat.
const jobHold = 24 * time.Hour

// finish sends, settles and attests.
func (d *Dispatcher) finish(ctx context.Context, s *state, sink Sink) (crank.Answer, error) {
	defer d.active.add(s)()
	result, failure := d.send(ctx, s, sink)
	if failure != nil && s.call.Job != "" && drains(ctx) {
		return crank.Answer{}, context.Cause(ctx) // it stays open, for the next start
	}
	ctx = context.WithoutCancel(ctx) // what has been sent is settled, whoever has left
	return d.settle(ctx, s, result, failure)
}
