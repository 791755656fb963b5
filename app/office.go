package app

import (
	"context"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
	"github.com/crank-platform/crank/platform/auth"
	"github.com/crank-platform/crank/platform/ledger"
	"github.com/crank-platform/crank/platform/policy"
	"github.com/crank-platform/crank/platform/secrets"
	"github.com/crank-platform/crank/platform/tenancy"
)

// Office is where administrative acts are done: each asks policy first, then the
// module that owns the thing, and is journaled. What a principal may not reach is
// CodeNotFound, exactly as what does not exist.
type Office struct{ h *House }

// Office returns the node's office.
func (h *House) Office() Office { return Office{h} }

// Permit asks policy whether p may do an act, such as "admin.key.create", to an
// object of a tenant, and returns the tenant that it concerns: p's own where none
// is named. Only an operator may name another. A denial is journaled.
func (o Office) Permit(ctx context.Context, p crank.Principal, act, tenant, object string) (string, error) {
	if tenant == "" {
		tenant = p.Tenant
	}
	if tenant != p.Tenant && !p.Has(crank.RoleOperator) {
		return "", crank.E(crank.CodeNotFound, "there is no tenant %.80q", tenant)
	}
	if p.Tenant != "" {
		if _, err := o.h.Tenancy.Check(p.Payer); err != nil {
			return "", err
		}
	}
	q := policy.Question{Action: act, Tenant: tenant, Object: object, Principal: p}
	d, err := o.h.Policy.Decide(ctx, q)
	if err != nil {
		return "", err
	}
	d.Allow = d.Allow && !d.Observed // observe mode is for calls: here it would make every caller an operator
	if err := policy.Refusal(q, d); err != nil {
		o.h.record(crank.Admin{Actor: p.Payer, Tenant: p.Tenant, Act: "act.denied", Object: object, Detail: crank.Tags{"act": act}})
		return "", err
	}
	return tenant, nil
}

// done journals an act that was done.
func (o Office) done(ctx context.Context, p crank.Principal, a crank.Admin) error {
	a.Actor = p.Payer
	_, err := o.h.Receipts.Append(ctx, crank.Record{Type: crank.TypeAdmin, Admin: &a})
	return err
}

// CreateKey makes an API key and returns its secret, once. Nobody gives a role
// that they have not.
func (o Office) CreateKey(ctx context.Context, p crank.Principal, spec auth.KeySpec) (auth.Key, string, error) {
	tenant, err := o.Permit(ctx, p, "admin.key.create", spec.Tenant, "")
	if err != nil {
		return auth.Key{}, "", err
	}
	spec.Tenant = tenant
	if err := auth.MayGrant(p, spec); err != nil {
		return auth.Key{}, "", err
	}
	if tenant != "" {
		if spec, err = o.place(ctx, spec); err != nil {
			return auth.Key{}, "", err
		}
	}
	key, secret, err := o.h.Auth.Create(ctx, spec)
	if err != nil {
		return key, "", err
	}
	return key, secret, o.done(ctx, p, crank.Admin{Tenant: tenant, Act: "key.create", Object: key.ID})
}

// place turns the names of a team and an app into their ids.
func (o Office) place(ctx context.Context, spec auth.KeySpec) (auth.KeySpec, error) {
	path := spec.Team
	if spec.App != "" {
		path += "/" + spec.App
	}
	payer, err := o.h.Tenancy.Resolve(ctx, spec.Tenant, path)
	spec.Team, spec.App = payer.Team, payer.App
	return spec, err
}

// Keys lists the keys of a tenant.
func (o Office) Keys(ctx context.Context, p crank.Principal, tenant string) ([]auth.Key, error) {
	tenant, err := o.Permit(ctx, p, "read.keys", tenant, "")
	if err != nil {
		return nil, err
	}
	return o.h.Auth.List(ctx, tenant)
}

