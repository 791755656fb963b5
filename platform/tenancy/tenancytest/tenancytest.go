// Package tenancytest is the conformance suite of package tenancy: every body of
// its Store, and every body of its Service, passes it.
package tenancytest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
	"github.com/crank-platform/crank/platform/tenancy"
)

// Body begins an empty house and returns how to open a Service on it. Each
// further opening is a restart: the one before is not used again.
type Body func(t testing.TB) (open func() tenancy.Service)

// Run runs the suite.
func Run(t *testing.T, body Body) {
	t.Run("NamesAreUniqueAmongLiveSiblingsOnly", func(t *testing.T) { names(t, body(t)()) })
	t.Run("WhatIsAcknowledgedSurvivesARestart", func(t *testing.T) { restart(t, body(t)) })
	t.Run("AnArchivedUnitStopsAllBelowItAndCanBeRestored", func(t *testing.T) { archive(t, body(t)()) })
	t.Run("APathIsFoundByNamesAndIDs", func(t *testing.T) { paths(t, body(t)()) })
	t.Run("BadNamesAreRefused", func(t *testing.T) { badNames(t, body(t)()) })
	t.Run("TwoTenantsWithEqualNamesNeverSeeEachOther", func(t *testing.T) { isolation(t, body) })
	t.Run("ARaceForOneNameHasOneWinner", func(t *testing.T) { race(t, body(t)()) })
}

type house struct {
	testing.TB
	tenancy.Service
}

func (h house) tenant(name string) tenancy.Unit {
	h.Helper()
	u, err := h.CreateTenant(h.Context(), name, tenancy.Settings{Region: "eu"})
	return must(h, u, err)
}

func (h house) team(tenant, name string) tenancy.Unit {
	h.Helper()
	u, err := h.CreateTeam(h.Context(), tenant, name)
	return must(h, u, err)
}

func (h house) app(tenant, team, name string) tenancy.Unit {
	h.Helper()
	u, err := h.CreateApp(h.Context(), tenant, team, name)
	return must(h, u, err)
}

