package wire

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// codec is a connect.Codec of plain Go values. Unlike kit/cbor, whose bytes are
// kept and signed, it writes times to the nanosecond and in UTC.
type codec struct{}

var (
	enc = must(cbor.EncOptions{Time: cbor.TimeRFC3339NanoUTC}.EncMode())
	dec = must(cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		MaxNestedLevels:   32,
		MaxArrayElements:  1 << 20,
		MaxMapPairs:       1 << 16,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Name implements connect.Codec: "application/cbor".
func (codec) Name() string { return "cbor" }

// Marshal implements connect.Codec.
func (codec) Marshal(v any) ([]byte, error) {
	b, err := enc.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("wire: %w", err)
	}
	return b, nil
}

// Unmarshal implements connect.Codec.
func (codec) Unmarshal(b []byte, v any) error {
	if err := dec.Unmarshal(b, v); err != nil {
		return fmt.Errorf("wire: %w", err)
	}
	return nil
}
