package httpedge

// scanner follows the bytes of one connection. Its zero value stands before the
// first request.
type scanner struct {
	state  state
	field  field
	at     uint8 // how much of the name, the protocol or the value "chunked" has matched
	same   uint8 // which of the names that matter the name may still be
	old    bool  // HTTP/1.0
	length bool  // the head had a Content-Length
	coded  bool  // the head had a Transfer-Encoding
	host   bool
	left   uint64 // of the body or the chunk; while they are read, what they are
	digits uint8
	why    string           // of a fault
	ended  func(offset int) // for tests: a message ended before this byte of what is fed
}

type state uint8

// The states. Those up to headLF are inside a head.
const (
	method state = iota
	target
	protocol
	protocolLF
	line // the first byte of a field's line
	name
	value
	valueLF
	headLF
	body
	chunkSize
	chunkSizeLF
	chunk
	chunkCR
	chunkLF
	lastCR
	lastLF
)

func (s *scanner) inHead() bool { return s.state <= headLF }

// field says which field a line is, and how far its value has come.
type field uint8

const (
	other field = iota
	lengthBefore
	lengthDigits
	lengthAfter
	codingBefore
	codingName
	codingAfter
)

// Bits of the names that matter.
const (
	isLength = 1 << iota
	isCoding
	isHost
)

const (
	lengthName  = "content-length"
	codingField = "transfer-encoding"
	hostName    = "host"
	chunked     = "chunked"
)

// Classes of bytes.
const (
	tchar = 1 << iota // of a token (RFC 9110, section 5.6.2)
	text              // of a field's value: no control character but tab
	vchar             // of a request target: no space, no control character
)

var class = func() (t [256]uint8) {
	for c := range 256 {
		switch b := byte(c); {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= '0' && b <= '9':
			t[c] = tchar
		}
		if c >= ' ' && c != 0x7f || c == '\t' {
			t[c] |= text
		}
		if c > ' ' && c != 0x7f {
			t[c] |= vchar
		}
	}
	for _, b := range []byte("!#$%&'*+-.^_`|~") {
		t[b] |= tchar
	}
	return t
}()

