package secrets

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
)

// Secret is a value that tells nobody what it is unless asked by Reveal: every
// way to print, log or encode it says "[redacted]". The zero value is empty.
type Secret struct {
	meta Meta
	// A function, because fmt prints what stands in somebody's unexported field
	// without asking its methods, and follows pointers for a verb that it deems
	// wrong: of a function it can only show an address.
	value func() []byte
}

func newSecret(meta Meta, value []byte) Secret {
	return Secret{meta, func() []byte { return value }}
}

const redacted = "[redacted]"

// Reveal returns a copy of the value, for the last moment before it is used.
func (s Secret) Reveal() []byte {
	if s.value == nil {
		return nil
	}
	return slices.Clone(s.value())
}

// Meta returns what may be told of it.
func (s Secret) Meta() Meta { return s.meta }

// String returns "[redacted]".
func (s Secret) String() string { return redacted }

// GoString returns "[redacted]".
func (s Secret) GoString() string { return redacted }

// Format writes "[redacted]" for every verb.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// MarshalText writes "[redacted]".
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON writes "[redacted]" in quotes.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// LogValue logs "[redacted]".
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
