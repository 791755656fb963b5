package jwks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/canon"
)

// MaxToken is the longest token that is looked at, in bytes.
const MaxToken = 16 << 10

// Verify implements auth.Verifier: CodeTokenInvalid, saying why, for whatever is
// not a token in force, for one of the issuer's audiences, signed by a published
// key under an algorithm pinned to that issuer.
func (v *Verifier) Verify(ctx context.Context, token string) (crank.Principal, error) {
	if len(token) > MaxToken {
		return crank.Principal{}, crank.E(crank.CodeTokenInvalid, "the token is longer than %d bytes", MaxToken)
	}
	signed, err := jose.ParseSignedCompact(token, v.algs)
	if err != nil {
		return crank.Principal{}, crank.Wrap(crank.CodeTokenInvalid, err, "the token cannot be read, or no issuer is trusted with its algorithm")
	}
	// What is read before the signature is verified only chooses the issuer.
	claims, err := parseClaims(signed.UnsafePayloadWithoutVerification())
	if err != nil {
		return crank.Principal{}, crank.Wrap(crank.CodeTokenInvalid, err, "the token's claims cannot be read")
	}
	name, _ := claims["iss"].(string)
	from, ok := v.issuers[name]
	if !ok {
		return crank.Principal{}, crank.E(crank.CodeTokenInvalid, "the token's issuer %.100q is not trusted here", name)
	}
	head := signed.Signatures[0].Protected
	if !from.algs[head.Algorithm] {
		return crank.Principal{}, crank.E(crank.CodeTokenInvalid, "the issuer is not trusted with the algorithm %s", head.Algorithm)
	}
	keys, err := from.keys.find(ctx, head.KeyID, head.Algorithm)
	if err != nil {
		return crank.Principal{}, err
	}
	if !slices.ContainsFunc(keys, func(k any) bool { _, err := signed.Verify(k); return err == nil }) {
		return crank.Principal{}, crank.E(crank.CodeTokenInvalid, "the token's signature does not verify")
	}
	if err := v.inForce(claims, from); err != nil {
		return crank.Principal{}, crank.Wrap(crank.CodeTokenInvalid, err, "the token is not in force here")
	}
	return v.principal(ctx, claims, from)
}

// parseClaims reads a payload: one JSON object, valid UTF-8, no name twice, so
// that nobody reads it otherwise than we do. Names are compared exactly.
func parseClaims(payload []byte) (map[string]any, error) {
	if _, err := canon.JSON(slices.Clone(payload)); err != nil {
		return nil, err
	}
	var claims map[string]any
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	if err := d.Decode(&claims); err != nil {
		return nil, err
	}
	if claims == nil {
		return nil, errors.New("they are null")
	}
	return claims, nil
}

// inForce checks audience and times (RFC 7519 section 4.1). A token without an
// end is refused.
func (v *Verifier) inForce(claims map[string]any, from *issuer) error {
	var c jwt.Claims
	for name, at := range map[string]**jwt.NumericDate{"exp": &c.Expiry, "nbf": &c.NotBefore, "iat": &c.IssuedAt} {
		number, ok := claims[name].(json.Number)
		switch {
		case !ok && claims[name] == nil:
			continue
		case !ok:
			return fmt.Errorf("its %s is no number", name)
		}
		*at = new(jwt.NumericDate)
		if err := (*at).UnmarshalJSON([]byte(number)); err != nil {
			return fmt.Errorf("its %s is no date: %w", name, err)
		}
	}
	if c.Expiry == nil {
		return errors.New("it has no end (exp)")
	}
	var err error
	if c.Audience, err = texts(claims["aud"]); err != nil {
		return fmt.Errorf("its aud %w", err)
	}
	return c.ValidateWithLeeway(jwt.Expected{AnyAudience: from.Audience, Time: v.now()}, from.Leeway)
}

// texts returns a text, or a list of them, as a list; nil for nothing.
func texts(claim any) ([]string, error) {
	switch c := claim.(type) {
	case nil:
		return nil, nil
	case string:
		return []string{c}, nil
	case []any:
		all := make([]string, len(c))
		for i, x := range c {
			var ok bool
			if all[i], ok = x.(string); !ok {
				return nil, errors.New("is no list of texts")
			}
		}
		return all, nil
	}
	return nil, errors.New("is neither a text nor a list of texts")
}