// mayChange refuses p a key that it might not have made: else an admin could
// give an operator's key a secret that the admin knows.
func (o Office) mayChange(ctx context.Context, p crank.Principal, tenant, id string) error {
	key, err := o.h.Auth.Get(ctx, tenant, id)
	if err != nil {
		return err
	}
	return auth.MayGrant(p, auth.KeySpec{Tenant: key.Tenant, Roles: key.Roles})
}

// RotateKey gives a key a new secret; the one before serves for overlap more.
func (o Office) RotateKey(ctx context.Context, p crank.Principal, tenant, id string, overlap time.Duration) (auth.Key, string, error) {
	tenant, err := o.Permit(ctx, p, "admin.key.rotate", tenant, id)
	if err == nil {
		err = o.mayChange(ctx, p, tenant, id)
	}
	if err != nil {
		return auth.Key{}, "", err
	}
	key, secret, err := o.h.Auth.Rotate(ctx, tenant, id, overlap)
	if err != nil {
		return key, "", err
	}
	return key, secret, o.done(ctx, p, crank.Admin{Tenant: tenant, Act: "key.rotate", Object: id})
}

// RevokeKey ends a key at once.
func (o Office) RevokeKey(ctx context.Context, p crank.Principal, tenant, id string) (auth.Key, error) {
	tenant, err := o.Permit(ctx, p, "admin.key.revoke", tenant, id)
	if err == nil {
		err = o.mayChange(ctx, p, tenant, id)
	}
	if err != nil {
		return auth.Key{}, err
	}
	key, err := o.h.Auth.Revoke(ctx, tenant, id)
	if err != nil {
		return key, err
	}
	return key, o.done(ctx, p, crank.Admin{Tenant: tenant, Act: "key.revoke", Object: id})
}

// Tenants lists every tenant, for an operator, or the principal's own.
func (o Office) Tenants(ctx context.Context, p crank.Principal) ([]tenancy.Unit, error) {
	if p.Has(crank.RoleOperator) {
		if _, err := o.Permit(ctx, p, "operate.tenants", "", ""); err != nil {
			return nil, err
		}
		return o.h.Tenancy.Tenants(ctx)
	}
	tenant, err := o.Permit(ctx, p, "read.tenant", "", "")
	if err != nil {
		return nil, err
	}
	unit, err := o.h.Tenancy.Get(ctx, tenant, tenant)
	return []tenancy.Unit{unit}, err
}

// CreateTenant adds a tenant: an operator's act.
func (o Office) CreateTenant(ctx context.Context, p crank.Principal, name string, s tenancy.Settings) (tenancy.Unit, error) {
	if _, err := o.Permit(ctx, p, "operate.tenant.create", "", ""); err != nil {
		return tenancy.Unit{}, err
	}
	u, err := o.h.Tenancy.CreateTenant(ctx, name, s)
	if err != nil {
		return u, err
	}
	return u, o.done(ctx, p, crank.Admin{Tenant: u.ID, Act: "tenant.create", Object: u.ID})
}

// Units lists a tenant with its teams and apps.
func (o Office) Units(ctx context.Context, p crank.Principal, tenant string) ([]tenancy.Unit, error) {
	tenant, err := o.Permit(ctx, p, "read.tenant", tenant, "")
	if err != nil {
		return nil, err
	}
	return o.h.Tenancy.List(ctx, tenant)
}

// CreateUnit adds a team to a tenant, or an app to one of its teams.
func (o Office) CreateUnit(ctx context.Context, p crank.Principal, tenant, team, name string) (u tenancy.Unit, err error) {
	if tenant, err = o.Permit(ctx, p, "admin.unit.create", tenant, ""); err != nil {
		return u, err
	}
	act := "team.create"
	if team == "" {
		u, err = o.h.Tenancy.CreateTeam(ctx, tenant, name)
	} else {
		act = "app.create"
		var place crank.Payer
		if place, err = o.h.Tenancy.Resolve(ctx, tenant, team); err == nil {
			u, err = o.h.Tenancy.CreateApp(ctx, tenant, place.Team, name)
		}
	}
	if err != nil {
		return u, err
	}
	return u, o.done(ctx, p, crank.Admin{Tenant: tenant, Act: act, Object: u.ID})
}

