package tenancy

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/crank-platform/crank"
)

// Get implements Service.
func (d *Directory) Get(_ context.Context, tenant, id string) (Unit, error) {
	d.read.RLock()
	defer d.read.RUnlock()
	u, ok := d.units[id]
	if !ok || u.Tenant != tenant {
		return Unit{}, unknown(id)
	}
	return u, nil
}

// Tenants implements Service.
func (d *Directory) Tenants(context.Context) ([]Unit, error) {
	return d.collect(func(u Unit) bool { return u.Level == crank.LevelTenant }), nil
}

// List implements Service.
func (d *Directory) List(_ context.Context, tenant string) ([]Unit, error) {
	all := d.collect(func(u Unit) bool { return u.Tenant == tenant })
	if len(all) == 0 {
		return nil, unknown(tenant)
	}
	below := map[string][]Unit{} // by parent, still in order of name
	for _, u := range all {
		below[u.Parent()] = append(below[u.Parent()], u)
	}
	tree := make([]Unit, 0, len(all))
	tree = append(tree, below[""]...)
	for _, team := range below[tenant] {
		tree = append(append(tree, team), below[team.ID]...)
	}
	return tree, nil
}

// collect returns the units that fit, by name, then id.
func (d *Directory) collect(fits func(Unit) bool) []Unit {
	d.read.RLock()
	var all []Unit
	for _, u := range d.units {
		if fits(u) {
			all = append(all, u)
		}
	}
	d.read.RUnlock()
	slices.SortFunc(all, func(a, b Unit) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	return all
}

// Resolve implements Service.
func (d *Directory) Resolve(_ context.Context, tenant, path string) (crank.Payer, error) {
	d.read.RLock()
	defer d.read.RUnlock()
	if u := d.units[tenant]; u.Level != crank.LevelTenant || !u.Archived.IsZero() {
		return crank.Payer{}, unknown(tenant)
	}
	team, app, two := strings.Cut(path, "/")
	if two && (team == "" || app == "") {
		return crank.Payer{}, unknown(path)
	}
	return d.place(tenant, team, app)
}

// Place implements Service.
func (d *Directory) Place(_ context.Context, tenant, team, app string) (crank.Payer, error) {
	d.read.RLock()
	defer d.read.RUnlock()
	if app != "" && team == "" {
		return crank.Payer{}, unknown(app)
	}
	return d.place(tenant, team, app)
}

func (d *Directory) place(tenant, team, app string) (p crank.Payer, err error) {
	if p.Tenant, err = d.child("", tenant); err != nil || team == "" {
		return p, err
	}
	if p.Team, err = d.child(p.Tenant, team); err != nil {
		return crank.Payer{}, err
	}
	if app == "" {
		return p, nil
	}
	if p.App, err = d.child(p.Team, app); err != nil {
		return crank.Payer{}, err
	}
	return p, nil
}

// child returns the id of the live unit below parent that a name or an id means.
func (d *Directory) child(parent, s string) (string, error) {
	if id, ok := d.live[sibling{parent, s}]; ok {
		return id, nil
	}
	if u, ok := d.units[s]; ok && u.Parent() == parent && u.Archived.IsZero() {
		return u.ID, nil
	}
	return "", unknown(s)
}

// Check implements Service.
func (d *Directory) Check(p crank.Payer) (Settings, error) {
	d.read.RLock()
	defer d.read.RUnlock()
	tenant, err := d.usable(p.Tenant, "")
	if err != nil {
		return Settings{}, err
	}
	if p.Team != "" || p.App != "" {
		if _, err := d.usable(p.Team, p.Tenant); err != nil {
			return Settings{}, err
		}
	}
	if p.App != "" {
		if _, err := d.usable(p.App, p.Team); err != nil {
			return Settings{}, err
		}
	}
	return tenant.Settings, nil
}

func (d *Directory) usable(id, parent string) (Unit, error) {
	u, ok := d.units[id]
	switch {
	case !ok || u.Parent() != parent:
		return Unit{}, unknown(id)
	case !u.Archived.IsZero():
		return Unit{}, crank.E(crank.CodeDenied, "the %s %s is archived", u.Level, u.Name).
			Mending("Use another %s, or have this one restored.", u.Level)
	}
	return u, nil
}

// unknown is the one answer for what does not exist and for what is another's.
func unknown(id string) error {
	return crank.E(crank.CodeNotFound, "there is no tenant, team or app %q here", clip(id))
}
