package app

import (
	"context"
	"errors"
	"os"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/auth"
	"github.com/crank-platform/crank/platform/tenancy"
)

// First is what the first start of a node makes, so that its owner can call at
// once: keys in files that only the owner may read, a tenant, and a budget.
type First struct {
	OperatorKey string // path of the file
	CLIKey      string
	Tenant      string
	Budget      crank.Money
}

// FirstBudget is what the first tenant may spend a month until its owner says
// otherwise.
var FirstBudget = crank.Money{Micros: 10_000_000, Asset: "USD"}

// The paths of the keys that the first start makes, below the data directory.
const (
	OperatorKeyFile = "keys/operator"
	CLIKeyFile      = "keys/cli"
)

// firstStart makes the first keys and the first tenant on a new data directory.
// Each step is skipped where an earlier, interrupted start has made it.
func (h *House) firstStart(ctx context.Context) error {
	operator, cli := h.path(OperatorKeyFile), h.path(CLIKeyFile)
	_, err := h.Auth.Bootstrap(ctx, func(secret string) error { return writePrivate(operator, secret+"\n") })
	if err != nil && !errors.Is(err, crank.E(crank.CodeExists, "")) {
		return err
	}
	if _, err := os.Stat(cli); err == nil || !errors.Is(err, os.ErrNotExist) {
		return err
	}
	payer, err := h.firstTenant(ctx)
	if err != nil {
		return err
	}
	key, secret, err := h.Auth.Create(ctx, auth.KeySpec{
		Tenant: payer.Tenant, Team: payer.Team, App: payer.App, Name: "command line of this machine",
		Roles: []string{crank.RoleCaller, crank.RoleAdmin, crank.RoleAuditor},
	})
	if err != nil {
		return err
	}
	for _, a := range []crank.Admin{
		{Tenant: payer.Tenant, Act: "key.create", Object: key.ID},
		{Tenant: payer.Tenant, Act: "budget.set", Object: payer.Tenant, Budget: &crank.Budget{
			Level: crank.LevelTenant, ID: payer.Tenant, Tenant: payer.Tenant, Period: crank.PeriodMonth, Limit: FirstBudget,
		}},
	} {
		if _, err := h.Receipts.Append(ctx, crank.Record{Type: crank.TypeAdmin, Admin: &a}); err != nil {
			return err
		}
	}
	h.First = &First{OperatorKey: operator, CLIKey: cli, Tenant: payer.Tenant, Budget: FirstBudget}
	return writePrivate(cli, secret+"\n")
}

// firstTenant finds or makes home/home/cli.
func (h *House) firstTenant(ctx context.Context) (crank.Payer, error) {
	const name, app = "home", "cli"
	if p, err := h.Tenancy.Place(ctx, name, name, app); err == nil {
		return p, nil
	}
	p, err := h.Tenancy.Place(ctx, name, "", "")
	if err != nil {
		unit, err := h.Tenancy.CreateTenant(ctx, name, tenancy.Settings{})
		if err != nil {
			return p, err
		}
		p.Tenant = unit.ID
	}
	if t, err := h.Tenancy.Resolve(ctx, p.Tenant, name); err == nil {
		p.Team = t.Team
	} else {
		team, err := h.Tenancy.CreateTeam(ctx, p.Tenant, name)
		if err != nil {
			return p, err
		}
		p.Team = team.ID
	}
	unit, err := h.Tenancy.CreateApp(ctx, p.Tenant, p.Team, app)
	p.App = unit.ID
	return p, err
}
