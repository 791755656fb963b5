package mail

import (
	"bytes"
	"fmt"
	"strings"
)

// fields is one header section, in order, its values in the sender's bytes.
type fields []Header

// clean gives the fields in valid UTF-8.
func (f fields) clean(fallback string) []Header {
	out := make([]Header, len(f))
	for i, h := range f {
		out[i] = Header{h.Name, guessCharset([]byte(h.Value), fallback)}
	}
	return out
}

// get gives the last field of a name, as RFC 8621 section 4.1.3 rules, with
// its folds undone.
func (f fields) get(name string) (value string, ok bool) {
	for i := len(f) - 1; i >= 0; i-- {
		if strings.EqualFold(f[i].Name, name) {
			return unfold(f[i].Value), true
		}
	}
	return "", false
}

func (f fields) count(name string) (n int) {
	for _, h := range f {
		if strings.EqualFold(h.Name, name) {
			n++
		}
	}
	return n
}

// unfold takes line ends out of a field's value, and NULs, and trims it.
func unfold(s string) string {
	if strings.ContainsAny(s, "\r\n\x00") {
		s = strings.NewReplacer("\r", "", "\n", "", "\x00", "").Replace(s)
	}
	return strings.Trim(s, " \t")
}

// headers reads a header section and the blank line that ends it. A delimiter
// ends it too; so does a line that is no field when no field follows it, which
// is then left for the body.
func (p *parser) headers(s *scanner, part string) fields {
	var (
		out   fields
		open  bytes.Buffer // the field being read
		total int
		flush = func() {
			if open.Len() > 0 {
				out = p.addField(out, open.Bytes(), part)
				open.Reset()
			}
		}
	)
	defer func() { p.checkFields(out, part) }()
	for {
		line, bol, ok := s.line()
		if !ok {
			flush()
			return out
		}
		text, _ := cutEOL(line)
		text = bytes.TrimRight(text, "\r")
		if bol && len(text) == 0 {
			flush()
			return out
		}
		if total += len(line); total > p.limits.HeaderBytes {
			flush()
			p.defect("header-too-long", fmt.Sprintf("more than %d octets", p.limits.HeaderBytes), part)
			p.skipHeader(s)
			return out
		}
		switch {
		case !bol:
			open.Write(line)
		case (text[0] == ' ' || text[0] == '\t') && (open.Len() > 0 || len(bytes.TrimSpace(text)) == 0):
			open.Write(line) // a fold; RFC 5322 section 2.2.3
		case fieldName(text) != "":
			flush()
			open.Write(line)
		case len(out) == 0 && open.Len() == 0 && isFromLine(text):
			p.defect("envelope-line", "an mbox separator stands before the header", part)
		default:
			line = append([]byte{}, line...)
			flush()
			if len(out) == 0 || out.opens(line) || !fieldFollows(s.peek(1024)) {
				if len(out) > 0 {
					p.defect("header-not-ended", "no blank line before the body", part)
				}
				s.unread(line)
				return out
			}
			p.defect("header-without-colon", clip(string(bytes.TrimSpace(line)), 80), part)
		}
	}
}

// opens says whether line is a delimiter of the multipart that f describes.
func (f fields) opens(line []byte) bool {
	if !bytes.HasPrefix(line, []byte("--")) {
		return false
	}
	raw, _ := f.get("Content-Type")
	_, params := parseParams(raw, "")
	return params["boundary"] != "" && string(bytes.TrimRight(line[2:], " \t\r\n")) == params["boundary"]
}

// addField adds the field in raw, line ends and all, if there is room.
func (p *parser) addField(out fields, raw []byte, part string) fields {
	name := fieldName(raw)
	if name == "" {
		return out // only blanks before the first field
	}
	if len(out) >= p.limits.HeaderCount {
		p.defectOnce("too-many-headers", fmt.Sprintf("more than %d fields", p.limits.HeaderCount), part)
		return out
	}
	value := raw[bytes.IndexByte(raw, ':')+1:]
	if !isASCII(value) {
		p.defectOnce("header-8bit", name, part)
	}
	return append(out, Header{Name: name, Value: strings.TrimRight(string(value), "\r\n")})
}

