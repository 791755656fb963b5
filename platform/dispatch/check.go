package dispatch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/canon"
	"github.com/crank-platform/crank/kit/schema"
)

const (
	maxKey      = 255 // bytes of an idempotency key
	maxTags     = 16
	maxTagBytes = 64 // of each side
)

// check brings the input into its canonical form, holds it against schema and
// limits, and commits to it.
func (d *Dispatcher) check(ctx context.Context, s *state) error {
	if err := checkEnvelope(&s.call); err != nil {
		return err
	}
	if len(s.call.Input) == 0 {
		s.call.Input = []byte("{}")
	}
	if len(s.call.Input) > crank.MaxInline {
		return crank.E(crank.CodeTooLarge, "the input has %d bytes of JSON, at most %d travel inside a call", len(s.call.Input), crank.MaxInline).
			Mending("Send the large part as a file.")
	}
	input, err := canon.JSON(append([]byte(nil), s.call.Input...)) // the caller's bytes stay as they are
	if errors.Is(err, canon.ErrTooDeep) {
		return crank.Wrap(crank.CodeTooDeep, err, "the input nests deeper than %d levels", canon.MaxDepth)
	}
	if err != nil {
		bad := crank.Wrap(crank.CodeMalformedJSON, err, "the input is not well-formed JSON")
		if at, ok := canon.Where(err); ok {
			bad.Message += offset(at)
		}
		return bad
	}
	s.call.Input = input
	if err := d.schemas.check(s.contract, s.op, input); err != nil {
		return err
	}
	files, err := d.files(ctx, s)
	if err != nil {
		return err
	}
	size := int64(len(input)) + files
	if limit := s.op.Limits.InputBytes; limit > 0 && size > limit {
		return crank.E(crank.CodeTooLarge, "the input has %d bytes, %s takes at most %d", size, s.call.Capability, limit)
	}
	if s.salt, err = d.Vault.Salt(ctx, s.call.Principal.Tenant); err != nil {
		return crank.Wrap(crank.CodeStore, err, "the tenant's salt cannot be read")
	}
	s.input = commit(s.salt, input, size)
	if s.call.Principal.Subject != "" {
		if s.subject, err = d.Vault.Seal(ctx, s.call.Principal.Tenant, s.call.Principal.Subject); err != nil {
			return crank.Wrap(crank.CodeStore, err, "the caller's name cannot be sealed")
		}
	}
	return nil
}

// files holds what the input says of its files against what they are, since
// their size is part of the price, and keeps them while the call runs.
func (d *Dispatcher) files(ctx context.Context, s *state) (size int64, err error) {
	refs, err := crank.BlobRefs(s.call.Input)
	if err != nil || len(refs) == 0 {
		return 0, err
	}
	tenant := s.call.Principal.Tenant
	digests := make([]crank.Digest, len(refs))
	for i, r := range refs {
		known, err := d.Blobs.Stat(ctx, tenant, r.Digest)
		if err != nil {
			return 0, err
		}
		if r.Size != known.Size {
			return 0, crank.E(crank.CodeInvalidInput, "the input does not fit %s", s.call.Capability).
				With(crank.Fault{Path: r.Digest.String(), Reason: fmt.Sprintf("is said to have %d bytes, and has %d", r.Size, known.Size)})
		}
		digests[i] = r.Digest
		size += r.Size
	}
	return size, d.Blobs.Renew(ctx, tenant, digests...)
}

func checkEnvelope(c *crank.Call) error {
	switch {
	case len(c.Key) > maxKey:
		return crank.E(crank.CodeConstraint, "the idempotency key has %d bytes, at most %d are allowed", len(c.Key), maxKey)
	case len(c.Tags) > maxTags:
		return crank.E(crank.CodeConstraint, "%d tags are too many, at most %d are allowed", len(c.Tags), maxTags)
	case c.Constraints.MaxPrice.Micros < 0:
		return crank.E(crank.CodeMoneyRange, "the maximum price %s is negative", c.Constraints.MaxPrice)
	case c.Constraints.MaxCarbon < 0 || c.Constraints.MinReputation < 0:
		return crank.E(crank.CodeConstraint, "maximum carbon and minimum reputation cannot be negative")
	}
	switch c.Constraints.Prefer {
	case "", "cost", "latency", "carbon", "balanced":
	default:
		return crank.E(crank.CodeConstraint, "prefer is %q, not cost, latency, carbon or balanced", c.Constraints.Prefer)
	}
	for k, v := range c.Tags {
		if k == "" || len(k) > maxTagBytes || len(v) > maxTagBytes || strings.ContainsAny(k, ":=\n") {
			return crank.E(crank.CodeConstraint, "tag %.80q is not of 1 to %d bytes without : and =", k, maxTagBytes)
		}
	}
	return nil
}

// commit binds a value without telling it.
func commit(salt [32]byte, canonical []byte, size int64) crank.Commitment {
	return crank.Commitment{Digest: crank.DigestOf("crank/content/v1", salt[:], canonical), Bytes: size}
}

// schemas keeps compiled input schemas by contract: a contract's digest never
// stands for two schemas, so an entry never grows stale.
type schemas struct{ m sync.Map }

func (c *schemas) check(contract crank.Digest, op crank.Operation, input []byte) error {
	compiled, ok := c.m.Load(contract)
	if !ok {
		s, err := schema.Compile(op.Input)
		if err != nil {
			return crank.Wrap(crank.CodeManifest, err, "%s has an input schema that does not compile", op.Capability)
		}
		compiled, _ = c.m.LoadOrStore(contract, s)
	}
	faults, err := compiled.(*schema.Schema).Check(input)
	if err != nil {
		return crank.Wrap(crank.CodeMalformedJSON, err, "the input is not well-formed JSON")
	}
	if len(faults) == 0 {
		return nil
	}
	invalid := crank.E(crank.CodeInvalidInput, "the input does not fit %s", op.Capability)
	for _, f := range faults {
		invalid.Faults = append(invalid.Faults, crank.Fault{Path: f.Path, Reason: f.Reason})
	}
	return invalid
}
