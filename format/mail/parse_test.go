package mail

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// parse reads raw, written with LF, and fails the test on an error.
func parse(t *testing.T, raw string, o Options) *Email {
	t.Helper()
	email, err := Parse(strings.NewReader(raw), o)
	if err != nil {
		t.Fatal(err)
	}
	return email
}

// codes lists the defects' codes.
func codes(defects []Defect) (out []string) {
	for _, d := range defects {
		out = append(out, d.Code)
	}
	return out
}

// tree writes a MIME tree as type#partId(children).
func tree(p *Part) string {
	out := p.Type
	if p.PartID != "" {
		out += "#" + p.PartID
	}
	if len(p.SubParts) > 0 {
		var subs []string
		for _, sub := range p.SubParts {
			subs = append(subs, tree(sub))
		}
		out += "(" + strings.Join(subs, " ") + ")"
	}
	return out
}

func ids(parts []*Part) string {
	var out []string
	for _, p := range parts {
		out = append(out, p.PartID)
	}
	return strings.Join(out, " ")
}

// sample gives the Emails of testdata/sample.mbox.
func sample(t *testing.T, o Options) (emails []*Email) {
	t.Helper()
	f, err := os.Open("testdata/sample.mbox")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for archive := Open(f); ; {
		entry, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return emails
		}
		if err != nil {
			t.Fatal(err)
		}
		email, err := Parse(entry, o)
		if err != nil {
			t.Fatal(err)
		}
		if len(email.Defects)+len(entry.Defects) > 0 && email.MessageID[0] != "fwd-1@example.org" {
			t.Errorf("%v: %v %v", email.MessageID, email.Defects, entry.Defects)
		}
		emails = append(emails, email)
	}
}

func TestASampleMailboxIsReadAsItWasMeant(t *testing.T) {
	stored := map[string]string{}
	emails := sample(t, Options{Nested: true, Sink: func(part *Part, r io.Reader) error {
		if part.Name != "" {
			content, err := io.ReadAll(r)
			stored[part.Name] = string(content)
			return err
		}
		return nil
	}})
	if len(emails) != 6 {
		t.Fatalf("%d messages", len(emails))
	}
	order, letter, plan, forward := emails[0], emails[1], emails[2], emails[5]
	if order.From[0] != (Address{"Order desk, Example Shop", "desk@shop.example.org"}) {
		t.Errorf("from %+v", order.From)
	}
	if text := order.BodyValues["1"].Value; !strings.Contains(text, "\nFrom tomorrow on") {
		t.Errorf("the quoted From line was not restored: %q", text)
	}
	if got := order.SentAt.Format("2006-01-02T15:04:05Z07:00"); got != "2025-03-03T10:15:02+01:00" {
		t.Errorf("sent at %s", got)
	}
	if letter.Subject != "Frühling im Café: drei neue Kuchen" || letter.From[0].Name != "Café Nachrichten" {
		t.Errorf("subject %q, from %+v", letter.Subject, letter.From)
	}
	if want := []Address{{"", "buyer@example.org"}, {"Second Reader", "second@example.org"}}; !reflect.DeepEqual(letter.To, want) {
		t.Errorf("the group became %+v", letter.To)
	}
	if got := tree(letter.BodyStructure); got != "multipart/alternative(text/plain#1 text/html#2)" {
		t.Error(got)
	}
	if ids(letter.TextBody) != "1" || ids(letter.HTMLBody) != "2" || letter.HasAttachment {
		t.Errorf("text %s, html %s, attachment %v", ids(letter.TextBody), ids(letter.HTMLBody), letter.HasAttachment)
	}
	if want := "Ab März gibt es drei neue Kuchen, und der Garten ist wieder geöffnet."; letter.Preview != want {
		t.Errorf("preview %q", letter.Preview)
	}
	if !plan.HasAttachment || plan.Attachments[0].Name != "pläne 2025.csv" || plan.Attachments[0].Size != 28 {
		t.Errorf("attachment %+v", plan.Attachments[0])
	}
	if stored["pläne 2025.csv"] != "room,seats\nnorth,12\nsouth,8\n" {
		t.Errorf("stored %q", stored)
	}
	if got := tree(forward.BodyStructure); got != "multipart/mixed(text/plain#1 message/rfc822(multipart/mixed(text/plain#2.1 application/pdf#2.2)))" {
		t.Error(got)
	}
	if inner := forward.BodyStructure.SubParts[1].Email; inner.Subject != "question about the invoice" || inner.From[0].Email != "customer@example.net" {
		t.Errorf("enclosed %+v", inner)
	}
	if !strings.HasPrefix(stored["invoice 2025-031.pdf"], "%PDF-1.4") {
		t.Errorf("the path was not taken from the name: %q", stored)
	}
	if got := codes(forward.Defects); !reflect.DeepEqual(got, []string{"name-cleaned"}) {
		t.Errorf("defects %v", forward.Defects)
	}
}

