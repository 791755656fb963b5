package mail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// entry is what came out of an archive.
type gotEntry struct {
	offset, length int64
	text           string
	defects        string
}

func readAll(t *testing.T, a *Archive) (out []gotEntry) {
	t.Helper()
	for {
		e, err := a.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(e)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, gotEntry{e.Offset, e.Length, string(text), strings.Join(codes(e.Defects), " ")})
	}
}

const sep = "From a@example.org Mon Mar  3 09:15:02 2025\n"

func TestAnMboxIsCutWhereAMessageBegins(t *testing.T) {
	for name, c := range map[string]struct {
		raw  string
		want []string
	}{
		"two messages":                           {sep + "A: 1\n\nx\n\n" + sep + "B: 2\n\ny\n\n", []string{"A: 1\n\nx\n", "B: 2\n\ny\n"}},
		"CRLF":                                   {"From a Mon Mar  3 09:15:02 2025\r\nA: 1\r\n\r\nx\r\n\r\nFrom a Mon Mar  3 09:15:02 2025\r\nB: 2\r\n\r\ny\r\n", []string{"A: 1\r\n\r\nx\r\n", "B: 2\r\n\r\ny\r\n"}},
		"a From line without a date is text":     {sep + "A: 1\n\n\nFrom here on: all is text\n", []string{"A: 1\n\n\nFrom here on: all is text\n"}},
		"a From line without a header is text":   {sep + "A: 1\n\n" + sep + "not a field\n", []string{"A: 1\n\n" + sep + "not a field\n"}},
		"quotes are undone, one at a time":       {sep + "A: 1\n\n>From x\n>>From y\n> From z\n>Fro\n", []string{"A: 1\n\nFrom x\n>From y\n> From z\n>Fro\n"}},
		"many empty lines are kept but one":      {sep + "A: 1\n\nx\n\n\n\n" + sep + "B: 2\n\n", []string{"A: 1\n\nx\n\n\n", "B: 2\n"}},
		"a false Content-Length is not believed": {sep + "A: 1\nContent-Length: 900000\n\nx\n\n" + sep + "B: 2\nContent-Length: 0\n\ny\n", []string{"A: 1\nContent-Length: 900000\n\nx\n", "B: 2\nContent-Length: 0\n\ny\n"}},
		"an older envelope under the separator":  {sep + ">From old Mon Mar  3 09:15:02 2025\nA: 1\n\nx\n", []string{"From old Mon Mar  3 09:15:02 2025\nA: 1\n\nx\n"}},
		"empty lines and a mark before all":      {"\xEF\xBB\xBF\n\n" + sep + "A: 1\n\nx\n", nil},
		"a zone before the year":                 {"From a Mon Mar  3 09:15:02 MET 2025\nA: 1\n\nx\n\nFrom b Mon, 3 Mar 2025 09:15:02 +0100\nB: 2\n\ny\n", []string{"A: 1\n\nx\n", "B: 2\n\ny\n"}},
		"a very long line":                       {sep + "A: 1\n\n" + strings.Repeat("x", 200_000) + "From \n", []string{"A: 1\n\n" + strings.Repeat("x", 200_000) + "From \n"}},
		"nothing":                                {"", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if c.want == nil && c.raw != "" {
				c.want = []string{"A: 1\n\nx\n"}
			}
			var got []string
			var end int64 = -1
			for _, e := range readAll(t, OpenMbox(strings.NewReader(c.raw), 0)) {
				if end >= 0 && e.offset != end {
					t.Errorf("begins at %d, not %d", e.offset, end)
				}
				end = e.offset + e.length
				got = append(got, e.text)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if end >= 0 && end != int64(len(c.raw)) {
				t.Errorf("ends at %d of %d", end, len(c.raw))
			}
		})
	}
}

func TestAnArchiveCutAnywhereYieldsWhatIsThere(t *testing.T) {
	raw, err := os.ReadFile("testdata/sample.mbox")
	if err != nil {
		t.Fatal(err)
	}
	whole := readAll(t, Open(bytes.NewReader(raw)))
	for cut := 60; cut < len(raw); cut++ {
		got := readAll(t, Open(bytes.NewReader(raw[:cut])))
		last := got[len(got)-1]
		if last.offset+last.length != int64(cut) {
			t.Fatalf("cut at %d: ends at %d", cut, last.offset+last.length)
		}
		if midLine := raw[cut-1] != '\n'; midLine != (last.defects == "mbox-cut") && !strings.HasPrefix(string(raw[last.offset:cut]), "From ") {
			t.Fatalf("cut at %d: defects %q", cut, last.defects)
		}
		for i, e := range got[:len(got)-1] {
			if e != whole[i] && i < len(got)-2 {
				t.Fatalf("cut at %d: message %d changed", cut, i)
			}
		}
	}
}

