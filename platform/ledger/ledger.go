// Package ledger keeps what everybody has and what they may still spend.
//
// It owns the rules of money: double entry, in which the postings of a record
// sum to zero in one asset; holds, which reserve a call's ceiling against every
// budget on the payer's path and end exactly once (posted, voided or expired);
// and budgets, which limit what one level may spend in one period. It does not
// own prices (package market), who may call (package policy), or what happened:
// the journal (package receipts) is the authority, the ledger a projection of
// it that can always be built again.
//
// Spending is counted at every level whether or not a budget stands there, so a
// budget set in the middle of a month knows the whole month. A level that has
// budgets in other assets only lets no money of this asset pass: a limit in one
// currency must not be walked around by paying in another.
package ledger

import (
	"context"
	"time"

	"github.com/crank-platform/crank"
)

// Service is what the house uses of the ledger, here or over the wire. Every
// method is safe for concurrent use and may be repeated.
type Service interface {
	// Reserve takes the hold against every budget on its payer's path, or takes
	// nothing: CodeBudgetExhausted names each level with too little left, with
	// its period's end in RetryAfter (one second where only other holds stand in
	// the way). A hold of no money passes every budget. The same ref with the
	// same hold again is no error and takes nothing more; CodeHoldState when the
	// ref has ended or stands for another hold, CodeMoneyRange for an amount
	// below zero or no asset, CodeDeadline for a hold that has expired already.
	Reserve(ctx context.Context, h crank.Hold) error
	// Extend makes a pending hold at least amount in all, and keeps it at least
	// until then; it never shrinks one. On any error nothing has changed:
	// CodeBudgetExhausted as in Reserve, CodeHoldState when the hold is not
	// pending, CodeMoneyRange for another asset.
	Extend(ctx context.Context, ref string, amount crank.Money, until time.Time) error
	// Void ends a hold unspent. It is no error when the hold has ended or never
	// was; a later Reserve of the ref is then refused.
	Void(ctx context.Context, ref string) error

	// Apply takes in journal records in the order of their Seq. Those applied
	// before are skipped; a gap is CodeJournal. A record is applied wholly or
	// not at all: when one cannot be (see Vet), those before it stand.
	Apply(ctx context.Context, records []crank.Record) error
	// Applied returns the Seq of the last record applied, 0 before the first.
	Applied(ctx context.Context) (uint64, error)

	// Budgets lists a tenant's budgets, top level first. AllTenants lists all.
	Budgets(ctx context.Context, tenant string) ([]BudgetState, error)
	// Balances lists accounts by name: all below a prefix that ends in "/", all
	// for "", else the one account so named.
	Balances(ctx context.Context, prefix string) ([]Balance, error)
	// Holds lists a tenant's pending holds by ref. AllTenants lists all.
	Holds(ctx context.Context, tenant string) ([]crank.Hold, error)
	// Check proves the books: per asset the balances sum to zero, what each level
	// holds is the sum of its pending holds, nothing is negative that must not
	// be. CodeInternal names each fault.
	Check(ctx context.Context) error
}

// AllTenants asks for every tenant. The empty tenant is nobody.
const AllTenants = "*"

// ActBudgetSet is the act of the admin record that sets or removes a budget.
const ActBudgetSet = "budget.set"

// BudgetState is a budget and where it stands, in its Limit's asset.
type BudgetState struct {
	Budget    crank.Budget `json:"budget"`
	Spent     crank.Micros `json:"spent_micros"` // in the present period
	Held      crank.Micros `json:"held_micros"`  // by pending holds
	Left      crank.Micros `json:"left_micros"`  // Limit less Spent and Held; negative when the limit was lowered below them
	PeriodEnd time.Time    `json:"period_end,omitzero"`
}

// Balance is the sum of an account's postings.
type Balance struct {
	Account crank.Account `json:"account"`
	Asset   crank.Asset   `json:"asset"`
	Micros  crank.Micros  `json:"micros"`
}
