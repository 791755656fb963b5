package policy

import (
	"context"
	"strings"

	"github.com/crank-platform/crank"
)

// Service answers questions. It may be used by many goroutines at once.
type Service interface {
	// Decide says whether the question's act is allowed and under which
	// obligations. A denial is a decision, not an error. What it returns may be
	// shared: nobody writes to its slices. Errors: CodePolicyFailed (it could not
	// be evaluated; the decision is then a denial), CodeDeadline, CodeCancelled.
	Decide(ctx context.Context, q Question) (crank.Decision, error)
}

// Question is one act that somebody wants to do. A policy sees it as the input
// document that the package comment describes.
type Question struct {
	Action      string            // see the Action constants
	Tenant      string            // whom it concerns; "" means the principal's own
	Object      string            // id of what is read or changed, such as a key's; "" for a call
	Principal   crank.Principal   //
	Capability  crank.Capability  // of a call, with its major; "" otherwise
	Properties  crank.Properties  // what the capability's contract declares
	Provider    string            // "" while the provider is not chosen yet
	InputBytes  int64             // canonical JSON and blobs; 0 when not known yet
	Tags        map[string]string // of the call
	Constraints crank.Constraints // of the call
	Parent      string            // id of the call that makes this one
	Observe     bool              // the tenant is in observe mode; policy does not see it
}

// The actions. Others are built as ActionAdmin or ActionRead, a noun and, for
// the former, a verb: "admin.keys.create", "read.receipts".
const (
	ActionCall    = "call"
	ActionQuote   = "quote"
	ActionRead    = "read."    // look at something of a tenant
	ActionAdmin   = "admin."   // change something of a tenant
	ActionOperate = "operate." // change or look at the node itself
)

// About returns the tenant that the question concerns.
func (q *Question) About() string {
	if q.Tenant == "" {
		return q.Principal.Tenant
	}
	return q.Tenant
}

// NoRule is the reason of a denial that no rule made: the default.
const NoRule = "no rule allows it"

// Refusal is what the caller of a denied act is told, with the policy's reasons
// as faults; nil where the decision allows it.
func Refusal(q Question, d crank.Decision) error {
	if d.Allow {
		return nil
	}
	what := q.Action
	if q.Capability != "" {
		what += " of " + string(q.Capability)
	}
	e := crank.E(crank.CodeDenied, "policy does not allow %s: %s", what, strings.Join(d.Reasons, "; "))
	for _, r := range d.Reasons {
		e = e.With(crank.Fault{Path: "policy", Reason: r})
	}
	return e
}
