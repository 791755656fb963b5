// Package ids makes identifiers: UUIDv7 (RFC 9562) in 32 hex digits behind a
// type prefix, "call_0197...". They are unique, roughly in order of time and
// never used for order.
package ids

import (
	"encoding/hex"
	"strings"

	"github.com/google/uuid"
)

// New returns a fresh id such as New("call") = "call_01970c2e...".
func New(prefix string) string {
	u, err := uuid.NewV7()
	if err != nil { // the system's random source failed: nothing safe can follow
		panic("ids: " + err.Error())
	}
	b := make([]byte, len(prefix)+1+32)
	n := copy(b, prefix)
	b[n] = '_'
	hex.Encode(b[n+1:], u[:])
	return string(b)
}

// Valid reports whether s is an id of that type.
func Valid(prefix, s string) bool {
	digits, ok := strings.CutPrefix(s, prefix+"_")
	if !ok || len(digits) != 32 {
		return false
	}
	for _, c := range []byte(digits) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
