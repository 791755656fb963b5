package rest

import (
	"io"
	"net/http"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/auth"
	"github.com/crank-platform/crank/platform/ledger"
	"github.com/crank-platform/crank/platform/tenancy"
)

// list answers a list under its name; none is an empty one.
func list[T any](r *request, name string, all []T, err error) error {
	if err != nil {
		return err
	}
	if all == nil {
		all = []T{}
	}
	return r.json(http.StatusOK, map[string]any{name: all})
}

// one answers a single thing.
func one[T any](r *request, status int, v T, err error) error {
	if err != nil {
		return err
	}
	return r.json(status, v)
}

func (d *door) whoami(r *request) error { return r.json(http.StatusOK, r.principal) }

func (d *door) listTenants(r *request) error {
	all, err := d.Office.Tenants(r.Context(), r.principal)
	return list(r, "tenants", all, err)
}

func (d *door) createTenant(r *request) error {
	var in struct {
		Name     string           `json:"name"`
		Settings tenancy.Settings `json:"settings"`
	}
	if err := r.read(&in); err != nil {
		return err
	}
	u, err := d.Office.CreateTenant(r.Context(), r.principal, in.Name, in.Settings)
	return one(r, http.StatusCreated, u, err)
}

func (d *door) configureTenant(r *request) error {
	var in tenancy.Settings
	if err := r.read(&in); err != nil {
		return err
	}
	u, err := d.Office.Configure(r.Context(), r.principal, r.PathValue("tenant"), in)
	return one(r, http.StatusOK, u, err)
}

func (d *door) listUnits(r *request) error {
	all, err := d.Office.Units(r.Context(), r.principal, r.PathValue("tenant"))
	return list(r, "units", all, err)
}

func (d *door) createUnit(r *request) error {
	var in struct {
		Name string `json:"name"`
		Team string `json:"team"` // name or id; empty makes a team
	}
	if err := r.read(&in); err != nil {
		return err
	}
	u, err := d.Office.CreateUnit(r.Context(), r.principal, r.PathValue("tenant"), in.Team, in.Name)
	return one(r, http.StatusCreated, u, err)
}

func (d *door) archiveUnit(r *request) error {
	u, err := d.Office.ArchiveUnit(r.Context(), r.principal, r.PathValue("tenant"), r.PathValue("id"))
	return one(r, http.StatusOK, u, err)
}

// issued is a key with its secret, which is never shown again.
type issued struct {
	auth.Key
	Secret string `json:"secret"`
}

func (d *door) listKeys(r *request) error {
	all, err := d.Office.Keys(r.Context(), r.principal, r.URL.Query().Get("tenant"))
	return list(r, "keys", all, err)
}

func (d *door) createKey(r *request) error {
	var spec auth.KeySpec
	if err := r.read(&spec); err != nil {
		return err
	}
	key, secret, err := d.Office.CreateKey(r.Context(), r.principal, spec)
	return one(r, http.StatusCreated, issued{key, secret}, err)
}

func (d *door) rotateKey(r *request) error {
	var in struct {
		Tenant  string `json:"tenant"`
		Overlap string `json:"overlap"` // a duration such as "24h"; empty means none
	}
	if err := r.read(&in); err != nil {
		return err
	}
	var overlap time.Duration
	if in.Overlap != "" {
		var err error
		if overlap, err = time.ParseDuration(in.Overlap); err != nil {
			return crank.E(crank.CodeConstraint, "overlap is %.40q, not a duration such as 24h", in.Overlap)
		}
	}
	key, secret, err := d.Office.RotateKey(r.Context(), r.principal, in.Tenant, r.PathValue("id"), overlap)
	return one(r, http.StatusOK, issued{key, secret}, err)
}

func (d *door) revokeKey(r *request) error {
	key, err := d.Office.RevokeKey(r.Context(), r.principal, r.URL.Query().Get("tenant"), r.PathValue("id"))
	return one(r, http.StatusOK, key, err)
}

func (d *door) listBudgets(r *request) error {
	all, err := d.Office.Budgets(r.Context(), r.principal, r.URL.Query().Get("tenant"))
	return list(r, "budgets", all, err)
}

func (d *door) setBudget(r *request) error {
	var b crank.Budget
	if err := r.read(&b); err != nil {
		return err
	}
	b, err := d.Office.SetBudget(r.Context(), r.principal, b)
	return one(r, http.StatusOK, b, err)
}

func (d *door) listBalances(r *request) error {
	all, err := d.Office.Balances(r.Context(), r.principal, r.URL.Query().Get("tenant"))
	return list[ledger.Balance](r, "balances", all, err)
}

func (d *door) deposit(r *request) error {
	var in struct {
		Tenant string      `json:"tenant"`
		Amount crank.Money `json:"amount"`
		Why    string      `json:"why"`
	}
	if err := r.read(&in); err != nil {
		return err
	}
	t, err := d.Office.Deposit(r.Context(), r.principal, in.Tenant, in.Amount, in.Why)
	return one(r, http.StatusCreated, t, err)
}

func (d *door) listSecrets(r *request) error {
	all, err := d.Office.SecretNames(r.Context(), r.principal, r.URL.Query().Get("tenant"))
	return list(r, "secrets", all, err)
}

func (d *door) setSecret(r *request) error {
	value, err := io.ReadAll(http.MaxBytesReader(r.w, r.Body, maxDocument))
	if err != nil {
		return tooLarge(err)
	}
	m, err := d.Office.SetSecret(r.Context(), r.principal, r.URL.Query().Get("tenant"), r.PathValue("name"), value)
	return one(r, http.StatusOK, m, err)
}

func (d *door) deleteSecret(r *request) error {
	if err := d.Office.DeleteSecret(r.Context(), r.principal, r.URL.Query().Get("tenant"), r.PathValue("name")); err != nil {
		return err
	}
	r.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (d *door) policyStatus(r *request) error {
	s, err := d.Office.PolicyStatus(r.Context(), r.principal)
	return one(r, http.StatusOK, s, err)
}

func (d *door) policyReload(r *request) error {
	s, err := d.Office.ReloadPolicy(r.Context(), r.principal)
	return one(r, http.StatusOK, s, err)
}
