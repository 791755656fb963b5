package client

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/crank-platform/crank"
)

// Described is a capability and who offers it now.
type Described struct {
	crank.Operation
	Offers []crank.Offer `json:"offers,omitempty"`
}

// Quoted is what a call would cost at most, and what else there was.
type Quoted struct {
	Quote      crank.Quote       `json:"quote"`
	Candidates []crank.Candidate `json:"candidates"`
}

// asked is a call as it is asked about. Files must be uploaded first (PutBlob)
// and stand in the input as references.
type asked struct {
	Capability  crank.Capability  `json:"capability"`
	Input       json.RawMessage   `json:"input"`
	Constraints crank.Constraints `json:"constraints,omitzero"`
	Tags        crank.Tags        `json:"tags,omitempty"`
}

func (r CallRequest) asked() asked {
	input := r.Input
	if len(input) == 0 {
		input = json.RawMessage("{}")
	}
	return asked{r.Capability, input, r.constraints(), r.Tags}
}

// Quote asks what a call would cost at most, without calling. Of the request it
// reads Capability, Input, the constraints and Tags.
func (c *Client) Quote(ctx context.Context, r CallRequest) (q Quoted, err error) {
	return q, c.ask(ctx, http.MethodPost, "/v1/quotes", nil, r.asked(), &q)
}

// Explain lists every candidate for a call, best first, and why the others lost.
// It reads what Quote reads.
func (c *Client) Explain(ctx context.Context, r CallRequest) ([]crank.Candidate, error) {
	var out struct{ Candidates []crank.Candidate }
	err := c.ask(ctx, http.MethodPost, "/v1/route/explain", nil, r.asked(), &out)
	return out.Candidates, err
}

// Capabilities lists what can be called.
func (c *Client) Capabilities(ctx context.Context) ([]crank.Operation, error) {
	out, err := get[struct{ Capabilities []crank.Operation }](ctx, c, "/v1/capabilities", nil)
	return out.Capabilities, err
}

// Capability returns one capability's contract and offers.
func (c *Client) Capability(ctx context.Context, name crank.Capability) (Described, error) {
	if _, err := crank.ParseCapability(string(name)); err != nil {
		return Described{}, err
	}
	return get[Described](ctx, c, "/v1/capabilities/"+string(name), nil)
}
