package crank

import "slices"

// Principal is who calls: the place in tenant -> team -> app -> key, and how it
// was established. Ids, not names.
type Principal struct {
	Payer
	Subject string            `json:"subject,omitempty"` // a person or workload as a token names it; personal data
	Method  string            `json:"method"`            // "key", "jwt", "local"
	Roles   []string          `json:"roles,omitempty"`
	Labels  map[string]string `json:"labels,omitempty"` // attributes that policy may read
}

// The roles. RoleOperator may act on every tenant; the others on their own.
const (
	RoleOperator = "operator" // runs the node
	RoleAdmin    = "admin"    // keys, budgets, teams of a tenant
	RoleAuditor  = "auditor"  // reads everything of a tenant
	RoleCaller   = "caller"   // calls capabilities
)

// Has reports whether p holds one of the roles.
func (p Principal) Has(roles ...string) bool {
	return slices.ContainsFunc(roles, func(r string) bool { return slices.Contains(p.Roles, r) })
}

// Decision is what policy says of a call, with the obligations that it must meet.
type Decision struct {
	Allow       bool        `json:"allow"`
	Observed    bool        `json:"observed,omitempty"` // observe mode: a denial was logged, not enforced
	Reasons     []string    `json:"reasons,omitempty"`  // rules that spoke, in words
	Obligations Obligations `json:"obligations,omitzero"`
	Policy      Digest      `json:"policy"` // of the bundle that decided
}

// Obligations bind an allowed call. The zero value binds nothing.
type Obligations struct {
	Regions       []string `json:"regions,omitempty"`
	Providers     []string `json:"providers,omitempty"`
	MaxPrice      Micros   `json:"max_price_micros,omitempty"`
	MaxInputBytes int64    `json:"max_input_bytes,omitempty"`
	Redact        []string `json:"redact,omitempty"` // JSON pointers of the output to blank
	Approval      bool     `json:"approval,omitempty"`
}
