package crank

// Receipt is the one durable record of a call: who, what, by whom, under which
// policy, for how much, and how it ended. Bills, balances, SLOs and audits are
// derived from it. It proves provenance, not correctness.
//
// Its bytes are deterministic CBOR (RFC 8949 section 4.2.1) with the integer
// keys below, kept as first written; JSON is a view. Keys are never reused;
// platform/receipts/receipt.cddl is the schema. Times are microseconds since 1970
// in UTC. Package receipts owns encoding and proof.
type Receipt struct {
	Version    uint64     `json:"version" cbor:"1,keyasint"`
	ID         string     `json:"id" cbor:"2,keyasint"`
	Call       string     `json:"call" cbor:"3,keyasint"`
	Payer      Payer      `json:"payer" cbor:"4,keyasint"`
	Subject    []byte     `json:"subject,omitempty" cbor:"5,keyasint,omitempty"` // sealed under a key of its own, see receipts
	Method     string     `json:"method" cbor:"6,keyasint"`                      // how the caller was identified
	Capability Capability `json:"capability" cbor:"7,keyasint"`
	Contract   Digest     `json:"contract" cbor:"8,keyasint"`
	Provider   string     `json:"provider,omitempty" cbor:"9,keyasint,omitempty"` // empty when nothing was sent
	Worker     string     `json:"worker,omitempty" cbor:"10,keyasint,omitempty"`
	Offer      string     `json:"offer,omitempty" cbor:"11,keyasint,omitempty"`
	Instance   string     `json:"instance,omitempty" cbor:"12,keyasint,omitempty"`
	Policy     Digest     `json:"policy" cbor:"13,keyasint"`
	Observed   bool       `json:"observed,omitempty" cbor:"14,keyasint,omitempty"` // a denial that observe mode let pass
	Claim      []byte     `json:"claim,omitempty" cbor:"15,keyasint,omitempty"`    // salted digest of the idempotency key
	Input      Commitment `json:"input" cbor:"16,keyasint"`
	Output     Commitment `json:"output,omitzero" cbor:"17,keyasint,omitzero"`
	Usage      Usage      `json:"usage,omitempty" cbor:"18,keyasint,omitempty"`
	Plan       Digest     `json:"plan" cbor:"19,keyasint"`
	Ceiling    Money      `json:"ceiling" cbor:"20,keyasint"` // what was held
	Lines      []Line     `json:"lines,omitempty" cbor:"21,keyasint,omitempty"`
	Price      Money      `json:"price" cbor:"22,keyasint"` // the sum of the lines, at most the ceiling
	Postings   []Posting  `json:"postings,omitempty" cbor:"23,keyasint,omitempty"`
	Carbon     Carbon     `json:"carbon,omitzero" cbor:"24,keyasint,omitzero"`
	Outcome    Outcome    `json:"outcome" cbor:"25,keyasint"`
	Error      Code       `json:"error,omitempty" cbor:"26,keyasint,omitempty"`
	Opened     int64      `json:"opened_us" cbor:"27,keyasint"`
	Sent       int64      `json:"sent_us,omitempty" cbor:"28,keyasint,omitempty"` // of the last attempt
	Closed     int64      `json:"closed_us" cbor:"29,keyasint"`
	Attempts   int        `json:"attempts" cbor:"30,keyasint"`
	Trace      string     `json:"trace,omitempty" cbor:"31,keyasint,omitempty"`
	Parent     string     `json:"parent,omitempty" cbor:"32,keyasint,omitempty"` // id of the call that made this one
	Job        string     `json:"job,omitempty" cbor:"33,keyasint,omitempty"`
	Tags       Tags       `json:"tags,omitempty" cbor:"34,keyasint,omitempty"`
	TenantSeq  uint64     `json:"tenant_seq" cbor:"35,keyasint"`  // 1, 2, 3... per tenant, across epochs
	TenantPrev Digest     `json:"tenant_prev" cbor:"36,keyasint"` // of the tenant's receipt before this one; zero for its first
}

// Tags are labels that a caller puts on a call for chargeback.
type Tags map[string]string

// Commitment binds content without telling it: SHA-256 over the tenant's salt
// and the value's RFC 8785 canonical JSON, in which blobs stand by digest.
type Commitment struct {
	Digest Digest `json:"digest" cbor:"1,keyasint"`
	Bytes  int64  `json:"bytes" cbor:"2,keyasint"` // canonical JSON and blobs together
}

// Carbon is what a call is estimated to have emitted.
type Carbon struct {
	Micrograms int64  `json:"micrograms" cbor:"1,keyasint"` // CO2e
	Method     Method `json:"method" cbor:"2,keyasint"`
}

// Outcome is how a call ended.
type Outcome string

// The outcomes. Only OutcomeOK is charged in full; a cancelled stream is charged
// for what was delivered, the others not at all.
const (
	OutcomeOK        Outcome = "ok"
	OutcomeFailed    Outcome = "failed"    // the worker, or the way to it
	OutcomeCancelled Outcome = "cancelled" // by the caller
	OutcomeTimeout   Outcome = "timeout"
	OutcomeUnknown   Outcome = "unknown" // the node stopped while the call was under way
)

