// Package markdown reads CommonMark and GitHub-flavoured Markdown with
// footnotes and YAML metadata, and writes GitHub-flavoured Markdown.
//
// It owns the mapping between goldmark's syntax tree and the document tree. It
// does not own Markdown's grammar, which is goldmark's.
package markdown

import (
	"bytes"
	"context"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"

	"github.com/crank-platform/crank/format/doc"
)

const op = "markdown.read"

// Read reads GitHub-flavoured Markdown with footnotes and a YAML metadata
// block. Any UTF-8 text is Markdown, so its errors are *doc.Error too-large or
// too-deep, malformed where the parser gives up, or the context's.
func Read(ctx context.Context, src []byte, o doc.ReadOptions) (*doc.Document, error) {
	meta, body := metadata(src)
	d, err := read(ctx, goldmark.New(goldmark.WithExtensions(extension.GFM, extension.Footnote)), body, o)
	if err != nil {
		return nil, err
	}
	d.Meta = meta
	return d, nil
}

// ReadCommonMark reads strict CommonMark without any extension.
func ReadCommonMark(ctx context.Context, src []byte, o doc.ReadOptions) (*doc.Document, error) {
	return read(ctx, goldmark.New(), src, o)
}

func read(ctx context.Context, md goldmark.Markdown, src []byte, o doc.ReadOptions) (d *doc.Document, err error) {
	l := o.Limits.Or()
	if err := doc.CheckSize(op, int64(len(src)), l); err != nil {
		return nil, err
	}
	if err := guard(src, l); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	defer func() { // the parser is foreign code that reads untrusted bytes
		if r := recover(); r != nil {
			d, err = nil, doc.E(doc.Malformed, op, "the parser failed: %v", r)
		}
	}()
	src = bytes.TrimPrefix(bytes.ToValidUTF8(src, []byte("\uFFFD")), []byte("\uFEFF"))
	root := md.Parser().Parse(text.NewReader(src))
	r := &reader{src: src, m: doc.NewMeter(ctx, op, l), notes: map[int]*extast.Footnote{}, losses: doc.Losses{By: "markdown reader"}}
	for n := root.FirstChild(); n != nil; n = n.NextSibling() {
		if list, ok := n.(*extast.FootnoteList); ok {
			for f := list.FirstChild(); f != nil; f = f.NextSibling() {
				if f, ok := f.(*extast.Footnote); ok {
					r.notes[f.Index] = f
				}
			}
		}
	}
	blocks := r.blocks(root)
	if err := r.m.Err(); err != nil {
		return nil, err
	}
	return &doc.Document{Blocks: blocks, Losses: r.losses.List()}, nil
}

// reader turns goldmark's tree into ours.
type reader struct {
	src    []byte
	m      *doc.Meter
	notes  map[int]*extast.Footnote
	inNote bool
	losses doc.Losses
}

func (r *reader) blocks(parent ast.Node) []doc.Block {
	var out []doc.Block
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		if !r.m.Enter() {
			return out
		}
		if b := r.block(n); b != nil {
			out = append(out, b)
		}
		r.m.Leave()
	}
	return out
}

func (r *reader) block(n ast.Node) doc.Block {
	switch n := n.(type) {
	case *ast.Paragraph:
		return doc.Para{Inlines: r.inlines(n)}
	case *ast.TextBlock:
		return doc.Plain{Inlines: r.inlines(n)}
	case *ast.Heading:
		return doc.Header{Level: n.Level, Inlines: r.inlines(n)}
	case *ast.ThematicBreak:
		return doc.HorizontalRule{}
	case *ast.Blockquote:
		return doc.BlockQuote{Blocks: r.blocks(n)}
	case *ast.CodeBlock:
		return doc.CodeBlock{Text: r.lines(n)}
	case *ast.FencedCodeBlock:
		b := doc.CodeBlock{Text: r.lines(n)}
		if lang := n.Language(r.src); len(lang) > 0 {
			b.Attr.Classes = []string{unescape(lang)}
		}
		return b
	case *ast.HTMLBlock:
		s := r.lines(n)
		if n.HasClosure() {
			s += "\n" + string(bytes.TrimRight(n.ClosureLine.Value(r.src), "\n"))
		}
		return doc.RawBlock{Format: "html", Text: s}
	case *ast.List:
		var items [][]doc.Block
		for it := n.FirstChild(); it != nil; it = it.NextSibling() {
			items = append(items, r.blocks(it))
		}
		if !n.IsOrdered() {
			return doc.BulletList{Items: items}
		}
		delim := doc.Period
		if n.Marker == ')' {
			delim = doc.OneParen
		}
		return doc.OrderedList{Start: n.Start, Style: doc.Decimal, Delim: delim, Items: items}
	case *extast.Table:
		return r.table(n)
	}
	return nil // footnote lists and link definitions have no place of their own
}

func (r *reader) lines(n ast.Node) string {
	var b bytes.Buffer
	for i := range n.Lines().Len() {
		seg := n.Lines().At(i)
		b.Write(seg.Value(r.src))
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

func (r *reader) table(n *extast.Table) doc.Block {
	var t doc.Table
	align := map[extast.Alignment]doc.Alignment{extast.AlignLeft: doc.AlignLeft, extast.AlignRight: doc.AlignRight, extast.AlignCenter: doc.AlignCenter}
	for _, a := range n.Alignments {
		t.Columns = append(t.Columns, doc.Column{Align: align[a]})
	}
	body := doc.Body{}
	for row := n.FirstChild(); row != nil; row = row.NextSibling() {
		var cells []doc.Cell
		for c := row.FirstChild(); c != nil; c = c.NextSibling() {
			cell := doc.Cell{}
			if is := r.inlines(c); len(is) > 0 {
				cell.Blocks = []doc.Block{doc.Plain{Inlines: is}}
			}
			cells = append(cells, cell)
		}
		if row.Kind() == extast.KindTableHeader {
			t.Head.Rows = append(t.Head.Rows, doc.Row{Cells: cells})
		} else {
			body.Rows = append(body.Rows, doc.Row{Cells: cells})
		}
	}
	t.Bodies = []doc.Body{body}
	return t
}
