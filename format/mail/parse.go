package mail

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Parse reads one message to its end. The Email is never nil and holds what
// could be read, also beside an error, which is an *Error of reason Unreadable
// or SinkFailed.
func Parse(r io.Reader, o Options) (*Email, error) {
	p := &parser{opts: o, limits: o.Limits.orDefaults(), once: map[string]bool{}}
	p.email.BodyValues = map[string]BodyValue{}
	s := newScanner(r, p.limits.MessageBytes)
	root, f := p.message(s, "", "1", 0)
	p.fill(&p.email, f, "")
	s.hit = hit{}
	s.skip()
	if s.over {
		p.defect("message-too-large", fmt.Sprintf("what follows octet %d was not read", s.limit), "")
	}
	p.email.Size = s.read
	p.email.BodyStructure = root
	p.email.arrange()
	p.email.Defects = p.defects
	if p.err == nil && s.err != nil {
		p.err = &Error{Reason: Unreadable, Detail: fmt.Sprintf("after octet %d", s.read), Err: s.err}
	}
	return &p.email, p.err
}

// parser is the state of one Parse.
type parser struct {
	opts    Options
	limits  Limits
	email   Email
	defects []Defect
	once    map[string]bool
	parts   int
	values  int // octets kept in BodyValues
	err     error
}

const mostDefects = 200

func (p *parser) defect(code, detail, part string) {
	switch {
	case len(p.defects) < mostDefects:
		p.defects = append(p.defects, Defect{code, detail, part})
	case len(p.defects) == mostDefects:
		p.defects = append(p.defects, Defect{Code: "more-defects", Detail: "the rest is not listed"})
	}
}

// defectOnce lists a code once per part.
func (p *parser) defectOnce(code, detail, part string) {
	if key := code + " " + part; !p.once[key] {
		p.once[key] = true
		p.defect(code, detail, part)
	}
}

// message reads a header and the entity it describes. section is "" for the
// outermost message, else the part it is enclosed in; single is the partId of
// an entity that is not a multipart.
func (p *parser) message(s *scanner, section, single string, depth int) (*Part, fields) {
	f := p.headers(s, section)
	return p.entity(s, f, place{section: section, single: single, depth: depth}), f
}

// place is where an entity stands in the tree.
type place struct {
	section string // prefix of its children's partIds
	single  string // its own partId, should it be a leaf
	depth   int
	digest  bool // in a multipart/digest
}

func (at place) child(n int) string {
	if at.section == "" {
		return strconv.Itoa(n)
	}
	return at.section + "." + strconv.Itoa(n)
}

// entity reads the body that f describes.
func (p *parser) entity(s *scanner, f fields, at place) *Part {
	p.parts++
	part, params := p.describe(f, at)
	encoding, _ := f.get("Content-Transfer-Encoding")
	deep := at.depth >= p.limits.Depth
	multipart := strings.HasPrefix(part.Type, "multipart/")
	message := p.opts.Nested && (part.Type == "message/rfc822" || part.Type == "message/global")
	if deep && (multipart || message) {
		p.defect("too-deep", fmt.Sprintf("nesting over %d is not taken apart", p.limits.Depth), at.single)
		if multipart {
			part.Type = "application/octet-stream"
		}
		multipart, message = false, false
	}
	switch {
	case multipart:
		p.multipart(s, part, params["boundary"], at)
	case message:
		p.enclosed(s, part, encoding, at)
	default:
		p.leaf(part, transferDecoder(encoding, &content{s: s}, p.teller(at.single)), at.single)
	}
	return part
}

func (p *parser) teller(part string) flaw {
	return func(code, detail string) { p.defectOnce(code, detail, part) }
}