// skipHeader reads on to the blank line.
func (p *parser) skipHeader(s *scanner) {
	for {
		line, bol, ok := s.line()
		if !ok || bol && len(bytes.TrimRight(line, "\r\n")) == 0 {
			return
		}
	}
}

// checkFields names fields that may stand only once and do not.
func (p *parser) checkFields(f fields, part string) {
	for _, name := range []string{"From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Message-ID", "In-Reply-To", "References", "Subject", "Date", "Content-Type", "Content-Transfer-Encoding"} {
		if n := f.count(name); n > 1 {
			p.defect("duplicate-header", fmt.Sprintf("%s stands %d times; the last counts", name, n), part)
		}
	}
}

// fieldName gives the name of the field that a line begins, or "".
func fieldName(line []byte) string {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 {
		return ""
	}
	name := bytes.TrimRight(line[:colon], " \t") // RFC 5322 section 4.5 allows blanks here
	for _, c := range name {
		if c <= ' ' || c >= 0x7F {
			return ""
		}
	}
	return string(name)
}

// fieldFollows says whether text begins with a field.
func fieldFollows(text []byte) bool {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return fieldName(line) != ""
}

// fill sets the header properties of an Email.
func (p *parser) fill(e *Email, f fields, part string) {
	fallback := p.fallback(f)
	e.Headers = f.clean(fallback)
	e.MessageID, e.InReplyTo, e.References = f.ids("Message-ID"), f.ids("In-Reply-To"), f.ids("References")
	e.From, e.Sender, e.ReplyTo = f.addresses("From", fallback), f.addresses("Sender", fallback), f.addresses("Reply-To", fallback)
	e.To, e.CC, e.BCC = f.addresses("To", fallback), f.addresses("Cc", fallback), f.addresses("Bcc", fallback)
	if subject, ok := f.get("Subject"); ok {
		e.Subject = strings.TrimSpace(unfold(decodeWords(subject, fallback)))
	}
	if date, ok := f.get("Date"); ok {
		if t, ok := parseDate(date); ok {
			e.SentAt = &t
		} else {
			p.defect("date-unreadable", clip(date, 80), part)
		}
	}
	if len(f) == 0 {
		p.defect("no-header", "", part)
	} else if len(e.From) == 0 {
		p.defect("no-from", "", part)
	}
}

func (f fields) addresses(name, fallback string) []Address {
	value, _ := f.get(name)
	return parseAddresses(value, fallback)
}

// fallback is the charset to read 8-bit headers in; "" for none.
func (p *parser) fallback(f fields) string {
	if !p.opts.Guess {
		return ""
	}
	raw, _ := f.get("Content-Type")
	if _, params := parseParams(raw, ""); findCharset(params["charset"]) != nil {
		return params["charset"]
	}
	return "windows-1252"
}

func (f fields) ids(name string) []string {
	value, _ := f.get(name)
	return parseIDs(value)
}

// parseIDs gives message ids without their brackets; where there are none at
// all, the words that hold an @.
func parseIDs(s string) (ids []string) {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if !strings.Contains(s, "<") {
		for _, word := range strings.Fields(s) {
			if strings.Contains(word, "@") {
				ids = append(ids, strings.Trim(word, ">,;\"'"))
			}
		}
		return ids
	}
	for {
		open := strings.IndexByte(s, '<')
		if open < 0 {
			return ids
		}
		s = s[open+1:]
		end := strings.IndexAny(s, "<>")
		if end < 0 {
			end = len(s)
		}
		if id := strings.Join(strings.Fields(s[:end]), ""); id != "" {
			ids = append(ids, id)
		}
		s = s[end:]
	}
}

// clip shortens text for a defect.
func clip(s string, n int) string {
	if len(s) <= n {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	return strings.ToValidUTF8(s[:n], "\uFFFD") + "..."
}
