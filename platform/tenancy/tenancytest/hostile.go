package tenancytest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
	"github.com/crank-platform/crank/platform/tenancy"
)

// isolation builds two tenants with equal names for everything and tries every
// method on every id of the other: the answer must be that for an unknown id.
func isolation(t *testing.T, body Body) {
	rapid.Check(t, func(r *rapid.T) {
		s := body(t)()
		h := house{t, s}
		type side struct {
			root tenancy.Unit
			all  []tenancy.Unit
		}
		shape := rapid.SliceOfN(rapid.IntRange(0, 2), 1, 3).Draw(r, "apps of each team")
		var sides []side
		for i := range 2 {
			root := h.tenant(fmt.Sprintf("tenant-%d", i))
			for n, apps := range shape {
				team := h.team(root.ID, fmt.Sprintf("team-%d", n))
				for a := range apps {
					h.app(root.ID, team.ID, fmt.Sprintf("app-%d", a))
				}
			}
			all, err := s.List(t.Context(), root.ID)
			sides = append(sides, side{root, must(t, all, err)})
		}
		me, other := sides[0], sides[1]
		mine := rapid.SampledFrom(me.all).Draw(r, "mine")
		theirs := rapid.SampledFrom(other.all).Draw(r, "theirs")
		for _, u := range me.all {
			if u.Tenant != me.root.ID {
				r.Fatalf("%+v is listed with %s", u, me.root.ID)
			}
		}
		for name, try := range map[string]func(id string) error{
			"Get":       func(id string) error { return second(s.Get(t.Context(), me.root.ID, id)) },
			"Rename":    func(id string) error { return second(s.Rename(t.Context(), me.root.ID, id, "stolen")) },
			"Archive":   func(id string) error { return second(s.Archive(t.Context(), me.root.ID, id)) },
			"Restore":   func(id string) error { return second(s.Restore(t.Context(), me.root.ID, id)) },
			"CreateApp": func(id string) error { return second(s.CreateApp(t.Context(), me.root.ID, id, "new")) },
			"Resolve":   func(id string) error { return second(s.Resolve(t.Context(), me.root.ID, id)) },
			"Check":     func(id string) error { return second(s.Check(crank.Payer{Tenant: me.root.ID, Team: id})) },
			"App":       func(id string) error { return second(s.Resolve(t.Context(), me.root.ID, "team-0/"+id)) },
		} {
			nobody := ids.New(string(theirs.Level))
			got, want := crank.AsError(try(theirs.ID)), crank.AsError(try(nobody))
			if got == nil || want == nil || got.Code != crank.CodeNotFound || strings.ReplaceAll(got.Error(), theirs.ID, nobody) != want.Error() {
				r.Fatalf("%s of the other's %s says %v; of nobody's %v", name, theirs.Level, got, want)
			}
		}
		if got, err := s.Get(t.Context(), me.root.ID, mine.ID); err != nil || got != mine {
			r.Fatalf("my own %+v reads %+v, %v", mine, got, err)
		}
		if after, err := s.List(t.Context(), other.root.ID); err != nil || !slices.Equal(after, other.all) {
			r.Fatalf("the other's house changed: %+v, %v", after, err)
		}
	})
}

func race(t *testing.T, s tenancy.Service) {
	a := house{t, s}.tenant("acme")
	var wins, reads sync.WaitGroup
	won := make(chan string, 16)
	done := make(chan struct{})
	reads.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if _, err := s.Check(crank.Payer{Tenant: a.ID}); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for range 16 {
		wins.Go(func() {
			u, err := s.CreateTeam(t.Context(), a.ID, "data")
			if err == nil {
				won <- u.ID
			} else {
				wants(t, err, crank.CodeExists)
			}
		})
	}
	wins.Wait()
	close(done)
	reads.Wait()
	if len(won) != 1 {
		t.Fatalf("%d made a team of one name", len(won))
	}
	if got, err := s.Resolve(t.Context(), a.ID, "data"); err != nil || got.Team != <-won {
		t.Errorf("the name leads to %+v, %v", got, err)
	}
}
