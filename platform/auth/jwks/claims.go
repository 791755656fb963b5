package jwks

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
	"github.com/crank-platform/crank/platform/auth"
)

// principal maps the claims of a verified token.
func (v *Verifier) principal(ctx context.Context, claims map[string]any, from *issuer) (crank.Principal, error) {
	m := from.Claims
	p := crank.Principal{Method: "jwt", Labels: map[string]string{}}
	var err error
	if p.Subject, err = text(claims, m.Subject, 256); err != nil {
		return crank.Principal{}, err
	}
	if p.Subject == "" {
		return crank.Principal{}, unfit(m.Subject, "is missing")
	}
	if p.Roles, err = m.roles(claims); err != nil {
		return crank.Principal{}, err
	}
	for label, at := range m.Labels {
		value, err := text(claims, at, 256)
		if err != nil {
			return crank.Principal{}, err
		}
		if value != "" {
			p.Labels[label] = value
		}
	}
	if err := auth.CheckLabels(p.Labels); err != nil {
		return crank.Principal{}, crank.Wrap(crank.CodeTokenInvalid, err, "the token's claims do not make labels")
	}
	p.Labels[LabelIssuer] = from.Issuer.Issuer
	if p.Payer, err = v.payer(ctx, claims, m); err != nil {
		return crank.Principal{}, err
	}
	return p, nil
}

func (v *Verifier) payer(ctx context.Context, claims map[string]any, m Mapping) (crank.Payer, error) {
	p := crank.Payer{Tenant: m.FixedTenant}
	for _, part := range []struct {
		at string
		to *string
	}{{m.Tenant, &p.Tenant}, {m.Team, &p.Team}, {m.App, &p.App}} {
		if part.at == "" {
			continue
		}
		value, err := text(claims, part.at, 64)
		if err != nil {
			return crank.Payer{}, err
		}
		*part.to = value
	}
	switch {
	case p.Tenant == "":
		return crank.Payer{}, unfit(m.Tenant, "is missing: it names the tenant")
	case p.App != "" && p.Team == "":
		return crank.Payer{}, unfit(m.Team, "is missing, though an app is named")
	case v.places == nil:
		if !ids.Valid("tenant", p.Tenant) || p.Team != "" && !ids.Valid("team", p.Team) || p.App != "" && !ids.Valid("app", p.App) {
			return crank.Payer{}, crank.E(crank.CodeTokenInvalid, "the token names a tenant, team or app by something that is no id")
		}
		return p, nil
	}
	placed, err := v.places.Place(ctx, p.Tenant, p.Team, p.App)
	if err != nil && crank.KindOf(err) == crank.KindNotFound {
		return crank.Payer{}, crank.E(crank.CodeTokenInvalid, "the token names a tenant, team or app that is not here: %s", crank.AsError(err).Message).
			Mending("Have an operator create it, or correct the token's claims.")
	}
	return placed, err
}

// roles translates the token's words. An operator's role is only ever given by
// name in the configuration.
func (m Mapping) roles(claims map[string]any) ([]string, error) {
	var words []string
	if m.Roles != "" {
		var err error
		claim := lookup(claims, m.Roles)
		if words, err = texts(claim); err != nil {
			return nil, unfit(m.Roles, err.Error())
		}
		if one, ok := claim.(string); ok {
			words = strings.Fields(one)
		}
	}
	var given []string
	for _, w := range words {
		r, ok := m.RoleNames[w]
		if len(m.RoleNames) == 0 && w != crank.RoleOperator {
			r, ok = w, slices.Contains(roles, w)
		}
		if ok {
			given = append(given, r)
		}
	}
	if len(given) == 0 {
		given = slices.Clone(m.Default)
	}
	slices.Sort(given)
	return slices.Compact(given), nil
}

// text returns a claim as text of at most most bytes, empty where there is none.
func text(claims map[string]any, at string, most int) (string, error) {
	var s string
	switch c := lookup(claims, at).(type) {
	case nil:
		return "", nil
	case string:
		s = c
	case bool:
		s = strconv.FormatBool(c)
	case json.Number:
		s = c.String()
	default:
		return "", unfit(at, "is not a single value")
	}
	if len(s) > most {
		return "", unfit(at, "is longer than "+strconv.Itoa(most)+" bytes")
	}
	return s, nil
}

// lookup finds a claim by name or by JSON pointer (RFC 6901); nil for nothing.
func lookup(claims map[string]any, at string) any {
	if !strings.HasPrefix(at, "/") {
		return claims[at]
	}
	var here any = claims
	for part := range strings.SplitSeq(at[1:], "/") {
		part = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
		switch c := here.(type) {
		case map[string]any:
			here = c[part]
		case []any:
			n, err := strconv.Atoi(part)
			if err != nil || n < 0 || n >= len(c) || strconv.Itoa(n) != part {
				return nil
			}
			here = c[n]
		default:
			return nil
		}
	}
	return here
}

func unfit(at, why string) error {
	return crank.E(crank.CodeTokenInvalid, "the token's claim %s %s", at, why).Mending("Have the token's issuer, or its entry in the configuration, corrected.")
}
