package mail

import "strings"

// parseAddresses reads an address list, RFC 5322 section 3.4 and what is sent
// in its place: groups are flattened, semicolons may separate, quotes and
// brackets may be left open, names may be raw or encoded anywhere.
func parseAddresses(s, fallback string) []Address {
	p := addressParser{in: s, fallback: fallback, lastAngle: strings.LastIndexByte(s, '>')}
	for p.at < len(p.in) {
		p.step()
	}
	p.finish()
	return p.out
}

type addressParser struct {
	in       string
	fallback string // charset of 8-bit text
	at       int
	out      []Address
	phrase   strings.Builder // display name, quotes undone
	raw      strings.Builder // the same as written: an address may stand there
	angle    string
	hasAddr  bool // an <address> was read
	comment  string

	lastAngle int  // of in: no bracket closes after it
	loose     bool // a quote was never closed: quotes are plain characters
}

func (p *addressParser) step() {
	rest := p.in[p.at:]
	switch c := rest[0]; c {
	case ',', ';':
		p.finish()
		p.at++
	case ':':
		if group := p.raw.String(); !strings.ContainsAny(group, "@[") && !p.hasAddr {
			p.reset() // a group's name
		} else {
			p.both(":")
		}
		p.at++
	case '"':
		text, n := "\"", 1
		if !p.loose {
			text, n = cutQuoted(rest)
			p.loose = n == 1
		}
		p.phrase.WriteString(text)
		p.raw.WriteString(rest[:n])
		p.at += n
	case '(':
		text, n := cutComment(rest)
		p.comment = text
		p.both(" ")
		p.at += n
	case '<':
		end := closingAngle(rest, p.lastAngle-p.at)
		if addr := strings.Trim(rest[1:end], "<> \t"); addr != "" || !p.hasAddr {
			p.angle = addr
		}
		p.hasAddr = true
		if p.at += end; end < len(rest) && rest[end] == '>' {
			p.at++
		}
	case '>': // closes nothing
		p.at++
	case '=':
		if w, ok := cutWordHere(rest); ok { // may hold raw commas
			p.both(rest[:w.length])
			p.at += w.length
			return
		}
		p.both("=")
		p.at++
	case '\\':
		p.both(rest[1:min(2, len(rest))])
		p.at += min(2, len(rest))
	default:
		n := strings.IndexAny(rest[1:], ",;:\"(<>=\\")
		if n < 0 {
			n = len(rest) - 1
		}
		p.both(rest[:n+1])
		p.at += n + 1
	}
}

func (p *addressParser) both(s string) {
	p.phrase.WriteString(s)
	p.raw.WriteString(s)
}

func (p *addressParser) reset() {
	p.phrase.Reset()
	p.raw.Reset()
	p.angle, p.hasAddr, p.comment = "", false, ""
}

// finish adds the address read so far.
func (p *addressParser) finish() {
	name, addr := p.phrase.String(), p.angle
	if !p.hasAddr {
		name, addr = splitBare(p.raw.String(), name)
	} else if addr == "" && strings.Contains(name, "@") && !strings.ContainsAny(strings.TrimSpace(name), " \t") {
		name, addr = "", name // name@host <>
	}
	if _, after, ok := strings.Cut(addr, ":"); ok && strings.HasPrefix(addr, "@") {
		addr = after // a source route, RFC 5322 section 4.4
	}
	if len(addr) > 7 && strings.EqualFold(addr[:7], "mailto:") {
		addr = addr[7:]
	}
	addr = decodeWords(closeUp(addr), p.fallback)
	name = collapse(decodeWords(collapse(name), p.fallback))
	for _, quote := range []string{`"`, "'"} {
		if len(name) > 2 && strings.HasPrefix(name, quote) && strings.HasSuffix(name, quote) {
			name = name[1 : len(name)-1]
		}
	}
	name = strings.TrimPrefix(name, `"`) // a quote never closed
	if name == "" {
		name = collapse(decodeWords(p.comment, p.fallback))
	}
	if name != "" || addr != "" {
		p.out = append(p.out, Address{Name: name, Email: addr})
	}
	p.reset()
}

// splitBare finds the address in text without angle brackets; the rest, if
// any, is a name. A text without @ is a name.
func splitBare(raw, phrase string) (name, addr string) {
	if !strings.Contains(raw, "@") {
		return phrase, ""
	}
	if raw = strings.TrimSpace(raw); strings.HasPrefix(raw, "\"") {
		if _, n := cutQuoted(raw); strings.HasPrefix(strings.TrimSpace(raw[n:]), "@") {
			return "", raw // "a quoted part"@host
		}
		if inner := strings.Trim(raw, "\""); !strings.ContainsAny(inner, "\" \t") {
			return "", inner // the whole address in quotes
		}
	}
	var words []string
	for _, field := range strings.Fields(closeUp(raw)) {
		if addr == "" && strings.Contains(field, "@") {
			addr = strings.Trim(field, "[]\"'")
			continue
		}
		words = append(words, field)
	}
	return strings.Join(words, " "), addr
}

// closeUp takes out the spaces around @ and dots that RFC 822 allowed.
func closeUp(s string) string {
	s = strings.TrimSpace(s)
	if !strings.ContainsAny(s, " \t\r\n") || strings.HasPrefix(s, "\"") {
		return s
	}
	fields := strings.Fields(s)
	var out strings.Builder
	out.WriteString(fields[0])
	for i, f := range fields[1:] {
		last, first := fields[i][len(fields[i])-1], f[0]
		if last != '@' && last != '.' && first != '@' && first != '.' {
			out.WriteByte(' ')
		}
		out.WriteString(f)
	}
	return out.String()
}

// cutQuoted reads the quoted string at the start of s: its text and its
// length. A quote that is never closed stands for itself.
func cutQuoted(s string) (text string, n int) {
	var out strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i++
			out.WriteByte(s[i])
		case c == '"':
			return out.String(), i + 1
		default:
			out.WriteByte(c)
		}
	}
	return "\"", 1
}

// cutComment reads the comment at the start of s, which may hold others; an
// unclosed one runs to the end.
func cutComment(s string) (text string, n int) {
	var out strings.Builder
	depth := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i++
			out.WriteByte(s[i])
			continue
		case c == '(':
			if depth++; depth == 1 {
				continue
			}
		case c == ')':
			if depth--; depth == 0 {
				return out.String(), i + 1
			}
		}
		out.WriteByte(s[i])
	}
	return out.String(), len(s)
}

// closingAngle gives where the bracket opened at s[0] closes; one that never
// does ends before the next comma, or at len(s). No bracket closes after last.
func closingAngle(s string, last int) int {
	quoted := false
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			quoted = !quoted && i < last
		case '\\':
			i++
		case '>':
			if !quoted {
				return i
			}
		case ',', ';':
			if i > last {
				return i
			}
		}
	}
	return len(s)
}

// cutWordHere is cutWord where s may not start an encoded word.
func cutWordHere(s string) (word, bool) {
	if !strings.HasPrefix(s, "=?") {
		return word{}, false
	}
	return cutWord(s)
}

// collapse makes every run of white space one space and trims the ends.
func collapse(s string) string { return strings.Join(strings.Fields(s), " ") }
