package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/auth"
	"github.com/crank-platform/crank/platform/discovery"
	"github.com/crank-platform/crank/platform/market"
	"github.com/crank-platform/crank/platform/policy"
	"github.com/crank-platform/crank/platform/receipts"
	"github.com/crank-platform/crank/platform/routing"
	"github.com/crank-platform/crank/platform/tenancy"
)

// The types below say what one module has in the words that another asks for.

type offers struct{ discovery.Service }

func (o offers) Offers(c crank.Capability) []crank.Offer { return o.Snapshot().Offers(c) }

type contracts struct{ discovery.Service }

// Operation resolves a capability and names the nearest when there is none.
func (c contracts) Operation(name crank.Capability) (crank.Operation, crank.Digest, error) {
	snapshot := c.Snapshot()
	op, ok := snapshot.Operation(name)
	if !ok {
		unknown := crank.E(crank.CodeUnknownCap, "there is no capability %q", name)
		if near := snapshot.Nearest(string(name), 3); len(near) > 0 {
			unknown.Message += fmt.Sprintf("; did you mean %s?", join(near))
		}
		return op, crank.Digest{}, unknown
	}
	if all := snapshot.Offers(op.Capability); len(all) > 0 {
		return op, all[0].Contract, nil
	}
	digest, err := discovery.ContractDigest(op)
	return op, digest, err
}

func join(names []crank.Capability) string {
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = string(n)
	}
	return strings.Join(parts, ", ")
}

// now is the clock of what the house itself asks.
func now() time.Time { return time.Now() }

type quoter struct{ *market.Quoter }

func (q quoter) Quote(call crank.Call, op crank.Operation, o crank.Offer) (crank.Quote, error) {
	if call.Quote == "" {
		return q.Quoter.Quote(call, op, o, now())
	}
	quote, _, err := q.Honour(call, op, now())
	if err != nil {
		return quote, err
	}
	if quote.Offer != o.ID {
		return quote, crank.E(crank.CodeConstraint, "the quote is for another offer")
	}
	return quote, nil
}

// router keeps the plan of a quote that is honoured, whatever the offer asks by now.
type router struct {
	*routing.Router
	market *market.Quoter
}

func (r router) Match(ctx context.Context, call crank.Call, op crank.Operation, d crank.Decision) ([]crank.Candidate, error) {
	if call.Quote == "" {
		return r.Router.Match(ctx, call, op, d)
	}
	_, plan, err := r.market.Honour(call, op, now())
	if err != nil {
		return nil, err
	}
	ranked, err := r.Router.Match(ctx, call, op, d)
	for i := range ranked {
		ranked[i].Offer.Plan = plan
	}
	return ranked, err
}

type biller struct{}

func (biller) Rate(plan crank.Plan, usage crank.Usage, untrusted bool, ceiling crank.Money) ([]crank.Line, crank.Money, error) {
	lines, price, err := market.Rate(plan, market.Trusted(usage, untrusted))
	if err != nil {
		return nil, price, err
	}
	lines, price = market.Cap(lines, price, ceiling)
	return lines, price, nil
}

func (biller) Split(plan crank.Plan, price crank.Money, payer, provider crank.Account) []crank.Posting {
	return market.Split(plan, price, payer, provider)
}

// decider asks policy about a call, after what the key itself allows and whether
// its place in the tenancy is live.
type decider struct {
	policy  policy.Service
	tenancy tenancy.Service
}

func (d decider) Decide(ctx context.Context, call crank.Call, op crank.Operation) (crank.Decision, error) {
	settings, err := d.tenancy.Check(call.Principal.Payer)
	if err != nil {
		return crank.Decision{}, err
	}
	if err := auth.Allowed(call.Principal, op.Capability); err != nil {
		return crank.Decision{Reasons: []string{crank.AsError(err).Message}}, nil
	}
	return d.policy.Decide(ctx, policy.Question{
		Action: policy.ActionCall, Principal: call.Principal, Capability: op.Capability, Properties: op.Properties,
		InputBytes: inputBytes(call.Input), Tags: call.Tags, Constraints: call.Constraints, Parent: call.Parent, Observe: settings.Observe,
	})
}

func inputBytes(input []byte) int64 {
	size := int64(len(input))
	refs, err := crank.BlobRefs(input)
	if err != nil {
		return size
	}
	for _, r := range refs {
		size += r.Size
	}
	return size
}

type byCall struct{ receipts.Reader }

func (b byCall) ByCall(ctx context.Context, tenant, call string) (crank.Receipt, error) {
	stored, err := b.Receipt(ctx, tenant, call)
	if err != nil {
		return crank.Receipt{}, err
	}
	record, err := stored.Record()
	if err != nil {
		return crank.Receipt{}, err
	}
	return *record.Receipt, nil
}