// describe reads the Content fields of a part.
func (p *parser) describe(f fields, at place) (*Part, map[string]string) {
	fallback := p.fallback(f)
	part := &Part{Type: "text/plain"}
	if at.digest {
		part.Type = "message/rfc822" // RFC 2046 section 5.1.5
	}
	var params map[string]string
	if raw, ok := f.get("Content-Type"); ok {
		var value string
		value, params = parseParams(raw, fallback)
		if major, minor, ok := strings.Cut(value, "/"); ok && major != "" && minor != "" {
			part.Type = strings.ToValidUTF8(value, "\uFFFD")
		} else if value == "multipart" && params["boundary"] != "" {
			part.Type = "multipart/mixed"
		} else {
			p.defect("content-type-unreadable", clip(raw, 80), at.single)
		}
	}
	part.Charset = strings.ToValidUTF8(params["charset"], "\uFFFD")
	name := params["name"]
	if raw, ok := f.get("Content-Disposition"); ok {
		value, more := parseParams(raw, fallback)
		part.Disposition = strings.ToValidUTF8(value, "\uFFFD")
		if more["filename"] != "" {
			name = more["filename"]
		}
	}
	clean, changed := cleanName(name)
	if part.Name = clean; changed {
		p.defect("name-cleaned", clip(name, 80), at.single)
	}
	if raw, ok := f.get("Content-ID"); ok {
		part.CID = strings.ToValidUTF8(strings.Trim(raw, "<> \t"), "\uFFFD")
	}
	if raw, ok := f.get("Content-Language"); ok {
		part.Language = strings.FieldsFunc(strings.ToValidUTF8(raw, "\uFFFD"), func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
	}
	if raw, ok := f.get("Content-Location"); ok {
		part.Location = strings.Join(strings.Fields(decodeWords(raw, fallback)), "")
	}
	return part, params
}

// multipart reads the children between delimiters. One that never shows its
// boundary is a text.
func (p *parser) multipart(s *scanner, part *Part, boundary string, at place) {
	boundary = strings.TrimRight(boundary, " \t")
	level := len(s.bounds)
	if boundary == "" {
		p.defect("no-boundary", part.Type, at.single)
	} else {
		s.bounds = append(s.bounds, boundary)
	}
	preamble := p.preamble(s, level)
	if len(s.bounds) == level || !s.hit.set || s.hit.level < level {
		s.bounds = s.bounds[:level]
		if boundary != "" {
			p.defect("boundary-not-found", clip(boundary, 80), at.single)
		}
		if guess := guessBoundary(preamble); guess != "" && len(preamble) < p.limits.BodyValueBytes {
			p.defect("boundary-guessed", clip(guess, 80), at.single)
			p.multipart(newScanner(bytes.NewReader(preamble), s.limit), part, guess, at)
			return
		}
		part.Type, part.Charset = "text/plain", ""
		p.leaf(part, bytes.NewReader(preamble), at.single)
		return
	}
	for n := 1; s.hit.set && s.hit.level == level && !s.hit.close; n++ {
		s.hit = hit{}
		if n > 1 && s.blank() {
			break // a delimiter with nothing after it stands for the closing one
		}
		if p.parts >= p.limits.Parts {
			p.defectOnce("too-many-parts", fmt.Sprintf("more than %d; the rest is left out", p.limits.Parts), "")
			s.skip()
			continue
		}
		id := at.child(n)
		f := p.headers(s, id)
		child := place{section: id, single: id, depth: at.depth + 1, digest: part.Type == "multipart/digest"}
		part.SubParts = append(part.SubParts, p.entity(s, f, child))
	}
	s.bounds = s.bounds[:level]
	if s.hit.set && s.hit.level == level {
		s.hit = hit{}
		s.skip() // the epilogue
		return
	}
	p.defect("missing-close-boundary", clip(boundary, 80), at.section)
}

// preamble reads up to the first delimiter and gives what stood there, as far
// as a body value may be long. Where no boundary is named, the first line that
// looks like a delimiter names it.
func (p *parser) preamble(s *scanner, level int) []byte {
	var kept []byte
	for {
		line, bol, ok := s.line()
		if !ok {
			return kept
		}
		if text := bytes.TrimRight(line, " \t\r\n"); bol && len(s.bounds) == level && len(text) > 2 && len(text) <= 72 && bytes.HasPrefix(text, []byte("--")) && !bytes.ContainsAny(text, " \t") {
			s.bounds = append(s.bounds, string(text[2:]))
			s.hit = hit{set: true, level: level}
			p.defect("boundary-guessed", string(text[2:]), "")
			return kept
		}
		if len(kept) < p.limits.BodyValueBytes {
			kept = append(kept, line[:min(len(line), p.limits.BodyValueBytes-len(kept))]...)
		}
	}
}

// guessBoundary finds the boundary that a text uses, by a line that opens and
// a line that closes; "" if there is none.
func guessBoundary(text []byte) string {
	opened := map[string]bool{}
	for line := range bytes.Lines(text) {
		rest, ok := bytes.CutPrefix(bytes.TrimRight(line, " \t\r\n"), []byte("--"))
		if !ok || len(rest) == 0 || len(rest) > 100 {
			continue
		}
		if open, ok := strings.CutSuffix(string(rest), "--"); ok && opened[open] {
			return open
		}
		opened[string(rest)] = true
	}
	return ""
}

// enclosed reads a message within the message. One without any header field is
// kept as a leaf.
func (p *parser) enclosed(s *scanner, part *Part, encoding string, at place) {
	before := s.read
	inner, encoded := s, transferDecoder(encoding, &content{s: s}, p.teller(at.single))
	if _, plain := encoded.(*content); !plain {
		p.defect("encoded-message", encoding, at.single) // RFC 2046 section 5.2.1 forbids it
		inner = newScanner(encoded, s.limit)
	}
	f := p.headers(inner, at.section)
	if len(f) == 0 {
		p.defect("not-a-message", "an enclosed message has no header", at.single)
		p.leaf(part, &content{s: inner}, at.single)
	} else {
		root := p.entity(inner, f, place{section: at.section, single: at.child(1), depth: at.depth + 1})
		part.SubParts = []*Part{root}
		part.Email = &Email{}
		p.fill(part.Email, f, at.single)
		part.Size = s.read - before
		part.Email.Size = part.Size
	}
	if inner != s {
		inner.hit = hit{}
		inner.skip()
		if part.Email != nil {
			part.Size, part.Email.Size = inner.read, inner.read
		}
		io.Copy(io.Discard, encoded) //nolint:errcheck // a decoder fails only as s does
	}
}
