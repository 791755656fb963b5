package email

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/format/mail"
)

// Bounds of an answer, in bytes of JSON: whatever is larger is kept as a blob.
const (
	maxAnswer      = crank.MaxInline - 4<<10
	maxEmails      = maxAnswer / 2 // of an archive
	maxThreads     = maxAnswer / 4
	maxAttachments = 10_000 // of an archive
	headBytes      = 1 << 10
)

// keeper keeps attachments as blobs.
type keeper struct {
	ctx   context.Context
	blobs crank.Blobs
	left  int // attachments that may still be kept
	out   int // attachments left out
	refs  map[string]crank.BlobRef
}

// sink implements mail.Sink.
func (k *keeper) sink(part *mail.Part, content io.Reader) error {
	if (part.Type == "text/plain" || part.Type == "text/html") && part.Disposition != "attachment" && part.Name == "" {
		return nil // a body: its text is in bodyValues
	}
	if k.left--; k.left < 0 {
		k.out++
		return nil
	}
	ref, err := k.blobs.Put(k.ctx, content, part.Type, part.Name)
	if err != nil {
		return err
	}
	if k.refs == nil {
		k.refs = map[string]crank.BlobRef{}
	}
	part.BlobID = ref.Digest.String()
	k.refs[part.PartID] = ref
	return nil
}

// answer is an Email as it is told.
type answer struct {
	Format string `json:"format,omitempty"` // "eml" for a single message
	*mail.Email
	Blobs map[string]crank.BlobRef `json:"blobs,omitempty"`
	Texts map[string]crank.BlobRef `json:"texts,omitempty"`
	Full  *crank.BlobRef           `json:"full,omitempty"`
}

// fit brings an answer below maxAnswer: its longest texts become blobs, and
// where that does not do, all of it becomes one beside a summary.
func (a *answer) fit(ctx context.Context, blobs crank.Blobs) error {
	whole, err := encode(a)
	if err != nil || len(whole) <= maxAnswer {
		return err
	}
	ids := make([]string, 0, len(a.BodyValues))
	for id := range a.BodyValues {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(x, y string) int { // longest first
		if n := len(a.BodyValues[y].Value) - len(a.BodyValues[x].Value); n != 0 {
			return n
		}
		return strings.Compare(x, y)
	})
	size := len(whole)
	for _, id := range ids {
		v := a.BodyValues[id]
		if size <= maxAnswer || len(v.Value) <= headBytes {
			break
		}
		ref, err := blobs.Put(ctx, strings.NewReader(v.Value), "text/plain;charset=utf-8", "")
		if err != nil {
			return err
		}
		if a.Texts == nil {
			a.Texts = map[string]crank.BlobRef{}
		}
		a.Texts[id] = ref
		before, _ := encode(v.Value) // text always encodes
		v.Value, v.IsTruncated = strings.ToValidUTF8(v.Value[:headBytes], ""), true
		a.BodyValues[id] = v
		size += headBytes + 200 - len(before)
	}
	short, err := encode(a)
	if err != nil || len(short) <= maxAnswer {
		return err
	}
	full, err := blobs.Put(ctx, bytes.NewReader(whole), "application/json", "email.json")
	if err != nil {
		return err
	}
	e := a.Email
	*a = answer{Format: a.Format, Full: &full, Email: &mail.Email{
		Size: e.Size, From: e.From[:min(len(e.From), 10)], Subject: clip(e.Subject), SentAt: e.SentAt,
		HasAttachment: e.HasAttachment, Preview: e.Preview, Defects: e.Defects,
	}}
	return nil
}

// clip is the beginning of a text.
func clip(s string) string { return strings.ToValidUTF8(s[:min(len(s), headBytes)], "") }

// list is a JSON list that becomes a blob of one value a line when it grows
// over a bound. Not more than the bound of it is held.
type list struct {
	ctx   context.Context
	blobs crank.Blobs
	name  string
	max   int

	held bytes.Buffer // lines
	to   *io.PipeWriter
	done chan error
	ref  crank.BlobRef
}

// add appends a value.
func (l *list) add(v any) error {
	line, err := encode(v)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	if l.to == nil {
		if l.held.Len()+len(line) <= l.max {
			l.held.Write(line)
			return nil
		}
		from, to := io.Pipe()
		l.to, l.done = to, make(chan error, 1)
		go func() {
			var err error
			l.ref, err = l.blobs.Put(l.ctx, io.MultiReader(&l.held, from), "application/x-ndjson", l.name)
			from.CloseWithError(err)
			l.done <- err
		}()
	}
	_, err = l.to.Write(line)
	return err
}

// end returns the list, or the reference to it. It must be called, with the
// failure that ended the adding, if any.
func (l *list) end(failure error) (json.RawMessage, error) {
	if l.to != nil {
		l.to.CloseWithError(failure) // nil: io.EOF
		if err := <-l.done; failure != nil {
			return nil, failure
		} else if err != nil {
			return nil, crank.Wrap(crank.CodeStore, err, "%s cannot be kept", l.name)
		}
		return encode(l.ref)
	}
	lines := bytes.TrimSuffix(l.held.Bytes(), []byte("\n"))
	return slices.Concat([]byte("["), bytes.ReplaceAll(lines, []byte("\n"), []byte(",")), []byte("]")), failure
}

// encode writes JSON on one line, with < and > as they are.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, crank.Wrap(crank.CodeInternal, err, "the answer cannot be written")
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
