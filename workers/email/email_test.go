package email_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/harness"
	"github.com/crank-platform/crank/harness/harnesstest"
	"github.com/crank-platform/crank/kit/child"
	"github.com/crank-platform/crank/workers/email"
)

func TestMain(m *testing.M) {
	child.Main()
	if served, err := harness.Serve(func() []crank.Worker { return []crank.Worker{email.New()} }); served {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestTheExamplesHoldInBothIsolations(t *testing.T) {
	for _, isolation := range []string{harness.Inproc, harness.Process} {
		t.Run(isolation, func(t *testing.T) {
			harnesstest.Run(t, email.New(), harness.Config{Isolation: isolation, Children: 1}, "testdata")
		})
	}
}

// client calls the worker through a harness.
type client struct {
	*testing.T
	host  *harness.Host
	blobs harnesstest.Blobs
}

func dial(t *testing.T, isolation string) *client {
	t.Helper()
	c := &client{T: t}
	var err error
	if c.host, err = harness.New(harness.Config{Blobs: &c.blobs, Isolation: isolation, Children: 1}, email.New()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.host.Close)
	return c
}

// parse puts a file and parses it into out.
func (c *client) parse(file io.Reader, more string, out any) crank.Usage {
	c.Helper()
	ref, err := c.blobs.Put(c.Context(), "t", file, crank.Digest{})
	if err != nil {
		c.Fatal(err)
	}
	r, err := c.host.Handle(c.Context(), crank.Call{
		ID: "call_1", Capability: email.Parse, Deadline: time.Now().Add(5 * time.Minute), Principal: crank.Principal{Payer: crank.Payer{Tenant: "t"}},
		Input: json.RawMessage(fmt.Sprintf(`{"file":{"$blob":%q,"size":%d}%s}`, ref.Digest, ref.Size, more)),
	}, crank.Offer{}, nil)
	if err != nil {
		c.Fatal(err)
	}
	if len(r.Output) > crank.MaxInline {
		c.Errorf("the answer has %d bytes, more than travels inside a call", len(r.Output))
	}
	if err := json.Unmarshal(r.Output, out); err != nil {
		c.Fatal(err)
	}
	return r.Usage
}

func (c *client) open(ref crank.BlobRef) io.Reader {
	c.Helper()
	r, _, err := c.blobs.Open(c.Context(), "t", ref.Digest)
	if err != nil {
		c.Fatal(err)
	}
	return r
}

type parsed struct {
	Subject    string
	BodyValues map[string]struct {
		Value       string
		IsTruncated bool
	}
	Texts map[string]crank.BlobRef
	Full  *crank.BlobRef
}

func TestATextTooLongForTheAnswerIsKeptAsABlob(t *testing.T) {
	c := dial(t, harness.Process)
	long := strings.Repeat("Über den Apfel. <b>\n", 20_000)
	var got parsed
	c.parse(strings.NewReader("Subject: long\nContent-Type: text/plain; charset=utf-8\n\n"+long), "", &got)
	if v := got.BodyValues["1"]; !v.IsTruncated || !strings.HasPrefix(long, v.Value) || got.Subject != "long" {
		t.Errorf("the value is %.80q", v.Value)
	}
	if kept, err := io.ReadAll(c.open(got.Texts["1"])); err != nil || string(kept) != long {
		t.Errorf("the blob holds %d bytes, want %d: %v", len(kept), len(long), err)
	}
}

func TestAMessageOfTooManyPartsIsKeptWholeAsABlob(t *testing.T) {
	c := dial(t, harness.Process)
	var m strings.Builder
	m.WriteString("Subject: parts\nContent-Type: multipart/mixed; boundary=b\n\n")
	for i := range 3000 {
		fmt.Fprintf(&m, "--b\nContent-Type: image/png\nContent-Disposition: attachment; filename=%d.png\n\n%d\n", i, i)
	}
	m.WriteString("--b--\n")
	var got, full parsed
	c.parse(strings.NewReader(m.String()), `,"attachments":"none"`, &got)
	if got.Full == nil || got.Subject != "parts" {
		t.Fatalf("the answer is %+v", got)
	}
	if err := json.NewDecoder(c.open(*got.Full)).Decode(&full); err != nil || full.Subject != "parts" {
		t.Errorf("the blob holds %+v, %v", full, err)
	}
}

func TestALargeArchiveIsReadInBoundedMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("it writes an archive of 120 MB")
	}
	const messages = 4000
	c := dial(t, harness.Process)
	body := strings.Repeat("All that is said here is said again. ", 40) + "\n"
	from, to := io.Pipe()
	go func() {
		w := bufio.NewWriter(to)
		for i := range messages {
			fmt.Fprintf(w, "From a@example.org Mon Sep  2 08:15:00 2024\nMessage-ID: <%d@x>\nReferences: <%d@x>\nSubject: s%d\n\n", i, i/10*10, i)
			for range 20 {
				w.WriteString(body)
			}
			w.WriteString("\n")
		}
		w.Flush()
		to.Close()
	}()
	var got struct {
		Messages, Threaded int
		Emails, Threads    crank.BlobRef
	}
	usage := c.parse(from, "", &got)
	if got.Messages != messages || got.Threaded != messages || usage.Of(email.MeterMessages) != messages {
		t.Errorf("the answer is %+v, usage %+v", got, usage)
	}
	lines := func(ref crank.BlobRef) (n int) {
		for s := bufio.NewReader(c.open(ref)); ; n++ {
			line, err := s.ReadBytes('\n')
			if err == io.EOF {
				return n
			}
			if err != nil || !json.Valid(line) {
				t.Fatalf("line %d is no JSON: %v", n, err)
			}
		}
	}
	if e, th := lines(got.Emails), lines(got.Threads); e != messages || th != messages/10 {
		t.Errorf("the blobs have %d messages and %d threads", e, th)
	}
	if peak := usage.Of(crank.MeterMemoryBytes); peak > 200<<20 {
		t.Errorf("it took %d MiB", peak>>20)
	} else {
		t.Logf("it took %d MiB and %d ms of processor", peak>>20, usage.Of(crank.MeterCPUMicros)/1000)
	}
}
