package mail

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
)

const scanBuffer = 16 << 10 // a longer line is handed on in fragments

// scanner hands out the lines of a message and stops at MIME delimiters. Every
// open boundary is known at every depth, as RFC 2046 section 5.1.2 requires,
// so that an unclosed inner multipart never swallows its outer neighbours.
type scanner struct {
	br     *bufio.Reader
	bounds []string // open boundaries, outermost first
	hit    hit      // the delimiter that stopped the last line
	back   []byte   // a line put back by unread
	mid    bool     // the last fragment ended within a line
	read   int64    // octets consumed, delimiters included
	limit  int64    // octets that may be consumed
	over   bool     // limit was met
	err    error    // a failure other than io.EOF
}

// hit is a delimiter line: the level of its boundary in scanner.bounds.
type hit struct {
	set   bool
	level int
	close bool // the closing form, with two dashes after it
}

func newScanner(r io.Reader, limit int64) *scanner {
	return &scanner{br: bufio.NewReaderSize(r, scanBuffer), limit: limit}
}

// line returns the next line with its line end, or a fragment of a very long
// one; bol is true at the beginning of a line. It is false at the end of the
// source and at a delimiter, until the hit is taken. The slice lasts until the
// next call.
func (s *scanner) line() (frag []byte, bol, ok bool) {
	if s.hit.set {
		return nil, false, false
	}
	if s.back != nil {
		frag, s.back = s.back, nil
		if s.stops(frag) {
			return nil, false, false
		}
		return frag, true, true
	}
	if s.read >= s.limit {
		if _, err := s.br.Peek(1); err == nil {
			s.over = true
		}
		return nil, false, false
	}
	frag, err := s.br.ReadSlice('\n')
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) && !errors.Is(err, io.EOF) && s.err == nil {
		s.err = err
	}
	if len(frag) == 0 {
		return nil, false, false
	}
	s.read += int64(len(frag))
	bol = !s.mid
	s.mid = frag[len(frag)-1] != '\n'
	if bol && s.stops(frag) {
		return nil, false, false
	}
	return frag, bol, true
}

// stops says whether a line is a delimiter, and if so notes it; of several
// boundaries that fit, the innermost is meant.
func (s *scanner) stops(line []byte) bool {
	if len(s.bounds) == 0 || len(line) < 3 || line[0] != '-' || line[1] != '-' {
		return false
	}
	rest := string(bytes.TrimRight(line[2:], " \t\r\n"))
	for level := len(s.bounds) - 1; level >= 0; level-- {
		after, ok := strings.CutPrefix(rest, s.bounds[level])
		if ok && (after == "" || after == "--") {
			s.hit = hit{set: true, level: level, close: after != ""}
			return true
		}
	}
	return false
}

// unread puts a line back to be read again.
func (s *scanner) unread(line []byte) { s.back = append([]byte{}, line...) }

// peek shows up to n octets of what follows, best effort.
func (s *scanner) peek(n int) []byte {
	b, _ := s.br.Peek(n)
	return b
}

// blank says that nothing but white space is left in the source.
func (s *scanner) blank() bool {
	b, err := s.br.Peek(64)
	return s.back == nil && err != nil && len(bytes.TrimSpace(b)) == 0
}

// skip reads on to the next delimiter or the end.
func (s *scanner) skip() {
	for {
		if _, _, ok := s.line(); !ok {
			return
		}
	}
}

// content reads the body of one part. The line end before a delimiter belongs
// to the delimiter (RFC 2046 section 5.1.1), so each is held back by one line.
type content struct {
	s       *scanner
	eol     []byte // the line end to give before queue
	held    []byte // the line end of the line in queue
	queue   []byte
	stopped bool
}

func (c *content) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(c.eol) > 0 {
			k := copy(p[n:], c.eol)
			c.eol, n = c.eol[k:], n+k
			continue
		}
		if len(c.queue) > 0 {
			k := copy(p[n:], c.queue)
			c.queue, n = c.queue[k:], n+k
			continue
		}
		if c.stopped {
			break
		}
		frag, _, ok := c.s.line()
		if !ok {
			c.stopped = true
			if !c.s.hit.set {
				c.eol = c.held
			}
			c.held = nil
			continue
		}
		c.eol = c.held
		c.queue, c.held = cutEOL(frag)
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// cutEOL splits a line from its line end, which is a constant and lasts.
func cutEOL(line []byte) (text, eol []byte) {
	switch n := len(line); {
	case n > 1 && line[n-1] == '\n' && line[n-2] == '\r':
		return line[:n-2], crlf
	case n > 0 && line[n-1] == '\n':
		return line[:n-1], crlf[1:]
	default:
		return line, nil
	}
}

var crlf = []byte("\r\n")
