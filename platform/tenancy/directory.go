package tenancy

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
)

// Config is what a Directory needs.
type Config struct {
	Store Store
	Now   func() time.Time // nil means time.Now
}

// Directory is the Service in this process: every unit in memory, every change
// in the store before it is told.
type Directory struct {
	store Store
	now   func() time.Time

	change sync.Mutex   // held through a change, the store's fsync included
	read   sync.RWMutex // guards the maps, held for moments
	units  map[string]Unit
	live   map[sibling]string // ids of live units
}

// sibling is a name's place.
type sibling struct{ parent, name string }

var _ Service = (*Directory)(nil)

// New reads the store into memory. CodeStore when it cannot be read.
func New(ctx context.Context, c Config) (*Directory, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	all, err := c.Store.All(ctx)
	if err != nil {
		return nil, crank.Wrap(crank.CodeStore, err, "the tenants cannot be read")
	}
	d := &Directory{store: c.Store, now: c.Now, units: make(map[string]Unit, len(all)), live: make(map[sibling]string, len(all))}
	for _, u := range all {
		d.keep(u)
	}
	return d, nil
}

// CreateTenant implements Service.
func (d *Directory) CreateTenant(ctx context.Context, name string, s Settings) (Unit, error) {
	if err := parseSettings(s); err != nil {
		return Unit{}, err
	}
	id := ids.New("tenant")
	return d.create(ctx, Unit{ID: id, Level: crank.LevelTenant, Tenant: id, Name: name, Settings: s})
}

// CreateTeam implements Service.
func (d *Directory) CreateTeam(ctx context.Context, tenant, name string) (Unit, error) {
	return d.create(ctx, Unit{ID: ids.New("team"), Level: crank.LevelTeam, Tenant: tenant, Name: name})
}

// CreateApp implements Service.
func (d *Directory) CreateApp(ctx context.Context, tenant, team, name string) (Unit, error) {
	return d.create(ctx, Unit{ID: ids.New("app"), Level: crank.LevelApp, Tenant: tenant, Team: team, Name: name})
}

func (d *Directory) create(ctx context.Context, u Unit) (Unit, error) {
	if _, err := ParseName(u.Name); err != nil {
		return Unit{}, err
	}
	d.change.Lock()
	defer d.change.Unlock()
	if u.Level != crank.LevelTenant {
		above := crank.Payer{Tenant: u.Tenant, Team: u.Team}
		if _, err := d.Check(above); err != nil {
			return Unit{}, err
		}
	}
	u.Created = d.stamp()
	return d.put(ctx, u)
}

// Rename implements Service.
func (d *Directory) Rename(ctx context.Context, tenant, id, name string) (Unit, error) {
	if _, err := ParseName(name); err != nil {
		return Unit{}, err
	}
	return d.edit(ctx, tenant, id, func(u *Unit) { u.Name = name })
}

// Configure implements Service.
func (d *Directory) Configure(ctx context.Context, tenant string, s Settings) (Unit, error) {
	if err := parseSettings(s); err != nil {
		return Unit{}, err
	}
	return d.edit(ctx, tenant, tenant, func(u *Unit) { u.Settings = s })
}

// Archive implements Service.
func (d *Directory) Archive(ctx context.Context, tenant, id string) (Unit, error) {
	return d.edit(ctx, tenant, id, func(u *Unit) {
		if u.Archived.IsZero() {
			u.Archived = d.stamp()
		}
	})
}

// Restore implements Service.
func (d *Directory) Restore(ctx context.Context, tenant, id string) (Unit, error) {
	return d.edit(ctx, tenant, id, func(u *Unit) { u.Archived = time.Time{} })
}

func (d *Directory) edit(ctx context.Context, tenant, id string, change func(*Unit)) (Unit, error) {
	d.change.Lock()
	defer d.change.Unlock()
	was, err := d.Get(ctx, tenant, id)
	if err != nil {
		return Unit{}, err
	}
	u := was
	if change(&u); u == was {
		return u, nil
	}
	return d.put(ctx, u)
}

// put makes u durable, then visible. The caller holds d.change.
func (d *Directory) put(ctx context.Context, u Unit) (Unit, error) {
	err := d.store.Put(context.WithoutCancel(ctx), u) // not stopped halfway: memory and store agree
	switch {
	case errors.Is(err, ErrNameTaken):
		return Unit{}, crank.E(crank.CodeExists, "there is a %s named %q already", u.Level, u.Name)
	case err != nil:
		return Unit{}, crank.Wrap(crank.CodeStore, err, "the %s could not be kept", u.Level)
	}
	d.read.Lock()
	defer d.read.Unlock()
	d.keep(u)
	return u, nil
}

// keep makes u visible in memory in the place of what stood under its id.
func (d *Directory) keep(u Unit) {
	if was, ok := d.units[u.ID]; ok && was.Archived.IsZero() {
		delete(d.live, sibling{was.Parent(), was.Name})
	}
	d.units[u.ID] = u
	if u.Archived.IsZero() {
		d.live[sibling{u.Parent(), u.Name}] = u.ID
	}
}

func (d *Directory) stamp() time.Time { return d.now().UTC().Truncate(time.Microsecond) }