// ArchiveUnit stops a tenant, team or app from being used.
func (o Office) ArchiveUnit(ctx context.Context, p crank.Principal, tenant, id string) (tenancy.Unit, error) {
	act := "admin.unit.archive"
	if id == tenant {
		act = "operate.tenant.archive"
	}
	tenant, err := o.Permit(ctx, p, act, tenant, id)
	if err != nil {
		return tenancy.Unit{}, err
	}
	u, err := o.h.Tenancy.Archive(ctx, tenant, id)
	if err != nil {
		return u, err
	}
	return u, o.done(ctx, p, crank.Admin{Tenant: tenant, Act: "unit.archive", Object: id})
}

// Configure gives a tenant other settings.
func (o Office) Configure(ctx context.Context, p crank.Principal, tenant string, s tenancy.Settings) (tenancy.Unit, error) {
	tenant, err := o.Permit(ctx, p, "admin.tenant.configure", tenant, tenant)
	if err != nil {
		return tenancy.Unit{}, err
	}
	u, err := o.h.Tenancy.Configure(ctx, tenant, s)
	if err != nil {
		return u, err
	}
	return u, o.done(ctx, p, crank.Admin{Tenant: tenant, Act: "tenant.configure", Object: tenant})
}

// Budgets lists the budgets of a tenant and where they stand.
func (o Office) Budgets(ctx context.Context, p crank.Principal, tenant string) ([]ledger.BudgetState, error) {
	tenant, err := o.Permit(ctx, p, "read.budgets", tenant, "")
	if err != nil {
		return nil, err
	}
	return o.h.Ledger.Budgets(ctx, tenant)
}

// SetBudget sets or removes a budget. The journal's record is what sets it.
func (o Office) SetBudget(ctx context.Context, p crank.Principal, b crank.Budget) (crank.Budget, error) {
	tenant, err := o.Permit(ctx, p, "admin.budget.set", b.Tenant, b.ID)
	if err != nil {
		return b, err
	}
	b.Tenant = tenant
	if b, err = o.checkBudget(ctx, b); err != nil {
		return b, err
	}
	return b, o.done(ctx, p, crank.Admin{Tenant: tenant, Act: "budget.set", Object: b.ID, Budget: &b})
}

// checkBudget makes sure that a budget's place exists, and names it by its id.
func (o Office) checkBudget(ctx context.Context, b crank.Budget) (crank.Budget, error) {
	switch {
	case !b.Limit.Asset.Valid() || b.Limit.Micros < 0:
		return b, crank.E(crank.CodeMoneyRange, "%s is no limit of a budget", b.Limit)
	case b.Period != crank.PeriodDay && b.Period != crank.PeriodMonth && b.Period != crank.PeriodTotal:
		return b, crank.E(crank.CodeConstraint, "the period is %q, not day, month or total", b.Period)
	}
	switch b.Level {
	case crank.LevelTenant:
		b.ID = b.Tenant
	case crank.LevelTeam, crank.LevelApp:
		if u, err := o.h.Tenancy.Get(ctx, b.Tenant, b.ID); err == nil && u.Level == b.Level {
			return b, nil
		}
		place, err := o.h.Tenancy.Resolve(ctx, b.Tenant, b.ID) // by names then
		if err != nil {
			return b, err
		}
		b.ID = place.Team
		if b.Level == crank.LevelApp {
			b.ID = place.App
		}
		if b.ID == "" {
			return b, crank.E(crank.CodeNotFound, "there is no such %s", b.Level)
		}
	case crank.LevelKey:
		if _, err := o.h.Auth.Get(ctx, b.Tenant, b.ID); err != nil {
			return b, err
		}
	default:
		return b, crank.E(crank.CodeConstraint, "the level is %q, not tenant, team, app or key", b.Level)
	}
	return b, nil
}

