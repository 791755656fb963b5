package convert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/crank-platform/crank/format/doc"
	"github.com/crank-platform/crank/format/doc/docx"
	"github.com/crank-platform/crank/format/doc/html"
)

// Report is what a validation found. Valid means no finding is an error.
type Report struct {
	Format   doc.Format    `json:"format"`
	Valid    bool          `json:"valid"`
	Findings []doc.Finding `json:"findings"`
}

// maxFindings bounds a report's findings about the content.
const maxFindings = 1000

// Validate checks a document's form and the basics of its content. A broken
// document is a report with findings; what the limits or encryption keep shut
// is an error.
func Validate(ctx context.Context, from doc.Format, src io.ReaderAt, size int64, o doc.ReadOptions) (Report, error) {
	if from == "" {
		f, err := Detect(src, size)
		if err != nil {
			return broken("", nil, err)
		}
		from = f
	}
	f, ok := Lookup(string(from))
	if !ok || f.Read == nil {
		return Report{}, doc.E(doc.Unsupported, "convert.validate", "no reader for %q", from)
	}
	found, err := form(ctx, f.Name, src, size, o.Limits)
	if err != nil {
		return broken(f.Name, found, err)
	}
	d, err := f.Read(ctx, src, size, o)
	if err != nil {
		return broken(f.Name, found, err)
	}
	return report(f.Name, append(found, content(f.Name, d)...)), nil
}

func report(f doc.Format, found []doc.Finding) Report {
	r := Report{Format: f, Valid: true, Findings: found}
	for _, x := range found {
		r.Valid = r.Valid && x.Severity != doc.SeverityError
	}
	if r.Findings == nil {
		r.Findings = []doc.Finding{}
	}
	return r
}

// broken makes a report of a document that cannot be read.
func broken(f doc.Format, found []doc.Finding, err error) (Report, error) {
	var e *doc.Error
	if !errors.As(err, &e) || e.Reason != doc.Malformed && e.Reason != doc.TooDeep {
		return Report{Format: f, Findings: found}, err
	}
	for _, x := range found {
		if x.Code == string(e.Reason) { // reported already, with its place
			return report(f, found), nil
		}
	}
	msg := e.What
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	return report(f, append(found, doc.Finding{Severity: doc.SeverityError, Code: string(e.Reason), Place: "document", Message: msg})), nil
}

// form checks what lies below the content: the package, the markup, the bytes.
func form(ctx context.Context, f doc.Format, src io.ReaderAt, size int64, l doc.Limits) ([]doc.Finding, error) {
	if f == doc.DOCX {
		return docx.Check(ctx, src, size, l)
	}
	b, err := load(src, size, l)
	if err != nil {
		return nil, err
	}
	var found []doc.Finding
	if !utf8.Valid(b) && (f == doc.Markdown || f == doc.PandocJSON) {
		at := 0
		for at < len(b) {
			r, n := utf8.DecodeRune(b[at:])
			if r == utf8.RuneError && n == 1 {
				break
			}
			at += n
		}
		line := 1 + bytes.Count(b[:at], []byte("\n"))
		found = append(found, doc.Finding{Severity: doc.SeverityError, Code: "encoding", Place: fmt.Sprintf("line %d", line), Message: "a byte that is no UTF-8"})
	}
	if f == doc.HTML {
		more, err := html.Check(ctx, b, l)
		return append(found, more...), err
	}
	return found, nil
}

// contentCheck looks at the tree; block is the top-level block it is in.
type contentCheck struct {
	found []doc.Finding
	block int
	ids   map[string]bool
	media map[string]doc.Media
	inDoc bool // images travel with the document
}

func (c *contentCheck) add(s doc.Severity, code, format string, a ...any) {
	if len(c.found) < maxFindings {
		c.found = append(c.found, doc.Finding{Severity: s, Code: code, Place: fmt.Sprintf("block %d", c.block), Message: fmt.Sprintf(format, a...)})
	}
}