// Record is an entry of the journal, the one sequence that every balance, bill
// and view is derived from.
type Record struct {
	Epoch uint64     // of the log; a restore starts a new one
	Seq   uint64     // 1, 2, 3... within the node's life, across epochs
	Type  RecordType //
	Time  int64      // commit time, microseconds UTC: decides the accounting period
	// Exactly one of these, as Type says.
	Opened   *Opened
	Receipt  *Receipt // TypeClosed
	Transfer *Transfer
	Admin    *Admin
}

// RecordType says what a Record holds.
type RecordType string

// The record types. A call has at most one TypeOpened and exactly one TypeClosed.
const (
	TypeOpened     RecordType = "call.opened"
	TypeClosed     RecordType = "call.closed"
	TypeTransfer   RecordType = "ledger.transfer"
	TypeAdjustment RecordType = "adjustment"
	TypeAdmin      RecordType = "admin"
)

// Opened is committed before a call is sent, where a crash must not lose that
// it was: keyed, not idempotent, streaming, or a job.
type Opened struct {
	Call        string     `json:"call" cbor:"1,keyasint"`
	Capability  Capability `json:"capability" cbor:"2,keyasint"`
	Contract    Digest     `json:"contract" cbor:"3,keyasint"`
	Hold        Hold       `json:"hold" cbor:"4,keyasint"`
	Plan        Digest     `json:"plan" cbor:"5,keyasint"`
	Scope       string     `json:"scope,omitempty" cbor:"6,keyasint,omitempty"`     // of the claim
	Claim       []byte     `json:"claim,omitempty" cbor:"7,keyasint,omitempty"`     // salted digest of the idempotency key
	Fingerprint Digest     `json:"fingerprint,omitzero" cbor:"8,keyasint,omitzero"` // over capability, input and constraints
	Input       Commitment `json:"input" cbor:"9,keyasint"`
	Policy      Digest     `json:"policy" cbor:"10,keyasint"`
	Idempotent  bool       `json:"idempotent,omitempty" cbor:"11,keyasint,omitempty"` // the operation's own promise
	Method      string     `json:"method" cbor:"12,keyasint"`
	Opened      int64      `json:"opened_us" cbor:"13,keyasint"`
	Job         string     `json:"job,omitempty" cbor:"14,keyasint,omitempty"`
	Tags        Tags       `json:"tags,omitempty" cbor:"15,keyasint,omitempty"`
}

// Transfer moves money outside a call: a deposit, a payout. As an adjustment it
// names the receipt that it corrects.
type Transfer struct {
	Ref      string    `json:"ref" cbor:"1,keyasint"`
	Tenant   string    `json:"tenant,omitempty" cbor:"2,keyasint,omitempty"`
	Asset    Asset     `json:"asset" cbor:"3,keyasint"`
	Postings []Posting `json:"postings" cbor:"4,keyasint"`
	Why      string    `json:"why" cbor:"5,keyasint"`
	Receipt  string    `json:"receipt,omitempty" cbor:"6,keyasint,omitempty"`
}

// Admin records an administrative act, or the denial of a known principal.
type Admin struct {
	Actor  Payer   `json:"actor" cbor:"1,keyasint"`
	Tenant string  `json:"tenant,omitempty" cbor:"2,keyasint,omitempty"` // whom it concerns
	Act    string  `json:"act" cbor:"3,keyasint"`                        // "key.create", "budget.set", "policy.load", "call.denied"...
	Object string  `json:"object,omitempty" cbor:"4,keyasint,omitempty"` // id of what was acted on
	Detail Tags    `json:"detail,omitempty" cbor:"5,keyasint,omitempty"` // never a secret
	Budget *Budget `json:"budget,omitempty" cbor:"6,keyasint,omitempty"` // for "budget.set"
}

// Budget limits what may be spent at one level of a payer's path in one period.
type Budget struct {
	Level  Level  `json:"level" cbor:"1,keyasint"`
	ID     string `json:"id" cbor:"2,keyasint"` // of the tenant, team, app or key
	Tenant string `json:"tenant" cbor:"3,keyasint"`
	Period Period `json:"period" cbor:"4,keyasint"`
	Limit  Money  `json:"limit" cbor:"5,keyasint"`
	// Removed takes the budget away: the level is then unlimited.
	Removed bool `json:"removed,omitempty" cbor:"6,keyasint,omitempty"`
}

// Level is a level of a payer's path.
type Level string

// The levels, top first.
const (
	LevelTenant Level = "tenant"
	LevelTeam   Level = "team"
	LevelApp    Level = "app"
	LevelKey    Level = "key"
)

// Period is how often a budget starts anew, in UTC.
type Period string

// The periods.
const (
	PeriodDay   Period = "day"
	PeriodMonth Period = "month"
	PeriodTotal Period = "total" // never
)
