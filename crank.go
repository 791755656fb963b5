// Package crank holds the words that every room of Crank shares: Capability,
// Call, Offer, Quote, Usage, Result, Receipt, Money, Principal, Error.
//
// It owns what those words mean, their units and their zero values. It owns no
// behaviour beyond them: no storage, no network, no rule of any module. It
// imports the standard library only, so that every other package may import it.
package crank

// Version of the formats in this package. A receipt or manifest of a higher
// version than a reader knows is refused, never guessed at.
const FormatVersion = 1

// MaxInline is the largest input or output, in bytes of JSON, that travels
// inside a call. Whatever is larger travels as a blob.
const MaxInline = 256 << 10
