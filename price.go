package crank

import "time"

// Plan is a price as data. One call costs the sum of its prices, at least
// Minimum. Package market owns its rules (Rate) and its digest.
type Plan struct {
	Asset   Asset   `json:"asset" yaml:"asset" cbor:"1,keyasint"`
	Prices  []Price `json:"prices,omitempty" yaml:"prices,omitempty" cbor:"2,keyasint,omitempty"`
	Minimum Micros  `json:"minimum_micros,omitempty" yaml:"minimum_micros,omitempty" cbor:"3,keyasint,omitempty"`
	Split   Split   `json:"split,omitzero" yaml:"split,omitempty" cbor:"4,keyasint,omitempty"` // zero means DefaultSplit
}

// Price charges Micros for each Per units of Meter, after Included free ones.
// With Tiers the price of a unit depends on how many came before it.
type Price struct {
	Meter    string `json:"meter" yaml:"meter" cbor:"1,keyasint"`                 // MeterCalls for a flat price
	Micros   Micros `json:"micros" yaml:"micros" cbor:"2,keyasint"`               // >= 0; ignored when Tiers are given
	Per      int64  `json:"per,omitempty" yaml:"per,omitempty" cbor:"3,keyasint"` // units; 0 means 1
	Included int64  `json:"included,omitempty" yaml:"included,omitempty" cbor:"4,keyasint,omitempty"`
	Tiers    []Tier `json:"tiers,omitempty" yaml:"tiers,omitempty" cbor:"5,keyasint,omitempty"`
}

// Tier is the price of the units up to and including UpTo; 0 means no end, and
// only the last tier has none.
type Tier struct {
	UpTo   int64  `json:"up_to,omitempty" yaml:"up_to,omitempty" cbor:"1,keyasint,omitempty"`
	Micros Micros `json:"micros" yaml:"micros" cbor:"2,keyasint"`
}

// Split says who gets what of a price, in hundredths of a percent; it sums to
// 10,000. Rounding's remainder goes to the provider.
type Split struct {
	Provider       int `json:"provider" yaml:"provider" cbor:"1,keyasint"`
	Platform       int `json:"platform" yaml:"platform" cbor:"2,keyasint"`
	Infrastructure int `json:"infrastructure" yaml:"infrastructure" cbor:"3,keyasint"`
	Quality        int `json:"quality" yaml:"quality" cbor:"4,keyasint"`
}

// DefaultSplit is 70 % provider, 20 % platform, 5 % infrastructure, 5 % quality fund.
var DefaultSplit = Split{7000, 2000, 500, 500}

// Line is one line of a bill: what was charged, for how much of which meter.
type Line struct {
	Meter    string `json:"meter" cbor:"1,keyasint"` // "minimum" for the difference to the plan's minimum
	Quantity int64  `json:"quantity" cbor:"2,keyasint"`
	Micros   Micros `json:"micros" cbor:"3,keyasint"`
}

// Quote is an offer's price ceiling for one call, fixed until it expires.
type Quote struct {
	ID         string     `json:"id"`
	Capability Capability `json:"capability"`
	Offer      string     `json:"offer"`
	Ceiling    Money      `json:"ceiling"`
	Lines      []Line     `json:"lines"` // how the ceiling comes about
	PlanDigest Digest     `json:"plan_digest"`
	Expires    time.Time  `json:"expires"`
}

// Posting moves Micros into (> 0) or out of (< 0) an account. The postings of
// one transfer are of one asset and sum to zero.
type Posting struct {
	Account Account `json:"account" cbor:"1,keyasint"`
	Micros  Micros  `json:"micros" cbor:"2,keyasint"`
}

// Account names a side of a transfer: "tenant/<id>", "provider/<name>",
// "platform", "infrastructure", "quality", "external".
type Account string

// The accounts that every ledger has.
const (
	AccountPlatform       Account = "platform"
	AccountInfrastructure Account = "infrastructure"
	AccountQuality        Account = "quality"
	AccountExternal       Account = "external"
)

// TenantAccount is what a tenant pays from.
func TenantAccount(tenant string) Account { return Account("tenant/" + tenant) }

// ProviderAccount is what a provider is paid to.
func ProviderAccount(provider string) Account { return Account("provider/" + provider) }

// Hold reserves money for a call against every budget on its payer's path.
type Hold struct {
	Ref     string    `json:"ref" cbor:"1,keyasint"` // the call's id: a repeat is harmless
	Payer   Payer     `json:"payer" cbor:"2,keyasint"`
	Amount  Money     `json:"amount" cbor:"3,keyasint"`
	Expires time.Time `json:"expires" cbor:"4,keyasint"`
}

// Payer is the path that a call's price is charged to. Empty parts are levels
// that the caller has not.
type Payer struct {
	Tenant string `json:"tenant" cbor:"1,keyasint"`
	Team   string `json:"team,omitempty" cbor:"2,keyasint,omitempty"`
	App    string `json:"app,omitempty" cbor:"3,keyasint,omitempty"`
	Key    string `json:"key,omitempty" cbor:"4,keyasint,omitempty"`
}