func TestAnEnclosedMessageIsOneAttachmentUnlessAskedFor(t *testing.T) {
	var stored []byte
	forward := sample(t, Options{Sink: func(part *Part, r io.Reader) (err error) {
		if part.Type == "message/rfc822" {
			stored, err = io.ReadAll(r)
		}
		return err
	}})[5]
	if ids(forward.Attachments) != "2" || forward.Attachments[0].Name != "question.eml" {
		t.Fatalf("attachments %+v", forward.Attachments)
	}
	inner, err := Parse(bytes.NewReader(stored), Options{})
	if err != nil || inner.Subject != "question about the invoice" || len(inner.Defects) != 1 {
		t.Errorf("stored message: %v %+v", err, inner)
	}
}

func TestLineEndsDoNotChangeWhatIsRead(t *testing.T) {
	raw, err := os.ReadFile("testdata/sample.mbox")
	if err != nil {
		t.Fatal(err)
	}
	texts := func(raw []byte) (out []string) {
		for archive := Open(bytes.NewReader(raw)); ; {
			entry, err := archive.Next()
			if errors.Is(err, io.EOF) {
				return out
			}
			if err != nil {
				t.Fatal(err)
			}
			email, err := Parse(entry, Options{Nested: true})
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, email.Subject, tree(email.BodyStructure), fmt.Sprint(email.BodyValues, email.To, email.References))
		}
	}
	if lf, crlf := texts(raw), texts(bytes.ReplaceAll(raw, []byte("\n"), []byte("\r\n"))); !reflect.DeepEqual(lf, crlf) {
		t.Errorf("LF gives\n%q\nCRLF gives\n%q", lf, crlf)
	}
}

// The example tree of RFC 8621 section 4.1.4.
func TestBodiesAreSortedAsRFC8621Shows(t *testing.T) {
	leaf := func(name, kind, disposition string) string {
		out := "Content-Type: " + kind + "\n"
		if disposition != "" {
			out += "Content-Disposition: " + disposition + "\n"
		}
		return out + "Content-ID: <" + name + ">\n\nx\n"
	}
	multi := func(kind, boundary string, parts ...string) string {
		return "Content-Type: multipart/" + kind + "; boundary=" + boundary + "\n\n--" + boundary + "\n" + strings.Join(parts, "\n--"+boundary+"\n") + "\n--" + boundary + "--\n"
	}
	raw := multi("mixed", "b1",
		leaf("A", "text/plain", "inline"),
		multi("mixed", "b2",
			multi("alternative", "b3",
				multi("mixed", "b4", leaf("B", "text/plain", "inline"), leaf("C", "image/jpeg", "inline"), leaf("D", "text/plain", "inline")),
				multi("related", "b5", leaf("E", "text/html", ""), leaf("F", "image/jpeg", ""))),
			leaf("G", "image/jpeg", "attachment"),
			leaf("H", "application/x-excel", ""),
			"Content-Type: message/rfc822\nContent-ID: <J>\n\nSubject: x\n\nx\n"),
		leaf("K", "text/plain", "inline"))
	email := parse(t, raw, Options{})
	names := func(parts []*Part) string {
		out := ""
		for _, p := range parts {
			out += p.CID
		}
		return out
	}
	if got := [3]string{names(email.TextBody), names(email.HTMLBody), names(email.Attachments)}; got != [3]string{"ABCDK", "AEK", "CFGHJ"} {
		t.Errorf("textBody, htmlBody, attachments are %q", got)
	}
}

