// Package convert is the list of formats: it tells them apart by their content
// and turns one into another, analyses and validates them.
//
// It owns which readers and writers there are. It does not own any of them.
package convert

import (
	"context"
	"io"

	"github.com/crank-platform/crank/format/doc"
	"github.com/crank-platform/crank/format/doc/docx"
	"github.com/crank-platform/crank/format/doc/html"
	"github.com/crank-platform/crank/format/doc/markdown"
	"github.com/crank-platform/crank/format/doc/pandocjson"
	"github.com/crank-platform/crank/format/doc/text"
)

// Format is what this library knows about a format. Read or Write is nil where
// there is none.
type Format struct {
	Name    doc.Format
	Aliases []string // other names callers may use, e.g. "md"
	Media   string   // media type of what Write makes
	Ext     string   // usual extension with its dot
	Read    func(context.Context, io.ReaderAt, int64, doc.ReadOptions) (*doc.Document, error)
	Write   func(context.Context, io.Writer, *doc.Document, doc.WriteOptions) ([]doc.Loss, error)
}

// Formats are all formats, in the order in which they are shown.
func Formats() []Format {
	return []Format{
		{doc.Markdown, []string{"md", "gfm", "commonmark"}, "text/markdown; charset=utf-8", ".md", whole(markdown.Read), markdown.Write},
		{doc.HTML, []string{"htm", "html5", "xhtml"}, "text/html; charset=utf-8", ".html", whole(html.Read), html.Write},
		{doc.DOCX, []string{"word"}, "application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".docx", docx.Read, nil},
		{doc.Text, []string{"txt", "plain"}, "text/plain; charset=utf-8", ".txt", whole(text.Read), text.Write},
		{doc.PandocJSON, []string{"json", "pandoc", "native"}, "application/json", ".json", whole(pandocjson.Read), pandocjson.Write},
	}
}

// Lookup finds a format by its name or an alias.
func Lookup(name string) (Format, bool) {
	for _, f := range Formats() {
		if string(f.Name) == name {
			return f, true
		}
		for _, a := range f.Aliases {
			if a == name {
				return f, true
			}
		}
	}
	return Format{}, false
}

// whole makes a reader of bytes one of files.
func whole(read func(context.Context, []byte, doc.ReadOptions) (*doc.Document, error)) func(context.Context, io.ReaderAt, int64, doc.ReadOptions) (*doc.Document, error) {
	return func(ctx context.Context, src io.ReaderAt, size int64, o doc.ReadOptions) (*doc.Document, error) {
		b, err := load(src, size, o.Limits)
		if err != nil {
			return nil, err
		}
		return read(ctx, b, o)
	}
}

// load takes a file into memory, if the limits allow.
func load(src io.ReaderAt, size int64, l doc.Limits) ([]byte, error) {
	if err := doc.CheckSize("convert.read", size, l); err != nil {
		return nil, err
	}
	b := make([]byte, size)
	if n, err := io.ReadFull(io.NewSectionReader(src, 0, size), b); err != nil && size > 0 {
		return nil, doc.Wrap(doc.Malformed, "convert.read", "the input ends before its declared size", err)
	} else {
		b = b[:n]
	}
	return b, nil
}

// Read reads a document; an empty format is detected by content.
func Read(ctx context.Context, from doc.Format, src io.ReaderAt, size int64, o doc.ReadOptions) (*doc.Document, doc.Format, error) {
	if from == "" {
		var err error
		if from, err = Detect(src, size); err != nil {
			return nil, "", err
		}
	}
	f, ok := Lookup(string(from))
	if !ok || f.Read == nil {
		return nil, from, doc.E(doc.Unsupported, "convert.read", "no reader for %q; there are markdown, html, docx, text and pandoc-json", from)
	}
	d, err := f.Read(ctx, src, size, o)
	return d, f.Name, err
}

// Write writes a document in the named format.
func Write(ctx context.Context, to doc.Format, w io.Writer, d *doc.Document, o doc.WriteOptions) ([]doc.Loss, error) {
	f, ok := Lookup(string(to))
	if !ok || f.Write == nil {
		return nil, doc.E(doc.Unsupported, "convert.write", "no writer for %q; there are markdown, html, text and pandoc-json", to)
	}
	return f.Write(ctx, w, d, o)
}

// Request is one conversion. From may be empty: it is then detected.
type Request struct {
	From, To doc.Format
	Src      io.ReaderAt
	Size     int64
	Read     doc.ReadOptions
	Write    doc.WriteOptions
}

// Result is what became of a conversion.
type Result struct {
	From, To doc.Format
	Losses   []doc.Loss           // of the reader, then of the writer
	Media    map[string]doc.Media // the images that travel beside the text
}

// Convert reads, and writes to w. On an error w may hold part of the output.
func Convert(ctx context.Context, r Request, w io.Writer) (Result, error) {
	d, from, err := Read(ctx, r.From, r.Src, r.Size, r.Read)
	if err != nil {
		return Result{}, err
	}
	lost, err := Write(ctx, r.To, w, d, r.Write)
	if err != nil {
		return Result{}, err
	}
	to, _ := Lookup(string(r.To))
	return Result{From: from, To: to.Name, Losses: append(d.Losses, lost...), Media: d.Media}, nil
}