func lower(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

// fault remembers why and returns where.
func (s *scanner) fault(i int, why string) int {
	s.why = why
	return i
}

// feed follows p and returns len(p), or the index of the first byte that is
// refused.
func (s *scanner) feed(p []byte) int {
	for i := 0; i < len(p); {
		b := p[i]
		switch s.state {
		case method:
			if b == ' ' && s.at > 0 {
				s.state, s.at = target, 0
			} else if class[b]&tchar == 0 {
				return s.fault(i, "a request does not begin with a method and one space")
			} else {
				s.at = 1
			}
		case target:
			for i < len(p) && class[p[i]]&vchar != 0 {
				s.at = 1
				i++
			}
			if i == len(p) {
				return i
			}
			if p[i] != ' ' || s.at == 0 {
				return s.fault(i, "a request line has no target and one space")
			}
			s.state, s.at = protocol, 0
		case protocol:
			const want = "HTTP/1."
			switch {
			case int(s.at) < len(want) && b == want[s.at]:
			case int(s.at) == len(want) && (b == '0' || b == '1'):
				s.old = b == '0'
			case int(s.at) == len(want)+1 && b == '\r':
				s.state = protocolLF
			default:
				return s.fault(i, "a request line does not end in HTTP/1.0 or HTTP/1.1 and CRLF")
			}
			s.at++
		case protocolLF:
			if b != '\n' {
				return s.fault(i, "CR stands without LF")
			}
			s.state = line
		case line:
			if b == '\r' {
				s.state = headLF
				break
			}
			if b == ' ' || b == '\t' {
				return s.fault(i, "a line is folded")
			}
			if class[b]&tchar == 0 {
				return s.fault(i, "a line does not begin with a field's name")
			}
			s.state, s.at, s.same = name, 0, isLength|isCoding|isHost
			continue
		case name:
			if n := s.names(p[i:]); n > 0 {
				i += n
				continue
			}
			if b != ':' {
				return s.fault(i, "a field's name is not followed by a colon")
			}
			if why := s.named(); why != "" {
				return s.fault(i, why)
			}
			s.state = value
		case value:
			if s.field == other {
				for i < len(p) && class[p[i]]&text != 0 {
					i++
				}
				if i == len(p) {
					return i
				}
				b = p[i]
			}
			if b == '\r' {
				if why := s.valued(); why != "" {
					return s.fault(i, why)
				}
				s.state = valueLF
			} else if why := s.valueByte(b); why != "" {
				return s.fault(i, why)
			}
		case valueLF:
			if b != '\n' {
				return s.fault(i, "CR stands without LF")
			}
			s.state = line
		case headLF:
			switch {
			case b != '\n':
				return s.fault(i, "CR stands without LF")
			case s.coded && s.length:
				return s.fault(i, "Content-Length and Transfer-Encoding are both given")
			case s.coded && s.old:
				return s.fault(i, "HTTP/1.0 has no Transfer-Encoding")
			case s.coded:
				s.state, s.left, s.digits = chunkSize, 0, 0
			case s.left > 0:
				s.state = body
			default:
				s.end(i + 1)
			}
		case body:
			n := min(s.left, uint64(len(p)-i))
			i += int(n)
			if s.left -= n; s.left == 0 {
				s.end(i)
			}
			continue
		default:
			var why string
			if i, why = s.chunks(p, i); why != "" {
				return s.fault(i, why)
			}
			continue
		}
		i++
	}
	return len(p)
}

// names takes bytes of a name and returns how many.
func (s *scanner) names(p []byte) int {
	for i, b := range p {
		if class[b]&tchar == 0 {
			return i
		}
		if s.same != 0 {
			b = lower(b)
			if int(s.at) >= len(lengthName) || lengthName[s.at] != b {
				s.same &^= isLength
			}
			if int(s.at) >= len(codingField) || codingField[s.at] != b {
				s.same &^= isCoding
			}
			if int(s.at) >= len(hostName) || hostName[s.at] != b {
				s.same &^= isHost
			}
			s.at++
		}
	}
	return len(p)
}

// named ends a name.
func (s *scanner) named() string {
	s.field = other
	switch {
	case s.same == isLength && int(s.at) == len(lengthName):
		if s.length {
			return "Content-Length is given twice"
		}
		s.length, s.field, s.left, s.digits = true, lengthBefore, 0, 0
	case s.same == isCoding && int(s.at) == len(codingField):
		if s.coded {
			return "Transfer-Encoding is given twice"
		}
		s.coded, s.field, s.at = true, codingBefore, 0
	case s.same == isHost && int(s.at) == len(hostName):
		if s.host {
			return "Host is given twice"
		}
		s.host = true
	}
	return ""
}

// valueByte takes a byte of a value.
func (s *scanner) valueByte(b byte) string {
	blank := b == ' ' || b == '\t'
	switch s.field {
	case other:
		return "a field's value has a control character, or a line ends without CR"
	case lengthBefore, codingBefore:
		if blank {
			return ""
		}
		s.field++
		return s.valueByte(b)
	case lengthDigits:
		switch {
		case blank:
			s.field = lengthAfter
		case b < '0' || b > '9' || s.digits == 18:
			return "Content-Length is not a plain number"
		default:
			s.left, s.digits = s.left*10+uint64(b-'0'), s.digits+1
		}
	case codingName:
		switch {
		case blank:
			s.field = codingAfter
		case int(s.at) == len(chunked) || lower(b) != chunked[s.at]:
			return "Transfer-Encoding is not chunked alone"
		default:
			s.at++
		}
	case lengthAfter, codingAfter:
		if !blank {
			return "Content-Length or Transfer-Encoding has more than one value"
		}
	}
	return ""
}

// valued ends a value.
func (s *scanner) valued() string {
	switch s.field {
	case lengthBefore, lengthDigits, lengthAfter:
		if s.digits == 0 {
			return "Content-Length is empty"
		}
	case codingBefore, codingName, codingAfter:
		if int(s.at) != len(chunked) {
			return "Transfer-Encoding is not chunked alone"
		}
	}
	return ""
}

// end stands before the next request.
func (s *scanner) end(offset int) {
	if s.ended != nil {
		s.ended(offset)
	}
	*s = scanner{ended: s.ended}
}
