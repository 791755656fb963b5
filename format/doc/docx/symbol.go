package docx

import (
	"strconv"
	"strings"

	"github.com/crank-platform/crank/format/doc/internal/opc"
)

// symbol is the character of a w:sym.
func symbol(n *opc.Node) string {
	v, err := strconv.ParseUint(n.Get("w:char"), 16, 21)
	if err != nil {
		return ""
	}
	if v >= 0xF000 && v <= 0xF0FF {
		v -= 0xF000
	}
	return string(decode(strings.ToLower(n.Get("w:font")), rune(v)))
}

// private turns text of a symbol font, which stands in the private use area
// U+F000 to U+F0FF, into the characters it shows.
func private(s string, rpr *opc.Node) string {
	if !strings.ContainsFunc(s, isPrivate) {
		return s
	}
	font := strings.ToLower(rpr.Kid("w:rFonts").Get("w:ascii"))
	return strings.Map(func(c rune) rune {
		if isPrivate(c) {
			return decode(font, c-0xF000)
		}
		return c
	}, s)
}

func isPrivate(c rune) bool { return c >= 0xF000 && c <= 0xF0FF }

// decode is the character at a place of a font's own encoding; ASCII stands
// for itself where the font has no table.
func decode(font string, c rune) rune {
	if to, ok := fonts[font][c]; ok {
		return to
	}
	if c >= 0x20 && c < 0x7F || c > 0xFF {
		return c
	}
	return c + 0xF000
}

// fonts are the encodings of the symbol fonts that documents really use, as
// far as they differ from ASCII (Symbol: the PDF reference, annex D.5).
var fonts = map[string]map[rune]rune{
	"symbol": {
		'"': '∀', '$': '∃', '\'': '∋', '*': '∗', '-': '−', '@': '≅', '^': '⊥',
		'A': 'Α', 'B': 'Β', 'C': 'Χ', 'D': 'Δ', 'E': 'Ε', 'F': 'Φ', 'G': 'Γ', 'H': 'Η', 'I': 'Ι', 'J': 'ϑ', 'K': 'Κ', 'L': 'Λ', 'M': 'Μ',
		'N': 'Ν', 'O': 'Ο', 'P': 'Π', 'Q': 'Θ', 'R': 'Ρ', 'S': 'Σ', 'T': 'Τ', 'U': 'Υ', 'V': 'ς', 'W': 'Ω', 'X': 'Ξ', 'Y': 'Ψ', 'Z': 'Ζ',
		'a': 'α', 'b': 'β', 'c': 'χ', 'd': 'δ', 'e': 'ε', 'f': 'φ', 'g': 'γ', 'h': 'η', 'i': 'ι', 'j': 'ϕ', 'k': 'κ', 'l': 'λ', 'm': 'μ',
		'n': 'ν', 'o': 'ο', 'p': 'π', 'q': 'θ', 'r': 'ρ', 's': 'σ', 't': 'τ', 'u': 'υ', 'v': 'ϖ', 'w': 'ω', 'x': 'ξ', 'y': 'ψ', 'z': 'ζ',
		0xA0: '€', 0xA2: '′', 0xA3: '≤', 0xA5: '∞', 0xA6: 'ƒ', 0xA7: '♣', 0xA8: '♦', 0xA9: '♥', 0xAA: '♠', 0xAB: '↔', 0xAC: '←',
		0xAD: '↑', 0xAE: '→', 0xAF: '↓', 0xB0: '°', 0xB1: '±', 0xB2: '″', 0xB3: '≥', 0xB4: '×', 0xB5: '∝', 0xB6: '∂', 0xB7: '•',
		0xB8: '÷', 0xB9: '≠', 0xBA: '≡', 0xBB: '≈', 0xBC: '…', 0xC0: 'ℵ', 0xC1: 'ℑ', 0xC2: 'ℜ', 0xC3: '℘', 0xC4: '⊗', 0xC5: '⊕',
		0xC6: '∅', 0xC7: '∩', 0xC8: '∪', 0xC9: '⊃', 0xCA: '⊇', 0xCB: '⊄', 0xCC: '⊂', 0xCD: '⊆', 0xCE: '∈', 0xCF: '∉', 0xD0: '∠',
		0xD1: '∇', 0xD2: '®', 0xD3: '©', 0xD4: '™', 0xD5: '∏', 0xD6: '√', 0xD7: '⋅', 0xD8: '¬', 0xD9: '∧', 0xDA: '∨', 0xDB: '⇔',
		0xDC: '⇐', 0xDD: '⇑', 0xDE: '⇒', 0xDF: '⇓', 0xE0: '◊', 0xE1: '〈', 0xE2: '®', 0xE3: '©', 0xE4: '™', 0xE5: '∑', 0xF1: '〉',
		0xF2: '∫',
	},
	"wingdings": {
		0x4A: '☺', 0x6C: '●', 0x6E: '■', 0x6F: '□', 0xA7: '▪', 0xA8: '◻', 0xDF: '←', 0xE0: '→', 0xE8: '➔', 0xFB: '✗', 0xFC: '✓',
		0xFD: '☒', 0xFE: '☑',
	},
}
