// Package tenancy keeps who there is on a node: tenants, their teams, and the
// teams' apps.
//
// It owns their ids, names and settings, and the rule that nothing of one tenant
// can be seen from another: an id of somebody else is answered exactly like one
// that does not exist. It does not own keys (package auth), budgets (ledger) or
// what anyone may do (policy). Nothing is ever deleted, because receipts refer to
// ids for good; what is no longer wanted is archived.
package tenancy

import (
	"context"
	"time"

	"github.com/crank-platform/crank"
)

// Unit is a tenant, a team or an app. Its id never changes; its name may.
type Unit struct {
	ID       string      `json:"id"`
	Level    crank.Level `json:"level"`          // LevelTenant, LevelTeam or LevelApp
	Tenant   string      `json:"tenant"`         // a tenant's is its own id
	Team     string      `json:"team,omitempty"` // of an app
	Name     string      `json:"name"`           // unique among live siblings
	Settings Settings    `json:"settings,omitzero"`
	Created  time.Time   `json:"created"`           // to the microsecond, UTC
	Archived time.Time   `json:"archived,omitzero"` // zero: live
}

// Parent returns the id of the unit above; empty for a tenant.
func (u Unit) Parent() string {
	switch u.Level {
	case crank.LevelTenant:
		return ""
	case crank.LevelTeam:
		return u.Tenant
	}
	return u.Team
}

// Settings are a tenant's own; a team or app has none. The zero value enforces
// policy and prefers no region.
type Settings struct {
	Observe bool   `json:"observe,omitempty"` // policy's denials are logged, not enforced
	Region  string `json:"region,omitempty"`  // zone prefix of [a-z0-9-], such as "eu"; empty means any
}

// Service is what the module offers. Where a method takes a tenant it is an id,
// and nothing outside that tenant can be reached: CodeNotFound. Archived units
// can still be got and listed. Safe for concurrent use.
type Service interface {
	// CreateTenant adds a tenant; names are unique on the node: CodeExists.
	CreateTenant(ctx context.Context, name string, s Settings) (Unit, error)
	// CreateTeam adds a team to a tenant.
	CreateTeam(ctx context.Context, tenant, name string) (Unit, error)
	// CreateApp adds an app to a team of a tenant.
	CreateApp(ctx context.Context, tenant, team, name string) (Unit, error)

	// Tenants lists all tenants by name: for the operator only.
	Tenants(ctx context.Context) ([]Unit, error)
	// List returns the tenant and all within it: itself, then each team followed
	// by its apps, by name.
	List(ctx context.Context, tenant string) ([]Unit, error)
	// Get returns a unit of the tenant, the tenant itself included.
	Get(ctx context.Context, tenant, id string) (Unit, error)

	// Rename gives a unit another name, Configure a tenant other settings.
	Rename(ctx context.Context, tenant, id, name string) (Unit, error)
	Configure(ctx context.Context, tenant string, s Settings) (Unit, error)
	// Archive stops a unit and all below it from being used and frees its name;
	// Restore takes that back unless the name is taken by now: CodeExists. Both
	// may be repeated.
	Archive(ctx context.Context, tenant, id string) (Unit, error)
	Restore(ctx context.Context, tenant, id string) (Unit, error)

	// Resolve finds "team/app", "team" or "" (the tenant itself) by names or ids,
	// among live units.
	Resolve(ctx context.Context, tenant, path string) (crank.Payer, error)
	// Place finds a live path whose every part, the tenant included, is a name or
	// an id; team and app may be empty. For identities that a token names.
	Place(ctx context.Context, tenant, team, app string) (crank.Payer, error)
	// Check returns the settings under which a payer's call runs. CodeNotFound
	// when a unit on its path is unknown or does not belong there, CodeDenied when
	// one is archived. From memory, without IO: it is asked on every call.
	Check(p crank.Payer) (Settings, error)
}

// Store keeps units. Put is durable when it returns.
type Store interface {
	// All returns every unit, in any order.
	All(ctx context.Context) ([]Unit, error)
	// Put adds a unit or replaces the one of its id. ErrNameTaken, and nothing
	// changed, when a live sibling bears the name of a live u.
	Put(ctx context.Context, u Unit) error
}
