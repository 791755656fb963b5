package client

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/crank-platform/crank"
)

// ReceiptQuery selects receipts. The zero value selects the newest of the
// caller's tenant.
type ReceiptQuery struct {
	Tenant, Team, App, Key string // ids
	Capability             crank.Capability
	Outcome                crank.Outcome
	Since, Until           string // a month, a day or an instant of RFC 3339, UTC
	Tag                    string // name=value
	Limit                  int    // 1 to 1000; 0 means 100
	Cursor                 string
}

// Receipts lists receipts, newest first, and says with which cursor to go on
// ("": that is all).
func (c *Client) Receipts(ctx context.Context, q ReceiptQuery) ([]crank.Receipt, string, error) {
	v := values("tenant", q.Tenant, "team", q.Team, "app", q.App, "key", q.Key, "capability", string(q.Capability),
		"outcome", string(q.Outcome), "since", q.Since, "until", q.Until, "tag", q.Tag, "cursor", q.Cursor)
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	out, err := get[struct {
		Receipts []crank.Receipt
		Next     string
	}](ctx, c, "/v1/receipts", v)
	return out.Receipts, out.Next, err
}

// Receipt returns a receipt by its own id or its call's.
func (c *Client) Receipt(ctx context.Context, id string) (crank.Receipt, error) {
	return get[crank.Receipt](ctx, c, "/v1/receipts/"+url.PathEscape(id), nil)
}

// Proof returns a receipt with all that proves it offline, as `crank verify`
// reads it. A receipt of the last moment is not under a checkpoint yet:
// crank.KindUnavailable.
func (c *Client) Proof(ctx context.Context, id string) ([]byte, error) {
	return get[[]byte](ctx, c, "/v1/receipts/"+url.PathEscape(id)+"/proof", nil)
}

// Checkpoint returns the log's newest signed checkpoint.
func (c *Client) Checkpoint(ctx context.Context) ([]byte, error) {
	return get[[]byte](ctx, c, "/v1/log/checkpoint", nil)
}

// UsageQuery selects and groups usage.
type UsageQuery struct {
	Tenant       string   // id
	Since, Until string   // a month, a day or an instant of RFC 3339, UTC
	By           []string // tenant, team, app, key, capability, day, outcome and at most one tag:NAME
}

func (q UsageQuery) values() url.Values {
	return values("tenant", q.Tenant, "since", q.Since, "until", q.Until, "by", strings.Join(q.By, ","))
}

// UsageRow is what the receipts of one group and asset sum up to.
type UsageRow struct {
	Group  map[string]string `json:"group"`
	Calls  int64             `json:"calls"`
	Asset  crank.Asset       `json:"asset"`
	Price  crank.Micros      `json:"price_micros"`
	Meters map[string]int64  `json:"meters,omitempty"`
}

// Usage sums receipts up.
func (c *Client) Usage(ctx context.Context, q UsageQuery) ([]UsageRow, error) {
	out, err := get[struct{ Usage []UsageRow }](ctx, c, "/v1/usage", q.values())
	return out.Usage, err
}

// UsageCSV is Usage as a chargeback file (RFC 4180).
func (c *Client) UsageCSV(ctx context.Context, q UsageQuery) ([]byte, error) {
	v := q.values()
	v.Set("format", "csv")
	return get[[]byte](ctx, c, "/v1/usage", v)
}

// Balance is the sum of an account's postings.
type Balance struct {
	Account crank.Account `json:"account"`
	Asset   crank.Asset   `json:"asset"`
	Micros  crank.Micros  `json:"micros"`
}

// Balances lists the tenant's account or, for an operator who names none, all.
func (c *Client) Balances(ctx context.Context, tenant string) ([]Balance, error) {
	out, err := get[struct{ Balances []Balance }](ctx, c, "/v1/balances", values("tenant", tenant))
	return out.Balances, err
}

// Budget is a budget and where it stands, in its limit's asset.
type Budget struct {
	crank.Budget `json:"budget"`
	Spent        crank.Micros `json:"spent_micros"`
	Held         crank.Micros `json:"held_micros"`
	Left         crank.Micros `json:"left_micros"`
	PeriodEnd    time.Time    `json:"period_end,omitzero"`
}

// Budgets lists a tenant's budgets.
func (c *Client) Budgets(ctx context.Context, tenant string) ([]Budget, error) {
	out, err := get[struct{ Budgets []Budget }](ctx, c, "/v1/budgets", values("tenant", tenant))
	return out.Budgets, err
}
