package auth

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
)

// MaxOverlap is how long the secret before may serve after a rotation.
const MaxOverlap = 90 * 24 * time.Hour

// LabelAllow is the label under which a principal carries its key's globs of
// allowed capabilities, separated by spaces. No key or token can set a label
// that begins with "crank.".
const LabelAllow = ReservedLabels + "allow"

// ReservedLabels is the beginning of labels that only Crank itself sets.
const ReservedLabels = "crank."

var roles = []string{crank.RoleOperator, crank.RoleAdmin, crank.RoleAuditor, crank.RoleCaller}

// parse checks a spec, reports all its faults at once and returns it tidied: a
// copy that shares nothing, roles sorted and once each.
func parse(s KeySpec, now time.Time) (KeySpec, error) {
	var faults []crank.Fault
	fault := func(path, format string, args ...any) {
		faults = append(faults, crank.Fault{Path: path, Reason: fmt.Sprintf(format, args...)})
	}
	if !printable(s.Name, 100) || s.Name == "" {
		fault("name", "not 1 to 100 bytes of printable text")
	}
	for _, p := range []struct{ path, id, below string }{{"tenant", s.Tenant, s.Team}, {"team", s.Team, s.App}, {"app", s.App, ""}} {
		switch {
		case p.id == "" && p.below != "":
			fault(p.path, "missing, though the level below it is given")
		case p.id != "" && !ids.Valid(p.path, p.id):
			fault(p.path, "not an id of a %s", p.path)
		}
	}
	if len(s.Roles) == 0 {
		fault("roles", "none given")
	}
	for _, r := range s.Roles {
		if !slices.Contains(roles, r) {
			fault("roles", "not one of %s", strings.Join(roles, ", "))
		}
		if r != crank.RoleOperator && s.Tenant == "" {
			fault("tenant", "missing: only a key with no role but %s belongs to no tenant", crank.RoleOperator)
		}
	}
	if !s.Expires.IsZero() && !s.Expires.After(now) {
		fault("expires", "not in the future")
	}
	if err := CheckLabels(s.Labels); err != nil {
		fault("labels", "%s", err)
	}
	if len(s.Allow) > 64 {
		fault("allow", "more than 64 globs")
	}
	for _, g := range s.Allow {
		if !validGlob(g) {
			fault("allow", "not a capability in which * stands for a run of letters, such as document/* or document/convert@1")
		}
	}
	if len(faults) > 0 {
		return KeySpec{}, crank.E(crank.CodeInvalidInput, "no key can be made of this").With(faults...).Mending("Correct the named fields.")
	}
	s.Roles = slices.Compact(slices.Sorted(slices.Values(s.Roles)))
	s.Allow = slices.Clone(s.Allow)
	s.Labels = cloneLabels(s.Labels)
	s.Expires = micro(s.Expires)
	return s, nil
}

// CheckLabels says what is wrong with labels from outside: at most 16, names of
// 1 to 64 and values of 0 to 256 printable bytes, no reserved name.
func CheckLabels(labels map[string]string) error {
	if len(labels) > 16 {
		return fmt.Errorf("more than 16")
	}
	for k, v := range labels {
		switch {
		case k == "" || !printable(k, 64) || !printable(v, 256):
			return fmt.Errorf("a name is not 1 to 64, or a value not 0 to 256 bytes of printable text")
		case strings.HasPrefix(k, ReservedLabels):
			return fmt.Errorf("names beginning with %q are Crank's own", ReservedLabels)
		}
	}
	return nil
}

func printable(s string, most int) bool {
	return len(s) <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

func validGlob(g string) bool {
	if g == "*" {
		return true
	}
	_, err := crank.ParseCapability(strings.ReplaceAll(strings.ReplaceAll(g, "@*", ""), "*", "x"))
	return err == nil
}

// Allowed returns CodeDenied if the principal's key is confined to capabilities
// that c is not among. A glob without a major allows every major. It needs no
// store: the globs travel with the principal.
func Allowed(p crank.Principal, c crank.Capability) error {
	globs := p.Labels[LabelAllow]
	if globs == "" {
		return nil
	}
	for g := range strings.SplitSeq(globs, " ") {
		subject := c.Name()
		if strings.Contains(g, "@") {
			subject = string(c)
		}
		if ok, err := path.Match(g, subject); ok && err == nil || g == "*" {
			return nil
		}
	}
	return crank.E(crank.CodeDenied, "this key is confined to %s; %s is not among them", globs, c).
		Mending("Use another key, or have one made that allows it: `crank keys create --allow`.")
}

// Require returns CodeRoleMissing, naming them, unless p holds one of the roles.
// An operator holds every role.
func Require(p crank.Principal, roles ...string) error {
	if p.Has(crank.RoleOperator) || p.Has(roles...) {
		return nil
	}
	return crank.E(crank.CodeRoleMissing, "this needs the role %s", strings.Join(roles, " or "))
}

// MayGrant returns nil if p may create, rotate or revoke a key of this spec: an
// operator any, a tenant's admin those of its own tenant that are no operator's.
// Another tenant is answered with CodeNotFound.
func MayGrant(p crank.Principal, s KeySpec) error {
	if p.Has(crank.RoleOperator) {
		return nil
	}
	if err := Require(p, crank.RoleAdmin); err != nil {
		return err
	}
	if p.Tenant == "" || p.Tenant != s.Tenant {
		return crank.E(crank.CodeNotFound, "there is no such tenant here")
	}
	if slices.Contains(s.Roles, crank.RoleOperator) {
		return Require(p, crank.RoleOperator)
	}
	return nil
}
