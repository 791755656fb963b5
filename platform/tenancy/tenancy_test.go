package tenancy_test

import (
	"strings"
	"testing"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/tenancy"
	"github.com/crank-platform/crank/platform/tenancy/memory"
)

func FuzzAnAcceptedNameIsOnePathElement(f *testing.F) {
	for _, s := range []string{"", "acme", "a/b", "tenant_0197f1c2a3b4c5d6e7f8a9b0c1d2e3f4", "Ä", "a.b-c_d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := tenancy.ParseName(s)
		if err == nil && (name != s || s == "" || len(s) > 63 || strings.ContainsAny(s, "/ \x00") || strings.ToLower(s) != s) {
			t.Errorf("%q is accepted as %q", s, name)
		}
		if err != nil && crank.KindOf(err) != crank.KindInvalid {
			t.Errorf("%q is refused with %v", s, err)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	d, err := tenancy.New(b.Context(), tenancy.Config{Store: &memory.Store{}})
	if err != nil {
		b.Fatal(err)
	}
	u, _ := d.CreateTenant(b.Context(), "acme", tenancy.Settings{})
	team, _ := d.CreateTeam(b.Context(), u.ID, "data")
	app, err := d.CreateApp(b.Context(), u.ID, team.ID, "etl")
	if err != nil {
		b.Fatal(err)
	}
	p := crank.Payer{Tenant: u.ID, Team: team.ID, App: app.ID}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := d.Check(p); err != nil {
				b.Fatal(err)
			}
		}
	})
}
