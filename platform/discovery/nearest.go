package discovery

import (
	"cmp"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"

	"github.com/crank-platform/crank"
)

// longestName bounds how much of a foreign name is compared, in bytes: more
// than any capability's name has.
const longestName = 200

// Nearest returns at most n capabilities whose names look like name, the
// nearest first, for "did you mean". A name looks like another when a third of
// its letters or fewer differ, or when the families or the verbs are the same.
func (s *Snapshot) Nearest(name string, n int) []crank.Capability {
	wanted, _, _ := strings.Cut(strings.ToLower(name), "@")
	if len(wanted) > longestName {
		wanted = wanted[:longestName]
	}
	type near struct {
		c        crank.Capability
		distance int
	}
	var all []near
	for known, c := range s.newest {
		d := levenshtein.ComputeDistance(wanted, known)
		if d <= max(2, len(known)/3) || related(wanted, known) {
			all = append(all, near{c, d})
		}
	}
	slices.SortFunc(all, func(a, b near) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.c, b.c))
	})
	found := make([]crank.Capability, 0, min(n, len(all)))
	for _, a := range all[:min(n, len(all))] {
		found = append(found, a.c)
	}
	return found
}

// related reports whether a word of name, a family or a verb, stands in known.
func related(name, known string) bool {
	family, verb, _ := strings.Cut(known, "/")
	wantFamily, wantVerb, _ := strings.Cut(name, "/")
	return wantFamily == family || wantFamily == verb || wantVerb != "" && wantVerb == verb
}
