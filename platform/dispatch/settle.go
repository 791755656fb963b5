package dispatch

import (
	"context"
	"encoding/json"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/canon"
	"github.com/crank-platform/crank/kit/ids"
)

// settle rates what was used, writes the receipt and, only when that is durable,
// lets the answer go.
func (d *Dispatcher) settle(ctx context.Context, s *state, result crank.Result, failure error) (crank.Answer, error) {
	output, failure := d.accept(s, result, failure)
	receipt := d.receipt(s, result.Usage, output, failure)
	if s.claim != nil {
		s.claim.finish(receipt, output, failure)
		if err := d.Claims.Put(ctx, s.claim.Claim); err != nil {
			// The key's outcome is not safe, so the call does not close yet.
			return d.later(s, receipt, crank.Wrap(crank.CodeStore, err, "the outcome of the idempotency key cannot be kept"))
		}
	}
	if s.keep != nil && failure == nil {
		if err := s.keep(output); err != nil {
			return d.later(s, receipt, crank.Wrap(crank.CodeStore, err, "the output cannot be kept"))
		}
	}
	closed, err := d.close(ctx, s, receipt)
	if err != nil {
		return crank.Answer{}, err
	}
	if s.claim != nil {
		s.claim.done(closed)
	}
	return crank.Answer{Output: output, Receipt: closed}, failure
}

// accept brings an output into canonical form and applies what policy obliges.
func (d *Dispatcher) accept(s *state, result crank.Result, failure error) (json.RawMessage, error) {
	if failure != nil {
		return nil, crank.AsError(failure)
	}
	if len(result.Output) > crank.MaxInline {
		return nil, crank.E(crank.CodeWorkerOutput, "%s answered %d bytes of JSON, at most %d travel inside a call", s.chosen.Offer.Worker, len(result.Output), crank.MaxInline)
	}
	output, err := canon.JSON(result.Output)
	if err != nil {
		return nil, crank.Wrap(crank.CodeWorkerOutput, err, "%s answered something that is not JSON", s.chosen.Offer.Worker)
	}
	if output, err = redact(output, s.decision.Obligations.Redact); err != nil {
		return nil, crank.Wrap(crank.CodePolicyFailed, err, "the output cannot be redacted as policy asks")
	}
	return output, nil
}

// receipt writes down how the call ended.
func (d *Dispatcher) receipt(s *state, used crank.Usage, output json.RawMessage, failure error) crank.Receipt {
	now := d.Now().UnixMicro()
	offer := s.chosen.Offer
	r := crank.Receipt{
		Version: crank.FormatVersion, ID: ids.New("rcpt"), Call: s.call.ID,
		Payer: s.call.Principal.Payer, Subject: s.subject, Method: s.call.Principal.Method,
		Capability: s.call.Capability, Contract: s.contract,
		Provider: offer.Provider, Worker: offer.Worker, Offer: offer.ID, Instance: offer.Instance,
		Policy: s.decision.Policy, Observed: s.decision.Observed,
		Input: s.input, Plan: s.chosen.Quote.PlanDigest, Ceiling: s.hold.Amount,
		Price: crank.Money{Asset: s.hold.Amount.Asset}, Outcome: outcomeOf(failure),
		Opened: s.opened, Sent: s.sent, Closed: max(now, s.opened), Attempts: s.attempts,
		Trace: s.call.Trace, Parent: s.call.Parent, Job: s.call.Job, Tags: s.call.Tags,
	}
	if s.claim != nil {
		r.Claim = s.claim.Hash[:]
	}
	if offer.Carbon > 0 {
		r.Carbon = crank.Carbon{Micrograms: offer.Carbon, Method: crank.Estimated}
	}
	if failure != nil {
		r.Error = crank.AsError(failure).Code
	} else {
		size := int64(len(output))
		if refs, err := crank.BlobRefs(output); err == nil {
			for _, b := range refs {
				size += b.Size
			}
		}
		r.Output = commit(s.salt, output, size)
	}
	r.Usage = usage(s, r, used)
	if r.Outcome == crank.OutcomeOK {
		d.price(s, &r)
	}
	return r
}

// usage puts the platform's own readings before those of harness and worker,
// which cannot replace them.
func usage(s *state, r crank.Receipt, used crank.Usage) crank.Usage {
	all := make(crank.Usage, 0, len(used)+4)
	own := func(meter string, n int64) {
		all = append(all, crank.Reading{Meter: meter, Quantity: n, Method: crank.Measured, Source: crank.SourcePlatform})
	}
	if r.Outcome == crank.OutcomeOK {
		own(crank.MeterCalls, 1)
		own(crank.MeterOutputBytes, r.Output.Bytes)
	}
	own(crank.MeterInputBytes, r.Input.Bytes)
	if s.sent > 0 {
		own(crank.MeterWallMicros, max(r.Closed-s.sent, 0))
	}
	for _, u := range used {
		platforms := u.Source == crank.SourcePlatform || all.Of(u.Meter) != 0
		if !platforms && u.Quantity >= 0 {
			all = append(all, u)
		}
	}
	return all
}

// price rates the usage and says who gets what.
func (d *Dispatcher) price(s *state, r *crank.Receipt) {
	plan := s.chosen.Offer.Plan
	lines, price, err := d.Biller.Rate(plan, r.Usage, s.chosen.Offer.Untrusted, r.Ceiling)
	if err != nil { // a usage that cannot be rated is charged nothing, and told
		d.Log.Error("usage cannot be rated", "call", r.Call, "worker", r.Worker, "err", err)
		return
	}
	r.Lines, r.Price = lines, price
	r.Postings = d.Biller.Split(plan, price, crank.TenantAccount(r.Payer.Tenant), crank.ProviderAccount(r.Provider))
}

func outcomeOf(failure error) crank.Outcome {
	if failure == nil {
		return crank.OutcomeOK
	}
	switch crank.KindOf(failure) {
	case crank.KindDeadlineExceeded:
		return crank.OutcomeTimeout
	case crank.KindCancelled:
		return crank.OutcomeCancelled
	case crank.KindUnknownOutcome:
		return crank.OutcomeUnknown
	}
	return crank.OutcomeFailed
}