func TestABrokenMessageYieldsWhatIsThereAndItsDefects(t *testing.T) {
	const head = "From: a@example.org\nSubject: s\n"
	for name, c := range map[string]struct{ raw, tree, text, defect string }{
		"empty":                           {"", "text/plain#1", "", "no-header"},
		"no header at all":                {"only text\nin lines\n", "text/plain#1", "only text\nin lines\n", "no-header"},
		"no blank line before the body":   {head + "body begins\nhere\n", "text/plain#1", "body begins\nhere\n", "header-not-ended"},
		"a line of junk in the header":    {"From: a@example.org\njunk\nSubject: s\n\nx", "text/plain#1", "x", "header-without-colon"},
		"boundary never shown":            {head + "Content-Type: multipart/mixed; boundary=b\n\ntext", "text/plain#1", "text", "boundary-not-found"},
		"boundary misspelt":               {head + "Content-Type: multipart/mixed; boundary=\"=b\"\n\n--= b\n\ntext\n--= b\n\nmore\n--= b--\n", "multipart/mixed(text/plain#1 text/plain#2)", "text", "boundary-guessed"},
		"no boundary named":               {head + "Content-Type: multipart/mixed\n\n--b\n\ntext\n--b--\n", "multipart/mixed(text/plain#1)", "text", "boundary-guessed"},
		"cut in a multipart":              {head + "Content-Type: multipart/mixed; boundary=b\n\n--b\n\ntex", "multipart/mixed(text/plain#1)", "tex", "missing-close-boundary"},
		"inner multipart left open":       {head + "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\ntext\n--b\n\nmore\n--b--\n", "multipart/mixed(multipart/mixed(text/plain#1.1) text/plain#2)", "text", "missing-close-boundary"},
		"base64 with garbage, unpadded":   {head + "Content-Transfer-Encoding: base64\n\naGVs!bG8g\nd29ybGQ\n", "text/plain#1", "hello world", "base64-garbage"},
		"no base64 though it says so":     {head + "Content-Transfer-Encoding: base64\n\nThis is, quite plainly, text.\n", "text/plain#1", "This is, quite plainly, text.\n", "not-base64"},
		"an equals sign of no meaning":    {head + "Content-Transfer-Encoding: quoted-printable\n\n1+1=2 is =C3=\n=A4", "text/plain#1", "1+1=2 is ä", "quoted-printable-garbage"},
		"unknown transfer encoding":       {head + "Content-Transfer-Encoding: rot13\n\nuryyb", "text/plain#1", "uryyb", "unknown-transfer-encoding"},
		"unknown charset":                 {head + "Content-Type: text/plain; charset=x-none\n\nna\xefve", "text/plain#1", "na\uFFFDve", "charset"},
		"two content types":               {head + "Content-Type: text/html\nContent-Type: text/plain\n\nx", "text/plain#1", "x", "duplicate-header"},
		"a content type of no kind":       {head + "Content-Type: nonsense\n\nx", "text/plain#1", "x", "content-type-unreadable"},
		"a date of no kind":               {head + "Date: some day\n\nx", "text/plain#1", "x", "date-unreadable"},
		"NULs in the text":                {head + "\na\x00b", "text/plain#1", "a\uFFFDb", "charset"},
		"a separator before the header":   {"From a Mon Jan  1 00:00:00 2024\n" + head + "\nx", "text/plain#1", "x", "envelope-line"},
		"multipart that begins in header": {head + "Content-Type: multipart/mixed; boundary=b\n--b\nContent-Type: text/plain\n\nx\n--b--\n", "multipart/mixed(text/plain#1)", "x", "header-not-ended"},
	} {
		t.Run(name, func(t *testing.T) {
			email := parse(t, c.raw, Options{})
			if got := tree(email.BodyStructure); got != c.tree {
				t.Errorf("tree %s, want %s", got, c.tree)
			}
			if len(email.TextBody) == 0 || email.BodyValues[email.TextBody[0].PartID].Value != c.text {
				t.Errorf("text %+v, want %q", email.BodyValues, c.text)
			}
			if got := strings.Join(codes(email.Defects), " "); !strings.Contains(got, c.defect) {
				t.Errorf("defects %s, want %s", got, c.defect)
			}
		})
	}
}

