package mail

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParse: any bytes give an Email whose JSON can be written, whose parts
// have ids of their own and whose size is what was read.
func FuzzParse(f *testing.F) {
	if raw, err := os.ReadFile("testdata/sample.mbox"); err == nil {
		for _, piece := range bytes.Split(raw, []byte("\n\nFrom ")) {
			f.Add(piece)
		}
	}
	f.Add([]byte("Content-Type: multipart/mixed; boundary=\"a\"\n\n--a\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogeAoKeQ==\n--a--"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, o := range []Options{{Nested: true}, {Guess: true, Limits: Limits{HeaderBytes: 100, HeaderCount: 3, Depth: 2, Parts: 4, BodyValueBytes: 9, BodyValuesBytes: 30}}} {
			sunk := map[string]int64{}
			o.Sink = func(part *Part, r io.Reader) error {
				n, err := io.Copy(io.Discard, r)
				sunk[part.PartID] = n
				return err
			}
			email, err := Parse(bytes.NewReader(raw), o)
			if err != nil {
				t.Fatal(err)
			}
			if email.Size != int64(len(raw)) {
				t.Fatalf("read %d of %d", email.Size, len(raw))
			}
			check(t, email, email.BodyStructure, sunk, map[string]bool{})
			out, err := json.Marshal(email)
			if err != nil || !utf8.Valid(out) {
				t.Fatalf("json: %v", err)
			}
		}
	})
}

func check(t *testing.T, e *Email, part *Part, sunk map[string]int64, seen map[string]bool) {
	if strings.ContainsAny(part.Name, "/\\\x00\n") || !utf8.ValidString(part.Name+part.Type+part.Charset+part.CID+part.Disposition) {
		t.Fatalf("part %+v", part)
	}
	if part.PartID != "" {
		if size, ok := sunk[part.PartID]; seen[part.PartID] || !ok || size != part.Size {
			t.Fatalf("part %s: seen %v, sunk %v, %d of %d octets", part.PartID, seen[part.PartID], ok, size, part.Size)
		}
		seen[part.PartID] = true
		if !utf8.ValidString(e.BodyValues[part.PartID].Value) {
			t.Fatalf("value of %s is no UTF-8", part.PartID)
		}
	}
	for _, sub := range part.SubParts {
		check(t, e, sub, sunk, seen)
	}
}

// FuzzMbox: messages follow one another without gap to the end of the source,
// and none is read beyond its length.
func FuzzMbox(f *testing.F) {
	if raw, err := os.ReadFile("testdata/sample.mbox"); err == nil {
		f.Add(raw, 7)
	}
	f.Add([]byte("From a Mon Mar  3 09:15:02 2025\nA: 1\n\n\n\n>From x\nFrom b Mon Mar  3 09:15:02 2025\n>From c\nB: 2\n\nx"), 1)
	f.Fuzz(func(t *testing.T, raw []byte, step int) {
		archive := Open(&stepper{raw, max(1, step%5000)})
		end := int64(-1)
		for {
			e, err := archive.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if end >= 0 && e.Offset != end {
				t.Fatalf("begins at %d, not %d", e.Offset, end)
			}
			n, err := io.Copy(io.Discard, e)
			if err != nil || n > e.Length {
				t.Fatalf("%v: %d octets of %d", err, n, e.Length)
			}
			end = e.Offset + e.Length
		}
		if end >= 0 && end != int64(len(raw)) {
			t.Fatalf("ends at %d of %d", end, len(raw))
		}
	})
}

// FuzzHeader: every reader of header values gives valid UTF-8 of any bytes,
// and no name is a path.
func FuzzHeader(f *testing.F) {
	for _, seed := range []string{
		"A <a@example.org>, \"B\" <b@c>", "=?utf-8?q?a?= =?koi8-r?b?8A==?=", "text/plain; name*0*=utf-8''%C3; name*1=x", "Mon, 3 Mar 2025 09:15:02 +0100 (CET)", "<a@b> <c@d>", "Re: [x] Fwd: (y) (fwd)",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, fallback := range []string{"", "windows-1252", "euc-kr"} {
			if got := decodeWords(s, fallback); !utf8.ValidString(got) {
				t.Fatalf("words %q", got)
			}
			for _, a := range parseAddresses(s, fallback) {
				if !utf8.ValidString(a.Name+a.Email) || a.Name == "" && a.Email == "" {
					t.Fatalf("address %+v", a)
				}
			}
			_, params := parseParams(s, fallback)
			for name, value := range params {
				if !utf8.ValidString(value) {
					t.Fatalf("parameter %q=%q", name, value)
				}
				if clean, _ := cleanName(value); strings.ContainsAny(clean, "/\\") || len(clean) > 200 {
					t.Fatalf("name %q", clean)
				}
			}
		}
		if d, ok := parseDate(s); ok {
			if _, err := d.MarshalJSON(); err != nil {
				t.Fatal(err)
			}
		}
		parseIDs(s)
		BaseSubject(s)
	})
}
