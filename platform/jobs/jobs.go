// Package jobs runs calls while nobody waits for them.
//
// It owns that a job which was acknowledged is known until its retention ends,
// runs in its turn, and ends exactly once: done, failed or cancelled, whatever
// stops in between. It does not own the call that a job stands for (package
// dispatch holds, sends, settles and attests it), its price, or the bytes of the
// files it names (package blobs; jobs says which are needed).
//
// The call is opened in the journal before the job is stored, and closed there
// before the job ends. So whatever a crash leaves can be told apart: a call that
// is open without a job was never acknowledged, a job whose call has closed only
// has to be told its outcome.
package jobs

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/crank-platform/crank"
)

// Service is what the doors use. Jobs is its body. A job of another tenant is
// CodeJobUnknown, exactly as one that never was.
type Service interface {
	// Submit takes a call in. When it returns, the job is durable and its price
	// held. It will start by startBy, or fail (CodeDeadline) and cost nothing; the
	// zero time means as long as its hold lasts. Under the call's idempotency key
	// the same call gives the same job for KeyTime; another is
	// CodeIdempotencyClash. CodeConstraint when startBy has passed,
	// CodeOverloaded when too many jobs of the tenant are queued, otherwise what
	// the call itself is refused with.
	Submit(ctx context.Context, call crank.Call, startBy time.Time) (crank.Job, error)
	// Get returns a job as it stands, its output included once it is done.
	Get(ctx context.Context, tenant, id string) (crank.Job, error)
	// List returns jobs without their outputs, newest first, and the cursor of
	// the next page, "" where there is none.
	List(ctx context.Context, tenant string, f Filter, cursor string) (page []crank.Job, next string, err error)
	// Cancel ends a queued job, or stops a running one: that one ends when its
	// worker has let go, and may still end done. A job that has ended stays as it
	// is. It returns the job as it stands then.
	Cancel(ctx context.Context, tenant, id string) (crank.Job, error)
	// Events streams what happens to a job: what is kept of its past, each change,
	// and at last how it ended, upon which the channel closes; it also closes when
	// ctx ends. After a disconnection, after is the ID of the last event seen (0
	// for none): what came since follows, behind an EventGap where some of it is
	// not kept any more.
	Events(ctx context.Context, tenant, id string, after int) (<-chan Event, error)
	// Wait returns the job once it has ended, or, when ctx ends first, as it
	// stands and ctx's error.
	Wait(ctx context.Context, tenant, id string) (crank.Job, error)
}

// KeyTime is how long an idempotency key stands for its job.
const KeyTime = 24 * time.Hour

// What jobs needs of its neighbours, in the fewest words.
type (
	// Runner is the journey of a call in two halves.
	Runner interface {
		// Submit checks, authorises, holds and journals a call that has an ID and a Job.
		Submit(ctx context.Context, call crank.Call) (crank.Opened, error)
		// Perform does the rest. Streamed output goes to sink. The output goes to
		// keep before the call is closed, so that a crash after that does not lose
		// what is paid for; an error of keep means that the call may not close as
		// a success yet. An answer without a receipt means that the call may still
		// be open: where ctx's cause is CodeDraining it should be left so.
		Perform(ctx context.Context, call crank.Call, opened crank.Opened, sink func(crank.Chunk) error, keep func(output json.RawMessage) error) (crank.Answer, error)
		// Abandon closes a call that will not be sent, charging nothing;
		// CodeExists when it has been closed.
		Abandon(ctx context.Context, call crank.Call, opened crank.Opened, outcome crank.Outcome) (crank.Receipt, error)
	}
	// Receipts finds the receipt of a call; CodeReceiptUnknown when it has not closed.
	Receipts interface {
		ByCall(ctx context.Context, tenant, call string) (crank.Receipt, error)
	}
	// Holds keeps a hold from expiring.
	Holds interface {
		Extend(ctx context.Context, ref string, amount crank.Money, until time.Time) error
	}
	// Blobs keeps the files that a call names until the job pins them;
	// CodeBlobUnknown when one is missing.
	Blobs interface {
		Renew(ctx context.Context, tenant string, ds ...crank.Digest) error
	}
)

// Config is what a Jobs is made of. Every field without a default is needed.
type Config struct {
	Store    Store
	Runner   Runner
	Receipts Receipts
	Holds    Holds
	Blobs    Blobs // default: files are not looked for

	Workers       int              // jobs at once; default 4
	PerTenant     int              // jobs of one tenant queued at once; default 10,000
	Attempts      int              // of a job that restarts interrupt; default 3
	ShutdownGrace time.Duration    // for running jobs when Run ends; default 10 seconds
	Retention     time.Duration    // of ended jobs and their outputs; default 7 days
	Now           func() time.Time // default time.Now
	Log           *slog.Logger     // default slog.Default()
}

const (
	holdTime  = 24 * time.Hour   // how long a heartbeat keeps a hold
	beatEvery = 10 * time.Minute // how often a running job's hold is renewed
	pause     = time.Second      // before what failed for storage's sake is tried again
	sweep     = 10 * time.Minute
	// patience is how long the runner may take to close a call that it could not
	// close at once, before it is closed as unknown.
	patience = time.Minute
)

// Jobs is the body of Service.
type Jobs struct {
	Config
	board  *board
	hubs   hubs
	flight flight
}

// New returns a Jobs; nothing is started.
func New(c Config) *Jobs {
	if c.Workers == 0 {
		c.Workers = 4
	}
	if c.PerTenant == 0 {
		c.PerTenant = 10_000
	}
	if c.Attempts == 0 {
		c.Attempts = 3
	}
	if c.ShutdownGrace == 0 {
		c.ShutdownGrace = 10 * time.Second
	}
	if c.Retention == 0 {
		c.Retention = 7 * 24 * time.Hour
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return &Jobs{Config: c, board: newBoard()}
}

var _ Service = (*Jobs)(nil)

// now is the time as it is stored: UTC, whole microseconds.
func (j *Jobs) now() time.Time { return j.Now().UTC().Truncate(time.Microsecond) }