func TestLimitsAreKeptAndNamed(t *testing.T) {
	deep := ""
	for i := range 300 {
		deep += fmt.Sprintf("Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
	}
	wide := "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n\nx\n", 9000) + "--b--\n"
	recursive := strings.Repeat("Content-Type: message/rfc822\n\n", 300)
	for name, c := range map[string]struct {
		raw    string
		limits Limits
		defect string
		check  func(*Email) bool
	}{
		"depth":       {deep, Limits{}, "too-deep", func(e *Email) bool { return strings.Count(tree(e.BodyStructure), "(") == 50 }},
		"messages":    {recursive, Limits{Depth: 7}, "too-deep", func(e *Email) bool { return strings.Count(tree(e.BodyStructure), "(") == 7 }},
		"parts":       {wide, Limits{}, "too-many-parts", func(e *Email) bool { return len(e.BodyStructure.SubParts) == 4999 }},
		"fields":      {strings.Repeat("A: b\n", 3000) + "\n", Limits{}, "too-many-headers", func(e *Email) bool { return len(e.Headers) == 2000 }},
		"header":      {"Subject: s\nX: " + strings.Repeat("x", 1<<20) + "\nY: z\n\nbody", Limits{}, "header-too-long", func(e *Email) bool { return e.Subject == "s" && e.BodyValues["1"].Value == "body" }},
		"text":        {"Subject: s\n\n" + strings.Repeat("ä", 3000), Limits{BodyValueBytes: 101}, "body-truncated", func(e *Email) bool { return e.BodyValues["1"] == BodyValue{strings.Repeat("ä", 50), false, true} }},
		"all texts":   {wide, Limits{BodyValuesBytes: 5}, "body-truncated", func(e *Email) bool { return e.BodyValues["5"].Value == "x" && e.BodyValues["6"].IsTruncated }},
		"the message": {"Subject: s\n\n" + strings.Repeat("x\n", 5000), Limits{MessageBytes: 1000}, "message-too-large", func(e *Email) bool { return e.Size < 1010 && e.BodyValues["1"].Value != "" }},
	} {
		t.Run(name, func(t *testing.T) {
			email := parse(t, c.raw, Options{Nested: true, Limits: c.limits})
			if !strings.Contains(strings.Join(codes(email.Defects), " "), c.defect) || len(email.Defects) > mostDefects+1 {
				t.Errorf("defects %v, want %s", codes(email.Defects), c.defect)
			}
			if !c.check(email) {
				t.Errorf("the limit did not hold: %.300s", fmt.Sprintf("%s %v", tree(email.BodyStructure), email.BodyValues))
			}
		})
	}
}

func TestHostileHeadersCostLittle(t *testing.T) {
	for _, evil := range []string{"<,", "\"\\", "(", "=?a?q?", "a ", "<>,", "\"a\"", "=?a?q?=", ";a=\"", "[", "re:", "=?utf-8?q?a?= "} {
		raw := ""
		for _, name := range []string{"From", "Subject", "References", "Date", "Content-Type", "Content-Disposition"} {
			raw += name + ": " + strings.Repeat(evil, 150_000/len(evil)) + "\n"
		}
		email := parse(t, raw+"\nx", Options{Guess: true})
		BaseSubject(email.Subject)
		if email.BodyValues["1"].Value != "x" {
			t.Errorf("%q: no body", evil)
		}
	}
}

