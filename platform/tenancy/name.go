package tenancy

import (
	"errors"
	"strings"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
)

// ErrNameTaken is a Store's word for a live sibling of the same name.
var ErrNameTaken = errors.New("tenancy: a live sibling bears this name")

const maxName = 63

// ParseName returns s if it may name a unit: 1 to 63 bytes of [a-z0-9._-], the
// first a letter or digit, and not the shape of an id, so that a path may mix
// names and ids. CodeInvalidInput otherwise.
func ParseName(s string) (string, error) {
	bad := s == "" || len(s) > maxName || !plain(s[0]) || isID(s)
	for _, c := range []byte(s) {
		bad = bad || !plain(c) && c != '.' && c != '_' && c != '-'
	}
	if bad {
		return "", crank.E(crank.CodeInvalidInput, "%q cannot name a tenant, team or app", clip(s)).
			With(crank.Fault{Path: "name", Reason: "not 1 to 63 of a-z 0-9 . _ - beginning with a letter or digit"}).
			Mending("Choose a name of small letters, digits, dots, dashes and underscores, such as data-team.")
	}
	return s, nil
}

func parseSettings(s Settings) error {
	for _, c := range []byte(s.Region) {
		if !plain(c) && c != '-' || len(s.Region) > maxName {
			return crank.E(crank.CodeInvalidInput, "%q is no region", clip(s.Region)).
				With(crank.Fault{Path: "settings.region", Reason: "not 0 to 63 of a-z 0-9 -"}).
				Mending("Write a zone or its beginning, such as eu or eu-west.")
		}
	}
	return nil
}

func plain(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }

func isID(s string) bool {
	return ids.Valid("tenant", s) || ids.Valid("team", s) || ids.Valid("app", s)
}

// clip bounds foreign text in a message.
func clip(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "..."
	}
	return s
}