func must[T any](t testing.TB, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func wants(t testing.TB, err error, code crank.Code) {
	t.Helper()
	if !errors.Is(err, crank.E(code, "")) {
		t.Errorf("got %v, want %s", err, code)
	}
}

func names(t *testing.T, s tenancy.Service) {
	h := house{t, s}
	a, b := h.tenant("acme"), h.tenant("zeta")
	for _, tenant := range []tenancy.Unit{a, b} {
		for _, team := range []string{"data", "web"} {
			h.app(tenant.ID, h.team(tenant.ID, team).ID, "data")
		}
	}
	_, err := s.CreateTenant(t.Context(), "acme", tenancy.Settings{})
	wants(t, err, crank.CodeExists)
	_, err = s.CreateTeam(t.Context(), a.ID, "data")
	wants(t, err, crank.CodeExists)
	_, err = s.Rename(t.Context(), b.ID, b.ID, "acme")
	wants(t, err, crank.CodeExists)
	renamed, err := s.Rename(t.Context(), b.ID, b.ID, "beta")
	if must(t, renamed, err); renamed.ID != b.ID || renamed.Name != "beta" {
		t.Errorf("renamed to %+v", renamed)
	}
	h.tenant("zeta") // the name is free again
	all, err := s.List(t.Context(), a.ID)
	must(t, all, err)
	var got []string
	for _, u := range all {
		got = append(got, string(u.Level)+" "+u.Name)
	}
	want := []string{"tenant acme", "team data", "app data", "team web", "app data"}
	if !slices.Equal(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
}

func restart(t *testing.T, open func() tenancy.Service) {
	h := house{t, open()}
	a := h.tenant("acme")
	team := h.team(a.ID, "data")
	app := h.app(a.ID, team.ID, "etl")
	must(t, a, second(h.Configure(t.Context(), a.ID, tenancy.Settings{Observe: true, Region: "us-east"})))
	must(t, a, second(h.Rename(t.Context(), a.ID, app.ID, "load")))
	must(t, a, second(h.Archive(t.Context(), a.ID, h.team(a.ID, "old").ID)))
	before := must(t, first(h.List(t.Context(), a.ID)), nil)

	again := open()
	after, err := again.List(t.Context(), a.ID)
	if must(t, after, err); !slices.Equal(before, after) {
		t.Errorf("before %+v\nafter  %+v", before, after)
	}
	set, err := again.Check(crank.Payer{Tenant: a.ID, Team: team.ID, App: app.ID})
	if must(t, set, err); set != (tenancy.Settings{Observe: true, Region: "us-east"}) {
		t.Errorf("settings after a restart: %+v", set)
	}
	_, err = again.CreateTeam(t.Context(), a.ID, "data")
	wants(t, err, crank.CodeExists)
}

func first[T any](v T, _ error) T        { return v }
func second[T any](_ T, err error) error { return err }

func archive(t *testing.T, s tenancy.Service) {
	h := house{t, s}
	a := h.tenant("acme")
	team := h.team(a.ID, "data")
	app := h.app(a.ID, team.ID, "etl")
	whole := crank.Payer{Tenant: a.ID, Team: team.ID, App: app.ID}
	for _, u := range []tenancy.Unit{a, team, app} {
		must(t, u, second(s.Check(whole)))
		gone, err := s.Archive(t.Context(), a.ID, u.ID)
		if must(t, gone, err); gone.Archived.IsZero() {
			t.Errorf("%s is archived at no time", u.Level)
		}
		twice, err := s.Archive(t.Context(), a.ID, u.ID)
		if must(t, twice, err); !twice.Archived.Equal(gone.Archived) {
			t.Errorf("a second archiving moved the time")
		}
		wants(t, second(s.Check(whole)), crank.CodeDenied)
		wants(t, second(s.Resolve(t.Context(), a.ID, "data/etl")), crank.CodeNotFound)
		if got, err := s.Get(t.Context(), a.ID, u.ID); err != nil || got != gone {
			t.Errorf("an archived %s reads %+v, %v", u.Level, got, err)
		}
		must(t, u, second(s.Restore(t.Context(), a.ID, u.ID)))
	}
	must(t, team, second(s.Archive(t.Context(), a.ID, team.ID)))
	_, err := s.CreateApp(t.Context(), a.ID, team.ID, "more")
	wants(t, err, crank.CodeDenied)
	h.team(a.ID, "data") // its name is free
	_, err = s.Restore(t.Context(), a.ID, team.ID)
	wants(t, err, crank.CodeExists)
}

func paths(t *testing.T, s tenancy.Service) {
	h := house{t, s}
	a := h.tenant("acme")
	team := h.team(a.ID, "data")
	app := h.app(a.ID, team.ID, "etl")
	inTeam, whole := crank.Payer{Tenant: a.ID, Team: team.ID}, crank.Payer{Tenant: a.ID, Team: team.ID, App: app.ID}
	for path, want := range map[string]crank.Payer{
		"": {Tenant: a.ID}, "data": inTeam, team.ID: inTeam,
		"data/etl": whole, team.ID + "/etl": whole, "data/" + app.ID: whole,
	} {
		if got, err := s.Resolve(t.Context(), a.ID, path); err != nil || got != want {
			t.Errorf("%q leads to %+v, %v", path, got, err)
		}
	}
	for _, path := range []string{"/", "data/", "/etl", "etl", app.ID, a.ID, "data/etl/x", "nobody", "data/nobody"} {
		if got, err := s.Resolve(t.Context(), a.ID, path); err == nil {
			t.Errorf("%q leads to %+v", path, got)
		} else {
			wants(t, err, crank.CodeNotFound)
		}
	}
	if got, err := s.Place(t.Context(), "acme", "data", app.ID); err != nil || got != whole {
		t.Errorf("placed at %+v, %v", got, err)
	}
	wants(t, second(s.Place(t.Context(), "acme", "", "etl")), crank.CodeNotFound)
	wants(t, second(s.Resolve(t.Context(), "acme", "data")), crank.CodeNotFound) // a tenant's name is no id
	wants(t, second(s.Check(crank.Payer{Tenant: a.ID, App: app.ID})), crank.CodeNotFound)
	wants(t, second(s.Check(crank.Payer{})), crank.CodeNotFound)
}

func badNames(t *testing.T, s tenancy.Service) {
	a := house{t, s}.tenant("acme")
	for _, name := range []string{"", "A", "a b", "-a", ".", "a/b", "ä", "a\x00", strings.Repeat("a", 64), a.ID, ids.New("team"), ids.New("app")} {
		_, err := s.CreateTenant(t.Context(), name, tenancy.Settings{})
		wants(t, err, crank.CodeInvalidInput)
		_, err = s.Rename(t.Context(), a.ID, a.ID, name)
		wants(t, err, crank.CodeInvalidInput)
	}
	for _, region := range []string{"EU", "eu west", strings.Repeat("e", 64)} {
		_, err := s.Configure(t.Context(), a.ID, tenancy.Settings{Region: region})
		wants(t, err, crank.CodeInvalidInput)
	}
}
