// Package dispatch tells the journey of one call, in one place: identify,
// authorise, match and quote, reserve, send, settle, attest.
//
// It owns the order of those steps, the claims of idempotency keys, deadlines,
// retries and how each ending is settled. It owns none of the steps themselves:
// who may call is package policy's, where it runs routing's, what it costs
// market's, whether it can be paid ledger's, how it is proved receipts'.
package dispatch

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/crank-platform/crank"
)

// Service is what the doors and package jobs use.
type Service interface {
	// Call runs a call to its end. The answer carries the receipt, also beside
	// an error when the call had been sent. With a sink, output that the worker
	// streams arrives there, in order, before Call returns.
	Call(ctx context.Context, call crank.Call, sink Sink) (crank.Answer, error)
	// Submit takes a call in for later: checked, authorised, held and journaled,
	// not sent.
	Submit(ctx context.Context, call crank.Call) (crank.Opened, error)
	// Perform sends a submitted call and settles it. The output goes to keep
	// before the call is closed; when keep fails, the call closes later. A call
	// that is stopped because the node drains (the cause of ctx's end is
	// CodeDraining) stays open, to be performed again.
	Perform(ctx context.Context, call crank.Call, opened crank.Opened, sink Sink, keep func(json.RawMessage) error) (crank.Answer, error)
	// Abandon closes a submitted call that will never be sent.
	Abandon(ctx context.Context, call crank.Call, opened crank.Opened, outcome crank.Outcome) (crank.Receipt, error)
	// Quote says what a call would cost at most, and where it would run.
	Quote(ctx context.Context, call crank.Call) ([]crank.Candidate, error)
	// Explain is Quote with every candidate, also those that lost.
	Explain(ctx context.Context, call crank.Call) ([]crank.Candidate, error)
}

// Sink takes streamed output. An error stops the call as if it were cancelled.
type Sink = func(crank.Chunk) error

// What the journey needs of its neighbours, in the fewest words.
type (
	// Contracts knows what each capability promises.
	Contracts interface {
		// Operation resolves a capability, without @major to its newest one;
		// CodeUnknownCap, naming the nearest, when there is none.
		Operation(c crank.Capability) (crank.Operation, crank.Digest, error)
	}
	// Policy decides.
	Policy interface {
		Decide(ctx context.Context, call crank.Call, op crank.Operation) (crank.Decision, error)
	}
	// Router orders the offers that may serve a call, best first.
	Router interface {
		Match(ctx context.Context, call crank.Call, op crank.Operation, d crank.Decision) ([]crank.Candidate, error)
		Explain(ctx context.Context, call crank.Call, op crank.Operation, d crank.Decision) ([]crank.Candidate, error)
		// Begin counts an attempt under way on an offer, by id; end says how it went.
		Begin(offer string) (end func(error))
	}
	// Biller turns usage into money.
	Biller interface {
		// Rate prices a usage, at most the ceiling: what exceeds it is the
		// provider's loss, and stands as a line of its own so that the lines sum to
		// the price. Of an untrusted provider only the platform's readings count.
		Rate(plan crank.Plan, usage crank.Usage, untrusted bool, ceiling crank.Money) ([]crank.Line, crank.Money, error)
		Split(plan crank.Plan, price crank.Money, payer, provider crank.Account) []crank.Posting
	}
	// Payer reserves money. Posting it is the journal's doing.
	Payer interface {
		Reserve(ctx context.Context, h crank.Hold) error
		Extend(ctx context.Context, ref string, amount crank.Money, until time.Time) error
		Void(ctx context.Context, ref string) error
	}
	// Journal makes records durable; it returns them as they stand there.
	Journal interface {
		Append(ctx context.Context, r crank.Record) (crank.Record, error)
	}
	// Vault holds what makes commitments safe to publish.
	Vault interface {
		Salt(ctx context.Context, tenant string) ([32]byte, error)
		Seal(ctx context.Context, tenant, subject string) ([]byte, error)
	}
	// Blobs knows the files that an input refers to.
	Blobs interface {
		// Stat returns a blob's true size; CodeBlobUnknown when the tenant has none such.
		Stat(ctx context.Context, tenant string, d crank.Digest) (crank.BlobRef, error)
		// Renew keeps blobs from being collected while the call runs.
		Renew(ctx context.Context, tenant string, ds ...crank.Digest) error
	}
	// Sender is the mesh.
	Sender interface {
		Send(ctx context.Context, call crank.Call, to crank.Offer, sink Sink) (crank.Result, error)
	}
)

// Config is what a Dispatcher is made of. Every field without a default is needed.
type Config struct {
	Contracts Contracts
	Policy    Policy
	Router    Router
	Biller    Biller
	Payer     Payer
	Journal   Journal
	Vault     Vault
	Sender    Sender
	Blobs     Blobs
	Claims    Claims
	Receipts  Receipts

	Now       func() time.Time // default time.Now
	Log       *slog.Logger     // default slog.Default()
	PerTenant int              // calls of one tenant at once; default 1024
	Attempts  int              // of one call, the first included; default 3
	MaxTime   time.Duration    // of one call whose operation sets none; default 1 minute
}

// Dispatcher is the body of Service.
type Dispatcher struct {
	Config
	schemas  schemas
	flights  flights
	active   active
	bulkhead bulkhead
	unclosed unclosed
	jitter   func() float64
}

// New returns a Dispatcher; nothing is started.
func New(c Config) *Dispatcher {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.PerTenant == 0 {
		c.PerTenant = 1024
	}
	if c.Attempts == 0 {
		c.Attempts = 3
	}
	if c.MaxTime == 0 {
		c.MaxTime = time.Minute
	}
	return &Dispatcher{Config: c, jitter: rand.Float64, bulkhead: bulkhead{most: int64(c.PerTenant)}}
}

var _ Service = (*Dispatcher)(nil)

// state is one call on its way.
type state struct {
	call     crank.Call
	op       crank.Operation
	contract crank.Digest
	decision crank.Decision
	ranked   []crank.Candidate
	hold     crank.Hold
	input    crank.Commitment
	salt     [32]byte
	opened   int64 // microseconds
	sent     int64
	attempts int
	chosen   crank.Candidate
	claim    *claim // nil without an idempotency key
	durable  bool   // call.opened is in the journal
	subject  []byte
	keep     func(json.RawMessage) error // nil when nobody keeps the output
}
