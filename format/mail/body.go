package mail

import (
	"io"
	"strings"
)

// leaf gives the decoded content of a part to the Sink and keeps the text of a
// text part. All of it is read.
func (p *parser) leaf(part *Part, decoded io.Reader, id string) {
	part.PartID = id
	var keep capture
	text := strings.HasPrefix(part.Type, "text/") || part.Type == "message/rfc822"
	if text {
		keep.room = max(0, min(p.limits.BodyValueBytes, p.limits.BodyValuesBytes-p.values))
	}
	meter := &metered{r: decoded, keep: &keep}
	if p.opts.Sink != nil && p.err == nil {
		if err := p.opts.Sink(part, meter); err != nil {
			p.err = &Error{Reason: SinkFailed, Detail: "part " + id, Err: err}
		}
	}
	io.Copy(io.Discard, meter) //nolint:errcheck // content ends; the scanner keeps the source's error
	part.Size = meter.n
	if !text || part.Type == "message/rfc822" && !p.opts.Nested {
		return
	}
	p.values += len(keep.bytes)
	value, problem := p.bodyText(keep.bytes, part.Type, part.Charset)
	truncated := meter.n > int64(len(keep.bytes))
	if truncated {
		p.defect("body-truncated", "", id)
		for k := 1; problem && k < 4 && k < len(keep.bytes); k++ { // a character may be cut
			if text, bad := p.bodyText(keep.bytes[:len(keep.bytes)-k], part.Type, part.Charset); !bad {
				value, problem = text, false
			}
		}
	}
	if problem {
		p.defect("charset", "text does not fit its charset "+clip(part.Charset, 40), id)
	}
	p.email.BodyValues[id] = BodyValue{Value: value, IsEncodingProblem: problem, IsTruncated: truncated}
}

// bodyText decodes the text of a part; line ends become LF.
func (p *parser) bodyText(b []byte, kind, charset string) (text string, problem bool) {
	if charset == "" && kind == "text/html" {
		charset = htmlCharset(b)
	}
	fallback := ""
	if p.opts.Guess {
		fallback = "windows-1252"
	}
	text, problem = decodeCharset(b, charset, fallback)
	if strings.ContainsRune(text, 0) {
		text, problem = strings.ReplaceAll(text, "\x00", "\uFFFD"), true
	}
	return strings.ReplaceAll(strings.TrimPrefix(text, "\uFEFF"), "\r\n", "\n"), problem
}

// metered counts what is read through it and keeps its beginning.
type metered struct {
	r    io.Reader
	n    int64
	keep *capture
}

func (m *metered) Read(b []byte) (int, error) {
	n, err := m.r.Read(b)
	m.n += int64(n)
	m.keep.add(b[:n])
	return n, err
}

type capture struct {
	room  int
	bytes []byte
}

func (c *capture) add(b []byte) {
	b = b[:min(len(b), c.room)]
	c.bytes = append(c.bytes, b...)
	c.room -= len(b)
}
