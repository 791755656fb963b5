package dispatch

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
)

// close commits the receipt. A call that the journal does not know yet leaves no
// trace when that fails; one that it has opened is closed later.
func (d *Dispatcher) close(ctx context.Context, s *state, r crank.Receipt) (crank.Receipt, error) {
	record, err := d.Journal.Append(ctx, crank.Record{Type: crank.TypeClosed, Receipt: &r})
	if err == nil {
		return *record.Receipt, nil
	}
	if !s.durable {
		return r, errors.Join(err, d.Payer.Void(ctx, s.hold.Ref))
	}
	_, err = d.later(s, r, err)
	return r, err
}

// later keeps a receipt that cannot be written now; Run writes it when it can.
// The caller is told why, and never an outcome that is not safe.
func (d *Dispatcher) later(s *state, r crank.Receipt, why error) (crank.Answer, error) {
	if s.claim != nil {
		s.claim.kept = true
	}
	d.unclosed.add(&s.claim, r)
	return crank.Answer{}, why
}

// unclosed are calls whose journal has an opening but could not take their end.
type unclosed struct {
	mu   sync.Mutex
	list []unclosedCall
}

type unclosedCall struct {
	claim   *claim
	receipt crank.Receipt
}

func (u *unclosed) add(c **claim, r crank.Receipt) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.list = append(u.list, unclosedCall{*c, r})
}

func (u *unclosed) take() []unclosedCall {
	u.mu.Lock()
	defer u.mu.Unlock()
	l := u.list
	u.list = nil
	return l
}

// Run closes, as soon as the journal can be written again, the calls that could
// not be closed, and forgets claims that have expired. It returns when ctx ends.
func (d *Dispatcher) Run(ctx context.Context, ready func()) error {
	ready()
	retry, sweep := time.NewTicker(time.Second), time.NewTicker(10*time.Minute)
	defer retry.Stop()
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			d.closeLate(context.WithoutCancel(ctx))
			return nil
		case <-retry.C:
			d.closeLate(ctx)
		case <-sweep.C:
			if _, err := d.Claims.Sweep(ctx, d.Now()); err != nil {
				d.Log.Error("expired claims cannot be swept", "err", err)
			}
		}
	}
}

func (d *Dispatcher) closeLate(ctx context.Context) {
	for _, u := range d.unclosed.take() {
		if err := d.closeOne(ctx, u); err != nil {
			d.unclosed.add(&u.claim, u.receipt)
		}
	}
}

func (d *Dispatcher) closeOne(ctx context.Context, u unclosedCall) error {
	if u.claim != nil {
		if err := d.Claims.Put(ctx, u.claim.Claim); err != nil {
			return err
		}
	}
	var closed crank.Receipt
	record, err := d.Journal.Append(ctx, crank.Record{Type: crank.TypeClosed, Receipt: &u.receipt})
	switch {
	case err == nil:
		closed = *record.Receipt
	case errors.Is(err, crank.E(crank.CodeExists, "")): // it was closed after all, here or by a job
		if closed, err = d.Receipts.ByCall(ctx, u.receipt.Payer.Tenant, u.receipt.Call); err != nil {
			return err
		}
	default:
		return err
	}
	if u.claim != nil {
		u.claim.done(closed)
		d.flights.leave(u.claim.Claim, u.claim.flight)
	}
	return nil
}

// Recover closes the calls that were under way when the node stopped. keep says
// which of them a job will take up again. It must end before calls are served.
//
// Nobody knows what became of their work, so nothing is charged. The key of an
// idempotent operation is free again; any other key answers CodeUnknownOutcome.
func (d *Dispatcher) Recover(ctx context.Context, open []crank.Opened, keep func(crank.Opened) bool) (int, error) {
	n := 0
	for _, o := range open {
		if keep != nil && keep(o) {
			continue
		}
		if err := d.settleClaim(ctx, o); err != nil {
			return n, err
		}
		if _, err := d.Journal.Append(ctx, crank.Record{Type: crank.TypeClosed, Receipt: d.unknown(o, crank.OutcomeUnknown, crank.CodeUnknownOutcome)}); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func (d *Dispatcher) settleClaim(ctx context.Context, o crank.Opened) error {
	if len(o.Claim) != len(crank.Digest{}) {
		return nil
	}
	hash := crank.Digest(o.Claim)
	if o.Idempotent {
		return d.Claims.Drop(ctx, o.Scope, hash)
	}
	return d.Claims.Put(ctx, Claim{
		Scope: o.Scope, Hash: hash, Fingerprint: o.Fingerprint, Tenant: o.Hold.Payer.Tenant, Call: o.Call,
		Error:   crank.E(crank.CodeUnknownOutcome, "the node stopped while %s was under way", o.Capability),
		Expires: d.Now().Add(ClaimTime),
	})
}

// unknown writes the receipt of an opened call that ended without an answer.
func (d *Dispatcher) unknown(o crank.Opened, outcome crank.Outcome, code crank.Code) *crank.Receipt {
	return &crank.Receipt{
		Version: crank.FormatVersion, ID: ids.New("rcpt"), Call: o.Call, Payer: o.Hold.Payer, Method: o.Method,
		Capability: o.Capability, Contract: o.Contract, Policy: o.Policy, Claim: o.Claim, Input: o.Input,
		Plan: o.Plan, Ceiling: o.Hold.Amount, Price: crank.Money{Asset: o.Hold.Amount.Asset},
		Outcome: outcome, Error: code,
		Opened: o.Opened, Closed: max(d.Now().UnixMicro(), o.Opened), Job: o.Job, Tags: o.Tags,
	}
}

func (d *Dispatcher) openedRecord(s *state) crank.Opened {
	o := crank.Opened{
		Call: s.call.ID, Capability: s.call.Capability, Contract: s.contract, Hold: s.hold,
		Plan: s.ranked[0].Quote.PlanDigest, Input: s.input, Policy: s.decision.Policy,
		Idempotent: s.op.Properties.Idempotent, Method: s.call.Principal.Method,
		Opened: s.opened, Job: s.call.Job, Tags: s.call.Tags,
	}
	if s.claim != nil {
		o.Scope, o.Claim, o.Fingerprint = s.claim.Scope, s.claim.Hash[:], s.claim.Fingerprint
	}
	return o
}

// refuseOpened closes a submitted call that may not or cannot be sent any more.
func (d *Dispatcher) refuseOpened(ctx context.Context, call crank.Call, o crank.Opened, why error) (crank.Answer, error) {
	r := d.unknown(o, outcomeOf(why), crank.AsError(why).Code)
	r.Parent, r.Trace = call.Parent, call.Trace
	record, err := d.Journal.Append(context.WithoutCancel(ctx), crank.Record{Type: crank.TypeClosed, Receipt: r})
	if err != nil {
		return crank.Answer{}, err
	}
	return crank.Answer{Receipt: *record.Receipt}, why
}

// Abandon closes a submitted call that will never be sent, charging nothing.
func (d *Dispatcher) Abandon(ctx context.Context, call crank.Call, o crank.Opened, outcome crank.Outcome) (crank.Receipt, error) {
	why := crank.CodeCancelled
	switch outcome {
	case crank.OutcomeUnknown:
		why = crank.CodeUnknownOutcome
	case crank.OutcomeTimeout:
		why = crank.CodeDeadline
	}
	r := d.unknown(o, outcome, why)
	r.Parent, r.Trace = call.Parent, call.Trace
	record, err := d.Journal.Append(ctx, crank.Record{Type: crank.TypeClosed, Receipt: r})
	if err != nil {
		return crank.Receipt{}, err
	}
	return *record.Receipt, nil
}
