package crank

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// Asset names what money is counted in: an ISO 4217 code ("USD", "EUR") or the
// name of a credit. It matches [A-Z][A-Z0-9]{0,11}.
type Asset string

// Valid reports whether a is a well-formed asset name.
func (a Asset) Valid() bool {
	if len(a) == 0 || len(a) > 12 || a[0] < 'A' || a[0] > 'Z' {
		return false
	}
	for _, c := range []byte(a) {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// Micros is an amount in millionths of an asset. Never a float.
type Micros int64

// Money is an amount of one asset. The zero value is no money of no asset.
type Money struct {
	Micros Micros `json:"micros" cbor:"1,keyasint"`
	Asset  Asset  `json:"asset" cbor:"2,keyasint"`
}

// Add returns a+b, or a KindInvalid error when it does not fit 64 bits.
func (a Micros) Add(b Micros) (Micros, error) {
	sum := a + b
	if (b > 0 && sum < a) || (b < 0 && sum > a) {
		return 0, E(CodeMoneyRange, "%d + %d micro-units do not fit 64 bits", a, b)
	}
	return sum, nil
}

// MulDivCeil returns ceil(quantity*price/per) for quantity, price >= 0 and
// per > 0, computed in 128 bits; KindInvalid when an argument or the result is
// out of range. Rounding up means that a provider is never paid less than the
// plan says; the most it adds is one micro-unit a line.
func MulDivCeil(quantity int64, price Micros, per int64) (Micros, error) {
	if quantity < 0 || price < 0 || per <= 0 {
		return 0, E(CodeMoneyRange, "cannot rate quantity %d at %d micro-units per %d", quantity, price, per)
	}
	hi, lo := bits.Mul64(uint64(quantity), uint64(price))
	lo, carry := bits.Add64(lo, uint64(per)-1, 0)
	hi += carry
	if hi >= uint64(per) {
		return 0, E(CodeMoneyRange, "quantity %d at %d micro-units per %d does not fit 64 bits", quantity, price, per)
	}
	q, _ := bits.Div64(hi, lo, uint64(per))
	if q > math.MaxInt64 {
		return 0, E(CodeMoneyRange, "quantity %d at %d micro-units per %d does not fit 64 bits", quantity, price, per)
	}
	return Micros(q), nil
}

// String writes the amount as a decimal with as many places as it needs, at
// least two: "0.0012".
func (a Micros) String() string {
	sign, u := "", uint64(a)
	if a < 0 {
		sign, u = "-", -u
	}
	frac := strings.TrimRight(fmt.Sprintf("%06d", u%1e6), "0")
	for len(frac) < 2 {
		frac += "0"
	}
	return sign + strconv.FormatUint(u/1e6, 10) + "." + frac
}

// String writes money as "0.0012 USD".
func (m Money) String() string { return m.Micros.String() + " " + string(m.Asset) }

// ParseMoney reads "12.50 USD" or "12.50USD": a decimal of at most six places
// and an asset. Anything else is KindInvalid.
func ParseMoney(s string) (Money, error) {
	s = strings.TrimSpace(s)
	cut := strings.IndexFunc(s, func(r rune) bool { return r >= 'A' && r <= 'Z' })
	if cut < 0 {
		return Money{}, E(CodeMoneyFormat, "%q names no asset", s)
	}
	asset := Asset(s[cut:])
	if !asset.Valid() {
		return Money{}, E(CodeMoneyFormat, "%q is no asset", asset)
	}
	micros, err := parseDecimal(strings.TrimSpace(s[:cut]))
	if err != nil {
		return Money{}, err
	}
	return Money{micros, asset}, nil
}

func parseDecimal(s string) (Micros, error) {
	digits, negative := strings.CutPrefix(s, "-")
	whole, frac, _ := strings.Cut(digits, ".")
	if whole == "" || len(frac) > 6 || strings.ContainsFunc(whole+frac, func(r rune) bool { return r < '0' || r > '9' }) {
		return 0, E(CodeMoneyFormat, "%q is no decimal of at most six places", s)
	}
	n, err := strconv.ParseInt(whole+frac+strings.Repeat("0", 6-len(frac)), 10, 64)
	if err != nil {
		return 0, E(CodeMoneyRange, "%s does not fit 64 bits of micro-units", s)
	}
	if negative {
		n = -n
	}
	return Micros(n), nil
}
