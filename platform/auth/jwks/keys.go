package jwks

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/crank-platform/crank/kit/canon"
)

const maxKeys = 100

// keySet is what of a JWK set can verify.
type keySet []key

type key struct {
	id, alg string // alg is empty where the set does not pin it
	public  any    // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
}

// publicJWK holds the members that a public key is made of (RFC 7518 section 6,
// RFC 8037); private ones are never read.
type publicJWK struct {
	Kty string   `json:"kty"`
	Kid string   `json:"kid,omitempty"`
	Use string   `json:"use,omitempty"`
	Ops []string `json:"key_ops,omitempty"`
	Alg string   `json:"alg,omitempty"`
	N   string   `json:"n,omitempty"`
	E   string   `json:"e,omitempty"`
	Crv string   `json:"crv,omitempty"`
	X   string   `json:"x,omitempty"`
	Y   string   `json:"y,omitempty"`
}

// parseSet reads a JWK set. Keys that are not for verifying, or of kinds that are
// not trusted here, are left out, as RFC 7517 section 5 asks; a set in which none
// is left is an error, so that a provider's mishap does not lock everybody out.
func parseSet(text []byte) (keySet, error) {
	if _, err := canon.JSON(slices.Clone(text)); err != nil {
		return nil, fmt.Errorf("the key set is not well-formed JSON with unique names: %w", err)
	}
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("this is no key set: %w", err)
	}
	if len(raw.Keys) > maxKeys {
		return nil, fmt.Errorf("the key set holds %d keys, more than %d", len(raw.Keys), maxKeys)
	}
	var set keySet
	for _, one := range raw.Keys {
		if k, ok := parseKey(one); ok {
			set = append(set, k)
		}
	}
	if len(set) == 0 {
		return nil, fmt.Errorf("none of the %d keys in the set can verify", len(raw.Keys))
	}
	return set, nil
}

func parseKey(text []byte) (key, bool) {
	var p publicJWK
	if json.Unmarshal(text, &p) != nil || p.Use != "" && p.Use != "sig" || p.Ops != nil && !slices.Contains(p.Ops, "verify") ||
		len(p.N) > 2800 || len(p.Kid) > 256 { // 16,384 bits
		return key{}, false
	}
	if p.Kty != "RSA" && p.Kty != "EC" && p.Kty != "OKP" {
		return key{}, false
	}
	public, err := json.Marshal(p)
	if err != nil {
		return key{}, false
	}
	var j jose.JSONWebKey
	if j.UnmarshalJSON(public) != nil || !j.Valid() || !j.IsPublic() {
		return key{}, false
	}
	if r, ok := j.Key.(*rsa.PublicKey); ok && (r.N.BitLen() < 2048 || r.N.BitLen() > 16384) {
		return key{}, false
	}
	return key{p.Kid, p.Alg, j.Key}, true
}

// find returns the keys that fit. A token that names no key fits only where there
// is no choice.
func (s keySet) find(kid, alg string) (found []any) {
	for _, k := range s {
		if (kid == "" || k.id == kid) && (k.alg == "" || k.alg == alg) && suits(alg, k.public) {
			found = append(found, k.public)
		}
	}
	if kid == "" && len(found) > 1 {
		return nil
	}
	return found
}

// suits reports whether a key is of the kind that alg signs with.
func suits(alg string, public any) bool {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(alg, "RS") || strings.HasPrefix(alg, "PS")
	case *ecdsa.PublicKey:
		curve := map[string]string{"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}[alg]
		return curve == k.Curve.Params().Name
	case ed25519.PublicKey:
		return alg == "EdDSA"
	}
	return false
}
