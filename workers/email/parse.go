package email

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"strings"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/format/mail"
)

// parameters are the input of email/parse@1.
type parameters struct {
	File         crank.BlobRef `json:"file"`
	Nested       bool          `json:"nested"`
	Guess        bool          `json:"guess"`
	Attachments  string        `json:"attachments"`
	MaxBodyValue *int          `json:"max_body_value_bytes"`
}

// options are what they mean for one message.
func (p parameters) options(sink mail.Sink) mail.Options {
	o := mail.Options{Nested: p.Nested, Guess: p.Guess}
	if p.Attachments != "none" {
		o.Sink = sink
	}
	if p.MaxBodyValue != nil {
		o.Limits.BodyValueBytes = *p.MaxBodyValue
	}
	return o
}

func parse(ctx context.Context, t crank.Task) (crank.Result, error) {
	var p parameters
	if err := read(t, &p); err != nil {
		return crank.Result{}, err
	}
	file, err := t.Blobs.Open(ctx, p.File)
	if err != nil {
		return crank.Result{}, err
	}
	defer file.Close()
	source := bufio.NewReaderSize(lasting{ctx, file}, 64<<10)
	start, err := source.Peek(1024)
	switch {
	case len(start) == 0 && err == io.EOF:
		return crank.Result{}, noMail("it is empty")
	case mail.IsMbox(start):
		return archive(ctx, t, p, source)
	}
	k := &keeper{ctx: ctx, blobs: t.Blobs, left: maxAttachments}
	e, err := mail.Parse(source, p.options(k.sink))
	if err != nil {
		return crank.Result{}, mended(ctx, err)
	}
	if len(e.Headers) == 0 {
		return crank.Result{}, noMail("it has no header field")
	}
	a := answer{Format: "eml", Email: e, Blobs: k.refs}
	if err := a.fit(ctx, t.Blobs); err != nil {
		return crank.Result{}, err
	}
	return result(a, 1)
}

// entry is an Email of an archive.
type entry struct {
	Index  int    `json:"index"`
	Offset int64  `json:"offset"` // of its separator in the file
	Length int64  `json:"length"`
	Sender string `json:"envelopeFrom,omitempty"`
	answer
}

// archive reads an mbox, holding one message of it at a time.
func archive(ctx context.Context, t crank.Task, p parameters, source io.Reader) (crank.Result, error) {
	var out struct {
		Format   string          `json:"format"`
		Messages int             `json:"messages"`
		Defects  int             `json:"defects"`
		Emails   json.RawMessage `json:"emails"`
		Threads  json.RawMessage `json:"threads"`
		Threaded int             `json:"threaded"`
		LeftOut  int             `json:"attachmentsLeftOut,omitempty"`
	}
	out.Format = "mbox"
	emails := &list{ctx: ctx, blobs: t.Blobs, name: "emails.ndjson", max: maxEmails}
	k := &keeper{ctx: ctx, blobs: t.Blobs, left: maxAttachments}
	var items items
	err := each(ctx, source, func(m *mail.Entry) error {
		k.refs = nil
		e, err := mail.Parse(m, p.options(k.sink))
		if err != nil {
			return err
		}
		e.Defects = append(e.Defects, m.Defects...)
		out.Messages++
		out.Defects += len(e.Defects)
		items.add(e.ThreadItem())
		return emails.add(entry{m.Index, m.Offset, m.Length, strings.ToValidUTF8(m.Sender(), "\uFFFD"), answer{Email: e, Blobs: k.refs}})
	})
	if out.Emails, err = emails.end(err); err != nil {
		return crank.Result{}, mended(ctx, err)
	}
	out.Threaded, out.LeftOut = len(items.list), k.out
	if out.Threads, err = items.threads(ctx, t.Blobs, mail.ThreadOptions{}); err != nil {
		return crank.Result{}, err
	}
	return result(out, out.Messages)
}

// each hands out the messages of an archive.
func each(ctx context.Context, source io.Reader, do func(*mail.Entry) error) error {
	a := mail.Open(source)
	for n := 0; ; n++ {
		m, err := a.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil && n == maxMessages {
			err = tooMany()
		}
		if err == nil {
			err = do(m)
		}
		if err != nil {
			return mended(ctx, err)
		}
	}
}