func TestReadingResumesAtAnOffset(t *testing.T) {
	raw, err := os.ReadFile("testdata/sample.mbox")
	if err != nil {
		t.Fatal(err)
	}
	whole := readAll(t, Open(bytes.NewReader(raw)))
	for i, e := range whole {
		rest := readAll(t, OpenMbox(bytes.NewReader(raw[e.offset:]), e.offset))
		if !reflect.DeepEqual(rest, whole[i:]) {
			t.Errorf("from message %d on: %d messages", i, len(rest))
		}
	}
}

func TestUnreadMessagesAreSkipped(t *testing.T) {
	f, err := os.Open("testdata/sample.mbox")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	archive, n := Open(f), 0
	for ; ; n++ {
		e, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || e.Index != n {
			t.Fatalf("%v, index %d", err, e.Index)
		}
		if date, ok := e.Date(); !ok || date.Year() != 2025 || !strings.Contains(e.Sender(), "@") {
			t.Errorf("separator %q: %v %s", e.From, date, e.Sender())
		}
	}
	if n != 6 {
		t.Errorf("%d messages", n)
	}
}

func TestASingleMessageIsAnArchiveOfOne(t *testing.T) {
	raw := "Subject: s\n\n" + sep + "not: split\n\n\n"
	got := readAll(t, Open(strings.NewReader(raw)))
	if want := []gotEntry{{0, int64(len(raw)), raw, ""}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestASeparatorWithoutAnEmptyLineIsTold(t *testing.T) {
	got := readAll(t, Open(strings.NewReader(sep+"A: 1\n\nx\n"+sep+"B: 2\n\ny\n")))
	if len(got) != 2 || got[1].defects != "no-blank-before-separator" || got[0].text != "A: 1\n\nx\n" {
		t.Errorf("%+v", got)
	}
}

func TestWhatIsNoMboxIsRefused(t *testing.T) {
	_, err := OpenMbox(strings.NewReader("Subject: s\n\nx"), 0).Next()
	var e *Error
	if !errors.As(err, &e) || e.Reason != Malformed {
		t.Errorf("error %v", err)
	}
}

func TestAFailingArchiveSaysSo(t *testing.T) {
	cause := errors.New("gone")
	a := Open(io.MultiReader(strings.NewReader(sep+"A: 1\n\nhalf"), failing{cause}))
	e, err := a.Next()
	if err != nil {
		t.Fatal(err)
	}
	email, err := Parse(e, Options{})
	if !errors.Is(err, cause) || email.BodyValues["1"].Value != "half" {
		t.Errorf("%v %+v", err, email.BodyValues)
	}
	if _, err := a.Next(); !errors.Is(err, cause) {
		t.Errorf("next: %v", err)
	}
}

// repeated gives an mbox of n messages without holding it.
type repeated struct {
	n   int
	now bytes.Buffer
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.now.Len() == 0 && r.n > 0 {
		r.n--
		fmt.Fprintf(&r.now, "%sSubject: %d\n\n%s\n", sep, r.n, strings.Repeat("a line of text that goes on and on\n", 30))
	}
	return r.now.Read(p)
}

func TestALongArchiveIsNeverHeldWhole(t *testing.T) {
	const n = 20_000 // about 22 MiB
	archive := Open(&repeated{n: n})
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	count := 0
	for ; ; count++ {
		e, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, e); err != nil {
			t.Fatal(err)
		}
		if count%4000 == 3999 {
			runtime.GC()
			if runtime.ReadMemStats(&now); now.HeapAlloc > before.HeapAlloc+2<<20 {
				t.Fatalf("%d octets are held after message %d", now.HeapAlloc-before.HeapAlloc, count)
			}
		}
	}
	if count != n {
		t.Errorf("%d of %d messages", count, n)
	}
}
