package notesign

import (
	"fmt"
	"strconv"
	"strings"
)

// Key is a verifier key with the time it speaks for. Time is counted in
// positions that only grow, which the user of this package gives a meaning to
// (the journal's seq, for Crank's log).
type Key struct {
	*Verifier
	From  uint64 // the first position
	Until uint64 // the first position it no longer speaks for; 0 means no end
}

// Keys are the keys that somebody trusts.
type Keys []Key

// At returns the keys that may speak for name at a position, under that name. A
// key speaks for its own name and for every name below it: "example.com/log"
// for "example.com/log/epoch-2".
func (ks Keys) At(name string, position uint64) []*Verifier {
	var vs []*Verifier
	for _, k := range ks {
		if position < k.From || k.Until != 0 && position >= k.Until {
			continue
		}
		if k.name == name {
			vs = append(vs, k.Verifier)
		} else if strings.HasPrefix(name, k.name+"/") {
			if v, err := k.As(name); err == nil {
				vs = append(vs, v)
			}
		}
	}
	return vs
}

// String writes one line a key: the verifier key, the first position and the
// first that it no longer speaks for.
func (ks Keys) String() string {
	var b strings.Builder
	for _, k := range ks {
		fmt.Fprintf(&b, "%s %d %d\n", k.Verifier, k.From, k.Until)
	}
	return b.String()
}

// ParseKeys reads what String writes. Positions may be left out: the key then
// always speaks. Empty lines and lines that begin with # do not count.
func ParseKeys(text string) (Keys, error) {
	var ks Keys
	for i, line := range strings.Split(text, "\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		v, err := ParseVerifier(fields[0])
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		k := Key{Verifier: v}
		if len(fields) == 3 {
			var err1, err2 error
			k.From, err1 = strconv.ParseUint(fields[1], 10, 64)
			k.Until, err2 = strconv.ParseUint(fields[2], 10, 64)
			if err1 != nil || err2 != nil {
				return nil, fmt.Errorf("line %d: %w: %q and %q are not positions", i+1, ErrKey, fields[1], fields[2])
			}
		} else if len(fields) != 1 {
			return nil, fmt.Errorf("line %d: %w: want a key, or a key and two positions", i+1, ErrKey)
		}
		ks = append(ks, k)
	}
	return ks, nil
}
