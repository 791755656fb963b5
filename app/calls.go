package app

import (
	"context"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/dispatch"
)

// calling is dispatch with quotes that are remembered: what `crank quote` tells
// can be honoured by a later call.
type calling struct {
	dispatch.Service
	h *House
}

func (h *House) calling() dispatch.Service { return calling{h.Dispatch, h} }

// Quote issues the winner's quote under an id that the same tenant's call may name.
func (c calling) Quote(ctx context.Context, call crank.Call) ([]crank.Candidate, error) {
	candidates, err := c.Service.Quote(ctx, call)
	if err != nil {
		return nil, err
	}
	op, _, err := contracts{c.h.Discovery}.Operation(call.Capability)
	if err != nil {
		return nil, err
	}
	call.Capability = op.Capability
	issued, err := c.h.Market.Issue(call, op, candidates[0].Offer, now())
	if err != nil {
		return nil, err
	}
	candidates[0].Quote = issued
	return candidates, nil
}
