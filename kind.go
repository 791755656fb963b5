package crank

import "fmt"

// Kind says what a caller can do about an error. It survives every wire; package
// api/status maps it to HTTP, gRPC, JSON-RPC and exit codes.
type Kind uint8

// The kinds. KindUnknownOutcome means that the work may or may not have been
// done: retry it only under the same idempotency key.
const (
	KindInternal Kind = iota
	KindInvalid
	KindUnauthenticated
	KindDenied
	KindNotFound
	KindConflict
	KindExhausted
	KindDeadlineExceeded
	KindUnavailable
	KindUnknownOutcome
	KindUnimplemented
	KindCancelled
)

var kindNames = [...]string{
	"internal", "invalid", "unauthenticated", "denied", "not_found", "conflict",
	"exhausted", "deadline_exceeded", "unavailable", "unknown_outcome", "unimplemented", "cancelled",
}

// Kinds lists every kind, for tables that must cover them all.
func Kinds() []Kind {
	all := make([]Kind, len(kindNames))
	for i := range all {
		all[i] = Kind(i)
	}
	return all
}

// String returns the kind's wire name, such as "not_found".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// MarshalText writes the wire name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a wire name; a name it does not know becomes KindInternal.
func (k *Kind) UnmarshalText(b []byte) error {
	*k = KindInternal
	for i, name := range kindNames {
		if name == string(b) {
			*k = Kind(i)
		}
	}
	return nil
}
