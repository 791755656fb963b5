package email

import (
	"bufio"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/format/mail"
)

// Bounds of what threading may hold.
const (
	maxItems      = 48 << 20 // bytes of ids and subjects
	itemBytes     = 128      // of an item besides its text
	maxReferences = 32       // of one message: the first and the last ones
)

// items gathers what threading needs, up to a bound.
type items struct {
	list []mail.ThreadItem
	size int
	full bool
}

// add takes a copy: an item's texts are parts of its message's whole header.
func (s *items) add(i mail.ThreadItem) {
	if n := len(i.References); n > maxReferences {
		i.References = append(i.References[:1:1], i.References[n-maxReferences+1:]...)
	}
	i.MessageID, i.Subject = strings.Clone(i.MessageID), clip(strings.Clone(i.Subject))
	size := itemBytes + len(i.MessageID) + len(i.Subject)
	for _, ids := range []*[]string{&i.References, &i.InReplyTo} {
		*ids = slices.Clone(*ids)
		for k, id := range *ids {
			(*ids)[k] = strings.Clone(id)
			size += 16 + len(id)
		}
	}
	if s.size += size; s.size > maxItems {
		s.full = true
	}
	if !s.full {
		s.list = append(s.list, i)
	}
}

// threads groups the items into a list or a blob.
func (s *items) threads(ctx context.Context, blobs crank.Blobs, o mail.ThreadOptions) (json.RawMessage, error) {
	out := &list{ctx: ctx, blobs: blobs, name: "threads.ndjson", max: maxThreads}
	var failure error
	for _, t := range mail.Threads(s.list, o) {
		if failure = out.add(t); failure != nil {
			break
		}
	}
	return out.end(failure)
}

func thread(ctx context.Context, t crank.Task) (crank.Result, error) {
	var in struct {
		File      *crank.BlobRef `json:"file"`
		BySubject bool           `json:"by_subject"`
		Messages  []struct {
			MessageID  string    `json:"message_id"`
			InReplyTo  []string  `json:"in_reply_to"`
			References []string  `json:"references"`
			Subject    string    `json:"subject"`
			SentAt     time.Time `json:"sent_at"`
		} `json:"messages"`
	}
	if err := read(t, &in); err != nil {
		return crank.Result{}, err
	}
	var items items
	n := len(in.Messages)
	for _, m := range in.Messages {
		items.add(mail.ThreadItem{MessageID: m.MessageID, References: m.References, InReplyTo: m.InReplyTo, Subject: m.Subject, SentAt: m.SentAt})
	}
	if in.File != nil {
		file, err := t.Blobs.Open(ctx, *in.File)
		if err != nil {
			return crank.Result{}, err
		}
		defer file.Close()
		source := bufio.NewReaderSize(lasting{ctx, file}, 64<<10)
		if start, _ := source.Peek(1); len(start) == 0 {
			return crank.Result{}, noMail("it is empty")
		}
		err = each(ctx, source, func(m *mail.Entry) error {
			e, err := mail.Parse(m, mail.Options{Limits: mail.Limits{BodyValueBytes: 1}})
			if err == nil && n == 0 && len(e.Headers) == 0 && m.From == "" {
				err = noMail("it has no header field")
			}
			n++
			items.add(e.ThreadItem())
			return err
		})
		if err != nil {
			return crank.Result{}, err
		}
	}
	threads, err := items.threads(ctx, t.Blobs, mail.ThreadOptions{BySubject: in.BySubject})
	if err != nil {
		return crank.Result{}, err
	}
	return result(map[string]any{"messages": n, "threaded": len(items.list), "threads": threads}, n)
}