func content(f doc.Format, d *doc.Document) []doc.Finding {
	c := &contentCheck{ids: map[string]bool{"": true, "top": true}, media: d.Media, inDoc: f == doc.DOCX}
	outline := doc.Outline(d.Blocks)
	last := 0
	for _, h := range outline {
		c.ids[h.ID] = true
		c.block = h.Block
		if h.Text == "" {
			c.add(doc.SeverityWarning, "heading-empty", "a heading of level %d has no text", h.Level)
		}
		if last > 0 && h.Level > last+1 {
			c.add(doc.SeverityWarning, "heading-level-jump", "the heading %q of level %d follows one of level %d", clip(h.Text), h.Level, last)
		}
		last = h.Level
	}
	c.collect(d.Blocks)
	v := doc.Visitor{Block: c.visitBlock, Inline: c.visitInline}
	for i, b := range d.Blocks {
		c.block = i + 1
		v.Blocks([]doc.Block{b})
	}
	return c.found
}

func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

// collect gathers the identifiers that links may point to.
func (c *contentCheck) collect(bs []doc.Block) {
	doc.Visitor{
		Block: func(b doc.Block) bool {
			switch b := b.(type) {
			case doc.Div:
				c.ids[b.Attr.ID] = true
			case doc.Table:
				c.ids[b.Attr.ID] = true
			case doc.Figure:
				c.ids[b.Attr.ID] = true
			case doc.CodeBlock:
				c.ids[b.Attr.ID] = true
			case doc.Header:
				c.ids[b.Attr.ID] = true
			case doc.RawBlock:
				c.raw(b.Text)
			}
			return true
		},
		Inline: func(i doc.Inline) bool {
			switch i := i.(type) {
			case doc.Span:
				c.ids[i.Attr.ID] = true
			case doc.Link:
				c.ids[i.Attr.ID] = true
			case doc.Image:
				c.ids[i.Attr.ID] = true
			case doc.RawInline:
				c.raw(i.Text)
			}
			return true
		},
	}.Blocks(bs)
}

// raw finds the identifiers inside raw HTML.
func (c *contentCheck) raw(s string) {
	for _, key := range []string{` id="`, ` name="`} {
		for rest := s; ; {
			_, after, ok := strings.Cut(rest, key)
			if !ok {
				break
			}
			id, more, _ := strings.Cut(after, `"`)
			c.ids[id] = true
			rest = more
		}
	}
}

func (c *contentCheck) visitBlock(b doc.Block) bool {
	if t, ok := b.(doc.Table); ok && len(t.Head.Rows) == 0 {
		c.add(doc.SeverityWarning, "table-head-missing", "a table has no header row")
	}
	return true
}

func (c *contentCheck) visitInline(i doc.Inline) bool {
	switch i := i.(type) {
	case doc.Image:
		if strings.TrimSpace(doc.PlainText(i.Inlines)) == "" {
			c.add(doc.SeverityWarning, "image-alt-missing", "the image %q has no alternative text", clip(i.Target))
		}
		if i.Target == "" {
			c.add(doc.SeverityError, "image-target-empty", "an image has no address")
		} else if _, ok := c.media[i.Target]; c.inDoc && !ok && !strings.Contains(i.Target, "://") {
			c.add(doc.SeverityError, "image-missing", "the image %q is not in the document", clip(i.Target))
		}
		return false
	case doc.Link:
		id, local := strings.CutPrefix(i.Target, "#")
		if plain, err := url.PathUnescape(id); err == nil {
			id = plain
		}
		switch {
		case i.Target == "":
			c.add(doc.SeverityError, "link-target-empty", "the link %q leads nowhere", clip(doc.PlainText(i.Inlines)))
		case local && !c.ids[id] && !c.ids[strings.ToLower(id)]:
			c.add(doc.SeverityError, "link-broken", "the link to #%s leads to nothing in the document", clip(id))
		}
		if strings.TrimSpace(doc.PlainText(i.Inlines)) == "" && !holdsImage(i.Inlines) {
			c.add(doc.SeverityWarning, "link-text-empty", "the link to %q has no text", clip(i.Target))
		}
	}
	return true
}

func holdsImage(is []doc.Inline) bool {
	found := false
	doc.Visitor{Inline: func(i doc.Inline) bool {
		_, ok := i.(doc.Image)
		found = found || ok
		return !found
	}}.Inlines(is)
	return found
}
