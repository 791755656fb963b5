package mail

import (
	"bufio"
	"io"
	"strings"
)

// base64Value maps a character to its six bits; 64 and above are no digits.
var base64Value = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xFF
	}
	for i, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" {
		t[c] = byte(i)
	}
	return t
}()

// flaw is told by a transfer decoder what was wrong with its input.
type flaw func(code, detail string)

// transferDecoder undoes a Content-Transfer-Encoding. An unknown encoding is
// passed through and told.
func transferDecoder(encoding string, r io.Reader, tell flaw) io.Reader {
	encoding, _, _ = strings.Cut(encoding, ";")
	if i := strings.IndexByte(encoding, '('); i >= 0 {
		encoding = encoding[:i]
	}
	switch strings.ToLower(strings.Trim(encoding, " \t\r\n\"'.")) {
	case "base64", "base-64", "b":
		br := bufio.NewReaderSize(r, 1024)
		if start, _ := br.Peek(1024); !isBase64(start) {
			tell("not-base64", "the content is not in its encoding and was taken as it is")
			return br
		}
		return &base64Reader{src: br, tell: tell}
	case "quoted-printable", "quoted_printable", "quoted/printable", "quotedprintable", "q":
		return &quotedReader{src: r, tell: tell}
	case "", "7bit", "7-bit", "8bit", "8-bit", "binary", "none":
		return r
	default:
		tell("unknown-transfer-encoding", encoding)
		return r
	}
}

// isBase64 says whether a body that begins with start may be base64: at most
// one character in eight is none of its own.
func isBase64(start []byte) bool {
	stray := 0
	for _, c := range start {
		if base64Value[c] >= 64 && c != '=' && c != '\r' && c != '\n' {
			stray++
		}
	}
	return stray*8 <= len(start)
}

// base64Reader decodes base64 and passes over what is not: line ends, dashes,
// NULs, and padding in the middle where encoded pieces were put together.
type base64Reader struct {
	src    io.Reader
	tell   flaw
	in     [4096]byte
	out    []byte // decoded, not yet read
	buf    [3 * 1025]byte
	bits   uint32
	digits int // digits held in bits, 0..3
	pads   int
	stray  int // characters passed over
	done   bool
}

func (d *base64Reader) Read(p []byte) (int, error) {
	for len(d.out) == 0 {
		if d.done {
			return 0, io.EOF
		}
		n, err := d.src.Read(d.in[:])
		d.decode(d.in[:n])
		if err != nil {
			d.finish()
			if err != io.EOF {
				return 0, err
			}
		}
	}
	n := copy(p, d.out)
	d.out = d.out[n:]
	return n, nil
}

func (d *base64Reader) decode(in []byte) {
	out := d.buf[:0]
	for _, c := range in {
		v := base64Value[c]
		if v < 64 {
			d.pads = 0
			d.bits, d.digits = d.bits<<6|uint32(v), d.digits+1
			if d.digits == 4 {
				out = append(out, byte(d.bits>>16), byte(d.bits>>8), byte(d.bits))
				d.bits, d.digits = 0, 0
			}
			continue
		}
		switch c {
		case '=':
			if d.pads++; d.digits > 0 {
				out = d.flush(out)
			}
		case '\r', '\n', ' ', '\t':
		default:
			d.stray++
		}
	}
	d.out = out
}

// flush gives the octets of an unfinished group of four.
func (d *base64Reader) flush(out []byte) []byte {
	switch d.digits {
	case 2:
		out = append(out, byte(d.bits>>4))
	case 3:
		out = append(out, byte(d.bits>>10), byte(d.bits>>2))
	}
	d.bits, d.digits = 0, 0
	return out
}

func (d *base64Reader) finish() {
	d.done = true
	if d.digits > 0 {
		d.tell("base64-cut", "the last group of four is not complete")
		d.out = d.flush(d.out)
	}
	if d.stray > 0 {
		d.tell("base64-garbage", "characters that are not base64 were passed over")
	}
}

// quotedReader decodes quoted-printable; an equals sign that starts no valid
// escape stands for itself.
type quotedReader struct {
	src   io.Reader
	tell  flaw
	in    [4096]byte
	line  []byte // bytes of src not yet decoded
	out   []byte
	buf   []byte
	eof   bool
	wrong bool
}

func (d *quotedReader) Read(p []byte) (int, error) {
	for len(d.out) == 0 {
		if d.eof {
			return 0, io.EOF
		}
		n, err := d.src.Read(d.in[:])
		d.line = append(d.line, d.in[:n]...)
		if err != nil {
			d.eof = true
			if err != io.EOF {
				return 0, err
			}
		}
		d.decode()
	}
	n := copy(p, d.out)
	d.out = d.out[n:]
	return n, nil
}

// decode turns whole lines, and at the end or in a line without end all of it,
// into out.
func (d *quotedReader) decode() {
	out, in := d.buf[:0], d.line
	for len(in) > 0 {
		switch c := in[0]; {
		case c == '=':
			k, b, ok, more := quoted(in, d.eof)
			if more {
				goto wait
			}
			if !ok {
				d.wrong = true
			}
			out, in = append(out, b...), in[k:]
		case c == ' ' || c == '\t':
			k := 1
			for k < len(in) && (in[k] == ' ' || in[k] == '\t') {
				k++
			}
			rest := in[k:]
			if !d.eof && k < 1000 && (len(rest) == 0 || string(rest) == "\r") {
				goto wait
			}
			padding := len(rest) == 0 && d.eof || len(rest) > 0 && rest[0] == '\n' || len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n'
			if !padding {
				out = append(out, in[:k]...)
			}
			in = in[k:]
		default:
			k := 1
			for k < len(in) && in[k] != '=' && in[k] != ' ' && in[k] != '\t' {
				k++
			}
			out, in = append(out, in[:k]...), in[k:]
		}
	}
wait:
	d.buf, d.out = out, out
	d.line = append(d.line[:0], in...)
	if d.eof && d.wrong {
		d.tell("quoted-printable-garbage", "an equals sign that is no escape was kept")
	}
}

// quoted reads the escape at the start of in: k octets of input stand for b.
// more is true when the input may go on with something that decides it.
func quoted(in []byte, eof bool) (k int, b []byte, ok, more bool) {
	if len(in) >= 3 {
		if hi, lo := unhex(in[1]), unhex(in[2]); hi < 16 && lo < 16 {
			return 3, []byte{hi<<4 | lo}, true, false
		}
	}
	k = 1
	for k < len(in) && (in[k] == ' ' || in[k] == '\t') {
		k++
	}
	switch {
	case k < len(in) && in[k] == '\n':
		return k + 1, nil, true, false
	case k+1 < len(in) && in[k] == '\r' && in[k+1] == '\n':
		return k + 2, nil, true, false
	case k == len(in) && eof:
		return k, nil, true, false
	case !eof && len(in) < 1000 && (k >= len(in)-1):
		return 0, nil, false, true
	default:
		return 1, in[:1], false, false
	}
}

// unhex gives a hexadecimal digit's value, or 16.
func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	default:
		return 16
	}
}
