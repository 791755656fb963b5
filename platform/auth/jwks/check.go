package jwks

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
	"github.com/crank-platform/crank/platform/auth"
)

var roles = []string{crank.RoleOperator, crank.RoleAdmin, crank.RoleAuditor, crank.RoleCaller}

// check returns all that is wrong with a configuration.
func check(c Config) (faults []crank.Fault) {
	seen := map[string]bool{}
	for n, i := range c.Issuers {
		fault := func(key, format string, args ...any) {
			faults = append(faults, crank.Fault{Path: fmt.Sprintf("issuers/%d/%s", n, key), Reason: fmt.Sprintf(format, args...)})
		}
		if i.Issuer == "" || seen[i.Issuer] {
			fault("issuer", "missing, or given twice")
		}
		seen[i.Issuer] = true
		if len(i.Audience) == 0 || slices.Contains(i.Audience, "") {
			fault("audience", "missing: a token for somebody else would be taken")
		}
		if len(i.Algorithms) == 0 {
			fault("algorithms", "missing: name what the issuer signs with")
		}
		for _, a := range i.Algorithms {
			if !slices.Contains(Algorithms(), a) {
				fault("algorithms", "%.20q is not one of %s", a, strings.Join(Algorithms(), " "))
			}
		}
		switch {
		case (i.KeysURL == "") == (i.KeysFile == ""):
			fault("keys_url", "exactly one of keys_url and keys_file is needed")
		case i.KeysURL != "":
			if err := checkURL(i.KeysURL); err != nil {
				fault("keys_url", "%s", err)
			}
		}
		if i.Leeway < 0 || i.Leeway > 5*time.Minute {
			fault("leeway", "not between 0 and 5m")
		}
		if i.MaxAge < 0 {
			fault("max_age", "negative")
		}
		i.Claims.check(fault, c.Places != nil)
	}
	return faults
}

func (m Mapping) check(fault func(key, format string, args ...any), names bool) {
	switch {
	case (m.Tenant == "") == (m.FixedTenant == ""):
		fault("claims/tenant", "exactly one of tenant and fixed_tenant is needed")
	case m.FixedTenant != "" && !names && !ids.Valid("tenant", m.FixedTenant):
		fault("claims/fixed_tenant", "not an id of a tenant")
	}
	if m.App != "" && m.Team == "" {
		fault("claims/team", "missing, though app is given")
	}
	for _, r := range m.Default {
		if !slices.Contains(roles, r) {
			fault("claims/default", "not one of %s", strings.Join(roles, " "))
		}
		if r == crank.RoleOperator {
			fault("claims/default", "a token is never an operator's by default")
		}
	}
	for word, r := range m.RoleNames {
		if word == "" || !slices.Contains(roles, r) {
			fault("claims/role_names", "%.40q does not become one of %s", word, strings.Join(roles, " "))
		}
	}
	if err := auth.CheckLabels(m.Labels); err != nil {
		fault("claims/labels", "%s", err)
	}
}

// checkURL refuses what anyone on the way could change.
func checkURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "":
		return fmt.Errorf("not a URL")
	case u.User != nil:
		return fmt.Errorf("it holds a user name or password")
	case u.Scheme == "https":
		return nil
	case u.Scheme != "http":
		return fmt.Errorf("its scheme is neither https nor http")
	}
	ip := net.ParseIP(u.Hostname())
	if u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("plain http is for this machine only")
	}
	return nil
}
