package mail

import (
	"sort"
	"strconv"
	"strings"
)

// parseParams reads "value; name=value; ..." as Content-Type and
// Content-Disposition write it, with the continuations and charsets of RFC
// 2231 and with the encoded words that are sent in their place. The value and
// the names are in lower case; of two parameters with one name the first counts.
func parseParams(s, fallback string) (value string, params map[string]string) {
	params = map[string]string{}
	s = s[:min(len(s), 64<<10)]
	value, rest := cutParam(s)
	value = strings.ToLower(strings.TrimSpace(dropComments(value)))
	if name, _, ok := strings.Cut(value, "="); ok && !strings.Contains(name, "/") {
		value, rest = "", s // no value, parameters at once
	} else if fields := strings.Fields(value); len(fields) > 1 {
		item := strings.TrimSpace(s)
		if i := strings.IndexAny(item, " \t"); i > 0 && strings.Contains(item[i:], "=") {
			rest = item[i:] // the semicolon is missing
		}
		value = fields[0]
	}
	pieces := map[string][]piece{}
	for range 200 {
		if strings.TrimSpace(rest) == "" {
			break
		}
		var item string
		item, rest = cutParam(rest)
		name, val, ok := strings.Cut(item, "=")
		name = strings.ToLower(strings.TrimSpace(dropComments(name)))
		if !ok || name == "" {
			continue
		}
		val, more := paramValue(name, strings.TrimSpace(val))
		if more != "" {
			rest = more + ";" + rest
		}
		base, p := newPiece(name, val)
		pieces[base] = append(pieces[base], p)
	}
	for base, list := range pieces {
		params[base] = joinPieces(list, fallback)
	}
	return value, params
}

// cutParam cuts s at the next semicolon outside quotes.
func cutParam(s string) (item, rest string) {
	loose := false // a quote was never closed: quotes are plain characters
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == ';':
			return s[:i], s[i+1:]
		case s[i] == '"' && !loose:
			_, n := cutQuoted(s[i:])
			loose = n == 1
			i += n - 1
		}
	}
	return s, ""
}

// paramValue undoes quotes. An unquoted value of any but a name ends at white
// space when another parameter follows it; that one is given as more.
func paramValue(name, val string) (text, more string) {
	if strings.HasPrefix(val, "\"") {
		text, n := cutQuoted(val)
		if n > 1 {
			return text, val[n:]
		}
		return val[1:], ""
	}
	if strings.HasPrefix(name, "name") || strings.HasPrefix(name, "filename") {
		return val, ""
	}
	val = strings.TrimSpace(dropComments(val))
	if i := strings.IndexAny(val, " \t\r\n"); i >= 0 && strings.Contains(val[i:], "=") {
		return val[:i], val[i:]
	}
	return val, ""
}

func dropComments(s string) string {
	at := strings.IndexByte(s, '(')
	if at < 0 || strings.Contains(s[:at], "\"") {
		return s
	}
	_, n := cutComment(s[at:])
	return s[:at] + s[at+n:]
}

// piece is one of the parameters that RFC 2231 puts together: name*0, name*1*.
type piece struct {
	index   int // -1: the plain parameter
	encoded bool
	text    string
}

func newPiece(name, val string) (base string, p piece) {
	base, suffix, ok := strings.Cut(name, "*")
	p = piece{index: -1, text: val}
	if !ok {
		return base, p
	}
	p.index = 0
	p.encoded = suffix == "" || strings.HasSuffix(suffix, "*")
	if n, err := strconv.Atoi(strings.TrimSuffix(suffix, "*")); err == nil && n >= 0 {
		p.index = n
	}
	return base, p
}

func joinPieces(list []piece, fallback string) string {
	sort.SliceStable(list, func(i, j int) bool { return list[i].index < list[j].index })
	if list[len(list)-1].index < 0 {
		return decodeWords(list[0].text, fallback)
	}
	for list[0].index < 0 { // the extended form counts, RFC 6266 section 4.3
		list = list[1:]
	}
	var bytes []byte
	charset, encoded, last := "", false, -1
	for i, p := range list {
		if p.index == last {
			continue
		}
		last = p.index
		if !p.encoded {
			bytes = append(bytes, p.text...)
			continue
		}
		encoded = true
		if parts := strings.SplitN(p.text, "'", 3); i == 0 && len(parts) == 3 {
			charset, p.text = parts[0], parts[2]
		}
		bytes = appendPercent(bytes, p.text)
	}
	if !encoded {
		return decodeWords(string(bytes), fallback)
	}
	text, _ := decodeCharset(bytes, charset, fallback)
	return decodeWords(text, fallback)
}

func appendPercent(out []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && unhex(s[i+1]) < 16 && unhex(s[i+2]) < 16 {
			out = append(out, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
			continue
		}
		out = append(out, s[i])
	}
	return out
}

// cleanName makes a file name out of a sender's wish: the last element of any
// path, without control or direction-changing characters, at most 200 bytes.
func cleanName(s string) (name string, changed bool) {
	s = strings.TrimSpace(s)
	name = s
	if i := strings.LastIndexAny(name, "/\\"); i >= 0 {
		name = name[i+1:]
	}
	if len(name) > 1 && name[1] == ':' { // a drive
		name = name[2:]
	}
	name = strings.Map(func(r rune) rune {
		switch {
		case r < 0x20 || r >= 0x7F && r < 0xA0,
			r >= 0x200B && r <= 0x200F, r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069, r == 0xFEFF, r == 0xFFFD:
			return -1
		case r == ':':
			return '_'
		}
		return r
	}, name)
	if len(name) > 200 {
		stem, ext := name, ""
		if dot := strings.LastIndexByte(name, '.'); dot >= 0 && len(name)-dot <= 20 {
			stem, ext = name[:dot], name[dot:]
		}
		name = strings.ToValidUTF8(stem[:min(len(stem), 200-len(ext))], "") + ext
	}
	if name = strings.TrimSpace(name); strings.Trim(name, ". ") == "" {
		name = ""
	}
	return name, name != s
}