// Deposit books money that a tenant has paid in: an operator's act. The same ref
// is booked once.
func (o Office) Deposit(ctx context.Context, p crank.Principal, tenant string, m crank.Money, why string) (crank.Transfer, error) {
	t := crank.Transfer{Ref: ids.New("xfer"), Tenant: tenant, Asset: m.Asset, Why: why, Postings: []crank.Posting{
		{Account: crank.AccountExternal, Micros: -m.Micros}, {Account: crank.TenantAccount(tenant), Micros: m.Micros},
	}}
	if _, err := o.Permit(ctx, p, "operate.deposit", tenant, tenant); err != nil {
		return t, err
	}
	if m.Micros <= 0 || !m.Asset.Valid() {
		return t, crank.E(crank.CodeMoneyRange, "%s cannot be paid in", m)
	}
	if _, err := o.h.Tenancy.Get(ctx, tenant, tenant); err != nil {
		return t, err
	}
	_, err := o.h.Receipts.Append(ctx, crank.Record{Type: crank.TypeTransfer, Transfer: &t})
	return t, err
}

// Balances lists the tenant's account or, for an operator who names none, all.
func (o Office) Balances(ctx context.Context, p crank.Principal, tenant string) ([]ledger.Balance, error) {
	if p.Has(crank.RoleOperator) && tenant == "" {
		if _, err := o.Permit(ctx, p, "operate.balances", "", ""); err != nil {
			return nil, err
		}
		return o.h.Ledger.Balances(ctx, "")
	}
	tenant, err := o.Permit(ctx, p, "read.balances", tenant, "")
	if err != nil {
		return nil, err
	}
	return o.h.Ledger.Balances(ctx, string(crank.TenantAccount(tenant)))
}

// SetSecret keeps a secret for the tenant's workers.
func (o Office) SetSecret(ctx context.Context, p crank.Principal, tenant, name string, value []byte) (secrets.Meta, error) {
	tenant, err := o.Permit(ctx, p, "admin.secret.set", tenant, name)
	if err != nil {
		return secrets.Meta{}, err
	}
	m, err := o.h.Secrets.Set(ctx, tenant, name, value)
	if err != nil {
		return m, err
	}
	return m, o.done(ctx, p, crank.Admin{Tenant: tenant, Act: "secret.set", Object: name})
}

// SecretNames lists a tenant's secrets, never a value.
func (o Office) SecretNames(ctx context.Context, p crank.Principal, tenant string) ([]secrets.Meta, error) {
	tenant, err := o.Permit(ctx, p, "read.secrets", tenant, "")
	if err != nil {
		return nil, err
	}
	return o.h.Secrets.List(ctx, tenant)
}

// DeleteSecret forgets a secret.
func (o Office) DeleteSecret(ctx context.Context, p crank.Principal, tenant, name string) error {
	tenant, err := o.Permit(ctx, p, "admin.secret.delete", tenant, name)
	if err != nil {
		return err
	}
	if err := o.h.Secrets.Delete(ctx, tenant, name); err != nil {
		return err
	}
	return o.done(ctx, p, crank.Admin{Tenant: tenant, Act: "secret.delete", Object: name})
}

// PolicyStatus says which policy serves.
func (o Office) PolicyStatus(ctx context.Context, p crank.Principal) (any, error) {
	if _, err := o.Permit(ctx, p, "read.policy", "", ""); err != nil {
		return nil, err
	}
	return o.h.Policy.Status(), nil
}

// ReloadPolicy reads the policy's folder again: an operator's act. A bundle that
// does not load changes nothing.
func (o Office) ReloadPolicy(ctx context.Context, p crank.Principal) (any, error) {
	if _, err := o.Permit(ctx, p, "operate.policy.reload", "", ""); err != nil {
		return nil, err
	}
	if err := o.h.Policy.Reload(ctx); err != nil {
		return o.h.Policy.Status(), err
	}
	s := o.h.Policy.Status()
	return s, o.done(ctx, p, crank.Admin{Act: "policy.load", Object: s.Digest.String()})
}
