// Package cbor encodes and decodes deterministic CBOR (RFC 8949 section 4.2.1):
// one value has one encoding, and bytes in any other encoding are refused.
package cbor

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// ErrNotDeterministic means that the bytes decode but are not the one encoding
// of what they say.
var ErrNotDeterministic = errors.New("cbor: not the deterministic encoding of its value")

var (
	enc = must(func() (cbor.EncMode, error) {
		o := cbor.CoreDetEncOptions()
		o.NilContainers = cbor.NilContainerAsNull
		return o.EncMode()
	}())
	dec = must(cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		MaxNestedLevels:   16,
		MaxArrayElements:  1 << 16,
		MaxMapPairs:       1 << 12,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		UTF8:              cbor.UTF8RejectInvalid,
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Marshal returns the deterministic encoding of v.
func Marshal(v any) ([]byte, error) { return enc.Marshal(v) }

// Unmarshal decodes data into v and checks that data is v's deterministic
// encoding. It refuses tags, indefinite lengths, duplicate or unknown keys,
// trailing bytes and more than 16 levels.
func Unmarshal(data []byte, v any) error {
	if err := dec.Unmarshal(data, v); err != nil {
		return fmt.Errorf("cbor: %w", err)
	}
	again, err := enc.Marshal(v)
	if err != nil {
		return fmt.Errorf("cbor: %w", err)
	}
	if !bytes.Equal(again, data) {
		return ErrNotDeterministic
	}
	return nil
}

// Diagnose writes data in the diagnostic notation of RFC 8949 section 8.
func Diagnose(data []byte) (string, error) { return cbor.Diagnose(data) }