// endless gives base64 text of n octets without holding it.
type endless struct{ n int }

func (e *endless) Read(p []byte) (int, error) {
	if e.n <= 0 {
		return 0, io.EOF
	}
	n := min(len(p), e.n)
	for i := range n {
		p[i] = 'A'
		if (e.n-i)%77 == 0 {
			p[i] = '\n'
		}
	}
	e.n -= n
	return n, nil
}

func TestALargeAttachmentIsStreamedNotHeld(t *testing.T) {
	const size = 64 << 20
	source := io.MultiReader(strings.NewReader("Subject: big\nContent-Type: application/zip; name=big.zip\nContent-Transfer-Encoding: base64\n\n"), &endless{size})
	var got int64
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	email, err := Parse(source, Options{Sink: func(_ *Part, r io.Reader) (err error) {
		got, err = io.Copy(io.Discard, r)
		return err
	}})
	runtime.ReadMemStats(&after)
	if err != nil || got < size*70/100 || email.BodyStructure.Size != got {
		t.Fatalf("%v: %d octets given, size %d", err, got, email.BodyStructure.Size)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
		t.Errorf("%d octets were allocated for a part of %d", used, got)
	}
}

func TestASinkThatReadsNothingStillLeavesTheRestReadable(t *testing.T) {
	const raw = "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\nContent-Type: application/zip\n\nxyz\n--b--\n"
	email := parse(t, raw, Options{Sink: func(part *Part, _ io.Reader) error {
		part.BlobID = "blob-" + part.PartID
		return nil
	}})
	if email.BodyValues["1"].Value != "one" || email.Attachments[0].Size != 3 || email.Attachments[0].BlobID != "blob-2" {
		t.Errorf("%+v %+v", email.BodyValues, email.Attachments)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestFailuresAreToldBesideWhatWasRead(t *testing.T) {
	cause := errors.New("gone")
	email, err := Parse(io.MultiReader(strings.NewReader("Subject: s\n\nhalf"), failing{cause}), Options{})
	var e *Error
	if !errors.As(err, &e) || e.Reason != Unreadable || !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
	if email.Subject != "s" || email.BodyValues["1"].Value != "half" {
		t.Errorf("email %+v", email)
	}
	email, err = Parse(strings.NewReader("Subject: s\n\ntext"), Options{Sink: func(*Part, io.Reader) error { return cause }})
	if !errors.As(err, &e) || e.Reason != SinkFailed || email.BodyValues["1"].Value != "text" {
		t.Errorf("error %v, email %+v", err, email)
	}
}

func TestTransferEncodingsSurviveAnyCutting(t *testing.T) {
	plain := "Zeile mit ä = 100 % \t\nund\tTab \n" + strings.Repeat("lang ", 400) + "\n"
	coded := "Zeile mit =C3=A4 =3D 100 % =09 \t\nund\tTab=20\n" + strings.Repeat("lang ", 400) + "\n"
	want := strings.ReplaceAll(plain, "% \t\n", "% \t\n")
	want = strings.Replace(want, "lang \n", "lang\n", 1) // padding at a line's end is none of the text
	none := func(code, detail string) { t.Errorf("%s %s", code, detail) }
	for step := 1; step < 40; step++ {
		got, err := io.ReadAll(transferDecoder("quoted-printable", &stepper{[]byte(coded), step}, none))
		if err != nil || string(got) != want {
			t.Fatalf("step %d: %v\n%q\n%q", step, err, got, want)
		}
		raw := []byte(base64.StdEncoding.EncodeToString([]byte(plain)))
		got, err = io.ReadAll(transferDecoder("BASE64", &stepper{raw, step}, none))
		if err != nil || string(got) != plain {
			t.Fatalf("step %d: %v %q", step, err, got)
		}
	}
}

// stepper gives n octets at a time.
type stepper struct {
	rest []byte
	n    int
}

func (s *stepper) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.rest[:min(s.n, len(s.rest))])
	s.rest = s.rest[n:]
	return n, nil
}
