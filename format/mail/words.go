package mail

import (
	"io"
	"strings"
)

// decodeWords undoes the encoded words of RFC 2047 wherever they stand: with
// spaces inside, without spaces between, in quotes, unpadded, cut off, or with
// one character spread over two of them. What is no encoded word stays, but
// for bytes that are no UTF-8, which are read in fallback (see decodeCharset).
func decodeWords(s, fallback string) string {
	if !strings.Contains(s, "=?") {
		return guessCharset([]byte(s), fallback)
	}
	var (
		out     strings.Builder
		pending []word // that follow one another in one charset
	)
	flush := func() {
		if len(pending) > 0 {
			text, _ := decodeCharset(decodeRun(pending), pending[0].charset, fallback)
			out.WriteString(text)
			pending = pending[:0]
		}
	}
	plain := func(s string) { out.WriteString(guessCharset([]byte(s), fallback)) }
	for len(s) > 0 {
		at := strings.Index(s, "=?")
		if at < 0 {
			flush()
			plain(s)
			break
		}
		w, ok := cutWord(s[at:])
		if !ok {
			flush()
			plain(s[:at+2])
			s = s[at+2:]
			continue
		}
		if gap := s[:at]; len(pending) == 0 || strings.Trim(gap, " \t\r\n") != "" {
			flush()
			plain(gap)
		}
		if len(pending) > 0 && !strings.EqualFold(w.charset, pending[0].charset) {
			flush()
		}
		pending = append(pending, w)
		s = s[at+w.length:]
	}
	flush()
	return out.String()
}

// decodeRun gives the octets of words in one charset. Base64 that was cut
// between them anywhere is put together first.
func decodeRun(words []word) (out []byte) {
	for i := 0; i < len(words); i++ {
		w := words[i]
		for w.encoding == 'b' && len(w.text)%4 != 0 && i+1 < len(words) && words[i+1].encoding == 'b' && (len(w.text)+len(words[i+1].text))%4 == 0 {
			i++
			w.text += words[i].text
		}
		out = append(out, w.decode()...)
	}
	return out
}

// word is one encoded word: =?charset?encoding?text?=
type word struct {
	charset  string
	encoding byte // 'q' or 'b'
	text     string
	length   int // of the whole word
}

// longestWord bounds an encoded word; RFC 2047 allows 75 octets, senders do not care.
const longestWord = 8 << 10

// cutWord reads the encoded word at the start of s. One without its end is
// taken when it runs to the end of s.
func cutWord(s string) (w word, ok bool) {
	s = s[:min(len(s), longestWord)]
	rest := s[2:]
	q := strings.IndexByte(rest, '?')
	if q < 1 || q > 60 || strings.ContainsAny(rest[:q], " \t\r\n\"<>,;") || len(rest) < q+3 || rest[q+2] != '?' {
		return w, false
	}
	w.charset, _, _ = strings.Cut(rest[:q], "*") // RFC 2231 section 5: charset*language
	w.encoding = rest[q+1] | 0x20
	if w.encoding != 'q' && w.encoding != 'b' {
		return w, false
	}
	start := 2 + q + 3
	end := strings.Index(s[start:], "?=")
	// In Q, "?=" may be a bare question mark before an escape: =?utf-8?Q?why?=21?=
	for w.encoding == 'q' && end >= 0 && len(s) > start+end+3 && unhex(s[start+end+2]) < 16 && unhex(s[start+end+3]) < 16 {
		next := strings.Index(s[start+end+2:], "?=")
		if next < 0 || strings.ContainsAny(s[start+end+2:start+end+2+next], " \t?") {
			break
		}
		end += 2 + next
	}
	switch {
	case end >= 0:
		w.text, w.length = s[start:start+end], start+end+2
		if strings.Contains(w.text, "=?") { // an unfinished word before another
			return word{}, false
		}
	case len(s) < longestWord && !strings.ContainsAny(s[start:], " \t<>"):
		w.text, w.length = strings.TrimSuffix(s[start:], "?"), len(s)
	default:
		return word{}, false
	}
	return w, true
}

func (w word) decode() []byte {
	if w.encoding == 'b' {
		out, _ := io.ReadAll(&base64Reader{src: strings.NewReader(w.text), tell: func(string, string) {}})
		return out
	}
	out := make([]byte, 0, len(w.text))
	for i := 0; i < len(w.text); i++ {
		switch c := w.text[i]; {
		case c == '_':
			out = append(out, ' ')
		case c == '=' && i+2 < len(w.text) && unhex(w.text[i+1]) < 16 && unhex(w.text[i+2]) < 16:
			out = append(out, unhex(w.text[i+1])<<4|unhex(w.text[i+2]))
			i += 2
		default:
			out = append(out, c)
		}
	}
	return out
}
