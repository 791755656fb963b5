package mail

import (
	"bytes"
	"encoding/base64"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// findCharset gives the encoding of a charset name as mail writes it, or nil.
func findCharset(name string) encoding.Encoding {
	name = strings.ToLower(strings.Trim(name, " \t\r\n\"'"))
	switch name {
	case "utf-16":
		return unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	case "utf-32":
		return utf32.UTF32(utf32.BigEndian, utf32.UseBOM)
	case "hz-gb-2312":
		return simplifiedchinese.HZGB2312
	case "cp932", "ms932", "windows-932":
		return japanese.ShiftJIS
	case "cp936", "ms936", "windows-936":
		return simplifiedchinese.GBK
	case "ansi_x3.110-1983", "iso-8859-1-windows-3.1-latin-1", "iso-8859-1-windows-3.0-latin-1":
		return charmap.Windows1252
	}
	for _, try := range []string{name, strings.Replace(name, "cp", "windows-", 1), strings.Replace(name, "cp-", "windows-", 1), strings.ReplaceAll(name, "_", "-")} {
		if enc, err := htmlindex.Get(try); err == nil && enc != encoding.Replacement {
			return enc
		}
		if enc, err := ianaindex.MIME.Encoding(try); err == nil && enc != nil {
			return enc
		}
		if enc, err := ianaindex.IANA.Encoding(try); err == nil && enc != nil {
			return enc
		}
	}
	return nil
}

// decodeCharset turns b into UTF-8. Where the charset is absent, plain ASCII or
// unknown and b is no UTF-8, it is read as fallback, itself a charset; with ""
// invalid bytes become U+FFFD. problem is true when the name was not known or
// some bytes did not fit it.
func decodeCharset(b []byte, name, fallback string) (text string, problem bool) {
	switch lower := strings.ToLower(strings.TrimSpace(name)); {
	case lower == "utf-8" || lower == "utf8":
		return strings.ToValidUTF8(string(b), "\uFFFD"), !utf8.Valid(b)
	case lower == "utf-7" || lower == "unicode-1-1-utf-7" || lower == "unicode-2-0-utf-7":
		return decodeUTF7(b)
	case lower == "" || lower == "us-ascii" || lower == "ascii" || lower == "ansi_x3.4-1968":
		return guessCharset(b, fallback), !isASCII(b) && (lower != "" || !utf8.Valid(b))
	}
	enc := findCharset(name)
	if enc == nil {
		return guessCharset(b, fallback), true
	}
	out, err := enc.NewDecoder().Bytes(b)
	if err != nil {
		return guessCharset(b, fallback), true
	}
	return strings.ToValidUTF8(string(out), "\uFFFD"), bytes.Contains(out, []byte("\uFFFD"))
}

// guessCharset reads bytes of no known charset: as UTF-8, else as fallback.
func guessCharset(b []byte, fallback string) string {
	if fallback != "" && !utf8.Valid(b) {
		if enc := findCharset(fallback); enc != nil {
			if out, err := enc.NewDecoder().Bytes(b); err == nil {
				return strings.ToValidUTF8(string(out), "\uFFFD")
			}
		}
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

// htmlCharset is the charset an HTML page names in itself, or "".
func htmlCharset(page []byte) string {
	if utf8.Valid(page) {
		return ""
	}
	_, name, certain := charset.DetermineEncoding(page, "text/html")
	if !certain && name == "windows-1252" {
		return ""
	}
	return name
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// decodeUTF7 reads RFC 2152, which golang.org/x/text leaves out.
func decodeUTF7(b []byte) (text string, problem bool) {
	var out strings.Builder
	for len(b) > 0 {
		plus := bytes.IndexByte(b, '+')
		if plus < 0 {
			plus = len(b)
		}
		out.WriteString(guessCharset(b[:plus], "windows-1252"))
		if plus == len(b) {
			break
		}
		b = b[plus+1:]
		n := 0
		for n < len(b) && base64Value[b[n]] < 64 {
			n++
		}
		raw, err := base64.RawStdEncoding.DecodeString(string(b[:n-n%4]) + trimPartial(b[n-n%4:n]))
		problem = problem || err != nil
		switch {
		case n == 0 && len(b) > 0 && b[0] == '-':
			out.WriteByte('+')
		case n == 0:
			out.WriteByte('+')
			problem = true
		default:
			units := make([]uint16, len(raw)/2)
			for i := range units {
				units[i] = uint16(raw[2*i])<<8 | uint16(raw[2*i+1])
			}
			out.WriteString(string(utf16.Decode(units)))
		}
		b = b[n:]
		if len(b) > 0 && b[0] == '-' {
			b = b[1:]
		}
	}
	return out.String(), problem
}

// trimPartial drops the lone last character of a base64 run, which holds no octet.
func trimPartial(b []byte) string {
	if len(b) == 1 {
		return ""
	}
	return string(b)
}
