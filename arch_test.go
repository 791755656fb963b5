package crank_test

import (
	"encoding/json"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// rooms draws the house, top floor first. A package stands in the first room
// that fits its path; of ours it may import what that room lists, and of the
// others nothing that the room shuns. "." is package crank, "./.." the folder
// around a package.
var rooms = []struct{ room, may, shun string }{
	{"cmd/crank-lab", "app app/* lab/* sdk/* kit/* .", ""},
	{"cmd/crank", "app app/* sdk/* deploy kit/* api/* .", ""},
	{"lab/*", "app app/* sdk/* kit/* .", ""},
	{"app", "app/* . kit/* api/* mesh/* harness gateway/* platform/* platform/*/* workers/all workers/exec workers/http format/*", ""},
	{"app/*", ". kit/*", ""},
	{"sdk/*", "api/* .", "database/sql"},
	{"gateway/*", "platform/* api/* kit/* .", "database/sql"},
	{"platform/*/*test", "./.. . kit/* api/*", ""},
	{"platform/*/*/*test", "./.. platform/* . kit/*", ""},
	{"platform/receipts/verify", "./.. . kit/*", "database/sql net/http"},
	{"platform/*/*", "./.. . kit/* api/*", ""},
	{"platform/*", ". kit/*", "net/http database/sql connectrpc.com/connect"},
	{"mesh/*", ". kit/*", ""},
	{"harness/*test", "harness . kit/*", ""},
	{"harness", ". kit/*", "net/http"},
	{"workers/all", "workers/* .", ""},
	{"workers/*", ". kit/* api/* format/* format/*/*", ""},
	{"format/mail", "kit/* format/doc format/doc/*", ""},
	{"format/mail/*", "kit/* ./.. format/doc format/doc/*", ""},
	{"format/doc", "kit/*", ""},
	{"format/doc/*", "kit/* ./.. format/doc/* format/doc/internal/*", ""},
	{"format/*/internal/*", "kit/* format/doc", ""},
	{"api/*", ". kit/* api/status", ""},
	{"docs", ". kit/*", ""},
	{"docs/*", ". api/* app/* gateway/* kit/* cmd/*", ""},
	{"kit/*", "kit/*", ""},
	{"kit/*/*", "kit/* ./..", ""},
	{"examples/*", "sdk/* .", ""},
	{".", "", "net/http database/sql"},
}

func TestArrowsPointDown(t *testing.T) {
	for pkg, imports := range packages(t) {
		i := slices.IndexFunc(rooms, func(r struct{ room, may, shun string }) bool { return fits(r.room, pkg) })
		if i < 0 {
			t.Errorf("%s stands in no room: give it one in this test", pkg)
			continue
		}
		for _, to := range imports {
			local, ours := strings.CutPrefix(to, "/")
			allowed := slices.ContainsFunc(strings.Fields(rooms[i].may), func(p string) bool {
				return fits(p, local) || p == "./.." && local == path.Dir(pkg)
			})
			switch {
			case ours && !allowed:
				t.Errorf("%s imports %s: room %q may import only %q", pkg, local, rooms[i].room, rooms[i].may)
			case !ours && slices.Contains(strings.Fields(rooms[i].shun), to):
				t.Errorf("%s imports %s: room %q shuns it", pkg, to, rooms[i].room)
			}
		}
	}
}

func TestPackageCrankImportsOnlyTheStandardLibrary(t *testing.T) {
	for _, to := range packages(t)["."] {
		if strings.Contains(strings.Split(to, "/")[0], ".") {
			t.Errorf("package crank imports %s", to)
		}
	}
}

// packages returns the direct imports of each package of the module by its path
// below the module's root; ours have a "/" in front.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,Module", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p struct {
			ImportPath string
			Imports    []string
			Module     struct{ Path string }
		}
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		local := func(s string) string {
			if s == p.Module.Path {
				return "/."
			}
			if rest, ok := strings.CutPrefix(s, p.Module.Path+"/"); ok {
				return "/" + rest
			}
			return s
		}
		pkg := strings.TrimPrefix(local(p.ImportPath), "/")
		all[pkg] = []string{}
		for _, to := range p.Imports {
			all[pkg] = append(all[pkg], local(to))
		}
	}
	return all
}

func fits(pattern, p string) bool {
	ok, _ := path.Match(pattern, p)
	return ok
}
