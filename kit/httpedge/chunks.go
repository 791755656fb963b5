package httpedge

// chunks follows a chunked body from p[i] on (RFC 9112, section 7.1), without
// extensions and trailers. It returns where to go on, or where the fault is.
func (s *scanner) chunks(p []byte, i int) (int, string) {
	b := p[i]
	switch s.state {
	case chunkSize:
		if d, ok := hex(b); ok {
			if s.digits == 15 {
				return i, "a chunk's size is out of range"
			}
			s.left, s.digits = s.left<<4|d, s.digits+1
			return i + 1, ""
		}
		if b != '\r' || s.digits == 0 {
			return i, "a chunk's size is not a plain hex number and CRLF"
		}
		s.state = chunkSizeLF
	case chunkSizeLF:
		if b != '\n' {
			return i, "CR stands without LF"
		}
		if s.state = chunk; s.left == 0 {
			s.state = lastCR
		}
	case chunk:
		n := min(s.left, uint64(len(p)-i))
		if s.left -= n; s.left == 0 {
			s.state = chunkCR
		}
		return i + int(n), ""
	case chunkCR, lastCR:
		if b != '\r' {
			return i, "a chunk does not end in CRLF, or a trailer follows"
		}
		s.state++
	case chunkLF:
		if b != '\n' {
			return i, "CR stands without LF"
		}
		s.state, s.digits = chunkSize, 0
	case lastLF:
		if b != '\n' {
			return i, "CR stands without LF"
		}
		s.end(i + 1)
	}
	return i + 1, ""
}

func hex(b byte) (uint64, bool) {
	switch {
	case b >= '0' && b <= '9':
		return uint64(b - '0'), true
	case b >= 'a' && b <= 'f':
		return uint64(b-'a') + 10, true
	case b >= 'A' && b <= 'F':
		return uint64(b-'A') + 10, true
	}
	return 0, false
}
