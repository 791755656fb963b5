package app

import (
	"bytes"
	"context"
	"os"

	"go.yaml.in/yaml/v3"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/auth"
	"github.com/crank-platform/crank/platform/auth/jwks"
)

// tokens builds the verifier of identity providers' tokens; nil where none is
// trusted. A fault in the list of issuers keeps the node from starting.
func (h *House) tokens(context.Context) (auth.Verifier, error) {
	if h.Config.Issuers == "" {
		return nil, nil
	}
	text, err := os.ReadFile(h.Config.Issuers)
	if err != nil {
		return nil, crank.Wrap(crank.CodeConfig, err, "jwt_issuers cannot be read")
	}
	var list struct {
		Version int           `yaml:"version"`
		Issuers []jwks.Issuer `yaml:"issuers"`
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&list); err != nil {
		return nil, crank.Wrap(crank.CodeConfig, err, "%s cannot be read", h.Config.Issuers)
	}
	if list.Version != 1 {
		return nil, crank.E(crank.CodeConfig, "%s is of version %d, this program knows 1", h.Config.Issuers, list.Version)
	}
	v, err := jwks.New(jwks.Config{Issuers: list.Issuers, Places: h.Tenancy, Log: h.Log})
	if err != nil {
		return nil, err
	}
	h.runs("token issuers", v.Run)
	return v, nil
}
