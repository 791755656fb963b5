package markdown

import (
	"bytes"
	"html"
	"strings"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/util"

	"github.com/crank-platform/crank/format/doc"
)

// run gathers neighbouring text so that words are split once.
type run struct {
	out  []doc.Inline
	text strings.Builder
}

func (r *run) flush() {
	if r.text.Len() > 0 {
		r.out = append(r.out, doc.Words(r.text.String())...)
		r.text.Reset()
	}
}

func (r *run) add(i doc.Inline) {
	r.flush()
	r.out = append(r.out, i)
}

func (r *reader) inlines(parent ast.Node) []doc.Inline {
	var out run
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		if !r.m.Enter() {
			break
		}
		r.inline(n, &out)
		r.m.Leave()
	}
	out.flush()
	return out.out
}

func (r *reader) inline(n ast.Node, out *run) {
	switch n := n.(type) {
	case *ast.Text:
		v := n.Segment.Value(r.src)
		if n.IsRaw() {
			out.text.Write(v)
		} else {
			out.text.WriteString(unescape(v))
		}
		switch {
		case n.HardLineBreak():
			out.add(doc.LineBreak{})
		case n.SoftLineBreak():
			out.add(doc.SoftBreak{})
		}
	case *ast.String:
		if n.IsRaw() || n.IsCode() {
			out.text.Write(n.Value)
		} else {
			out.text.WriteString(unescape(n.Value))
		}
	case *ast.Emphasis:
		if n.Level == 2 {
			out.add(doc.Strong{Inlines: r.inlines(n)})
		} else {
			out.add(doc.Emph{Inlines: r.inlines(n)})
		}
	case *extast.Strikethrough:
		out.add(doc.Strikeout{Inlines: r.inlines(n)})
	case *ast.CodeSpan:
		var b strings.Builder
		for c := n.FirstChild(); c != nil; c = c.NextSibling() {
			if t, ok := c.(*ast.Text); ok {
				b.Write(bytes.ReplaceAll(t.Segment.Value(r.src), []byte("\n"), []byte(" ")))
			}
		}
		out.add(doc.Code{Text: b.String()})
	case *ast.Link:
		out.add(doc.Link{Inlines: r.inlines(n), Target: unescape(n.Destination), Title: unescape(n.Title)})
	case *ast.Image:
		out.add(doc.Image{Inlines: r.inlines(n), Target: unescape(n.Destination), Title: unescape(n.Title)})
	case *ast.AutoLink:
		url := string(n.URL(r.src))
		if n.AutoLinkType == ast.AutoLinkEmail && !strings.HasPrefix(strings.ToLower(url), "mailto:") {
			url = "mailto:" + url
		}
		out.add(doc.Link{Inlines: []doc.Inline{doc.Str{Text: string(n.Label(r.src))}}, Target: url})
	case *ast.RawHTML:
		var b strings.Builder
		for i := range n.Segments.Len() {
			seg := n.Segments.At(i)
			b.Write(seg.Value(r.src))
		}
		out.add(doc.RawInline{Format: "html", Text: b.String()})
	case *extast.TaskCheckBox:
		box := "\u2610"
		if n.IsChecked {
			box = "\u2612"
		}
		out.text.WriteString(box + " ")
	case *extast.FootnoteLink:
		r.note(n.Index, out)
	}
}

func (r *reader) note(index int, out *run) {
	f := r.notes[index]
	if f == nil {
		return
	}
	if r.inNote { // notes may refer to one another in circles
		r.losses.Add("nested-footnote", "a footnote inside a footnote was left out")
		return
	}
	r.inNote = true
	out.add(doc.Note{Blocks: r.blocks(f)})
	r.inNote = false
}

// unescape resolves backslash escapes and character references in one pass.
func unescape(b []byte) string {
	if bytes.IndexByte(b, '\\') < 0 && bytes.IndexByte(b, '&') < 0 {
		return string(b)
	}
	var out strings.Builder
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == '\\' && i+1 < len(b) && util.IsPunct(b[i+1]):
			i++
			out.WriteByte(b[i])
		case b[i] == '&':
			end := bytes.IndexByte(b[i:min(len(b), i+40)], ';')
			if end < 2 {
				out.WriteByte('&')
				continue
			}
			ref := b[i : i+end+1]
			s, ok := reference(ref)
			if !ok {
				out.WriteByte('&')
				continue
			}
			out.WriteString(s)
			i += end
		default:
			out.WriteByte(b[i])
		}
	}
	return out.String()
}

// reference resolves one whole character reference such as "&amp;" or "&#65;".
func reference(ref []byte) (string, bool) {
	if ref[1] != '#' {
		e, ok := util.LookUpHTML5EntityByName(string(ref[1 : len(ref)-1]))
		if !ok {
			return "", false
		}
		return string(e.Characters), true
	}
	digits, limit := ref[2:len(ref)-1], 7
	hex := len(digits) > 0 && (digits[0] == 'x' || digits[0] == 'X')
	if hex {
		digits, limit = digits[1:], 6
	}
	if len(digits) == 0 || len(digits) > limit {
		return "", false
	}
	zero := true
	for _, c := range digits {
		if !(util.IsNumeric(c) || hex && util.IsHexDecimal(c)) {
			return "", false
		}
		zero = zero && c == '0'
	}
	if zero {
		return "\uFFFD", true
	}
	return html.UnescapeString(string(ref)), true
}
