// Package html reads HTML into the document tree and writes clean, semantic
// HTML5 from it.
//
// It owns which elements mean what. It does not own the HTML grammar, which is
// x/net/html's, and it never fetches anything a document refers to.
package html

import (
	"bufio"
	"context"
	"encoding/base64"
	"io"
	"strconv"
	"strings"

	"github.com/crank-platform/crank/format/doc"
)

// Write writes the document as HTML and returns what HTML or the options could
// not keep.
func Write(ctx context.Context, w io.Writer, d *doc.Document, o doc.WriteOptions) ([]doc.Loss, error) {
	bw := bufio.NewWriterSize(w, 1<<15)
	p := &writer{w: bw, o: o, media: d.Media, losses: doc.Losses{By: "html writer"}}
	if o.Standalone {
		p.head(d.Meta)
	}
	for _, b := range d.Blocks {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p.block(b)
	}
	p.footnotes()
	if o.Standalone {
		p.s("</body>\n</html>\n")
	}
	if err := bw.Flush(); err != nil {
		return nil, err
	}
	return p.losses.List(), nil
}

// Blocks writes blocks as an HTML fragment without footnotes of their own.
func Blocks(bs []doc.Block, o doc.WriteOptions) string {
	var sb strings.Builder
	bw := bufio.NewWriter(&sb)
	p := &writer{w: bw, o: o}
	p.blocks(bs)
	p.footnotes()
	_ = bw.Flush() // a strings.Builder never fails
	return sb.String()
}

type writer struct {
	w      *bufio.Writer // keeps its first error until Flush
	o      doc.WriteOptions
	media  map[string]doc.Media
	notes  [][]doc.Block
	losses doc.Losses
}

func (p *writer) s(s string) { _, _ = p.w.WriteString(s) }

var (
	textEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	attrEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")
)

func (p *writer) esc(s string) { _, _ = textEscaper.WriteString(p.w, s) }

func (p *writer) set(name, value string) {
	p.s(" " + name + `="`)
	_, _ = attrEscaper.WriteString(p.w, value)
	p.s(`"`)
}

// attr writes id, classes and pairs; keys HTML does not know become data-*.
func (p *writer) attr(a doc.Attr) {
	if a.ID != "" {
		p.set("id", a.ID)
	}
	if len(a.Classes) > 0 {
		p.set("class", strings.Join(a.Classes, " "))
	}
	for _, kv := range a.Pairs {
		switch name := strings.ToLower(kv.Key); {
		case name == "width" || name == "height" || name == "lang" || name == "dir" || name == "title" || name == "role" || name == "cite" || name == "datetime":
			p.set(name, kv.Value)
		case plainName(name) && strings.HasPrefix(name, "data-"):
			p.set(name, kv.Value)
		case plainName(name):
			p.set("data-"+name, kv.Value)
		}
	}
}

func plainName(s string) bool {
	for _, c := range s {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	return s != ""
}

func (p *writer) head(m doc.Meta) {
	lang := "en"
	if l := doc.MetaText(m["lang"]); l != "" {
		lang = l
	}
	p.s("<!DOCTYPE html>\n<html")
	p.set("lang", lang)
	p.s(">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
	for _, key := range []string{"author", "date", "description", "keywords"} {
		if v := doc.MetaText(m[key]); v != "" {
			p.s("<meta")
			p.set("name", key)
			p.set("content", v)
			p.s(">\n")
		}
	}
	p.s("<title>")
	p.esc(doc.MetaText(m["title"]))
	p.s("</title>\n</head>\n<body>\n")
	if title, ok := m["title"].(doc.MetaInlines); ok {
		p.s("<h1 class=\"title\">")
		p.inlines(title)
		p.s("</h1>\n")
	}
}

func (p *writer) footnotes() {
	if len(p.notes) == 0 {
		return
	}
	p.s("<section class=\"footnotes\" role=\"doc-endnotes\">\n<hr>\n<ol>\n")
	for i := 0; i < len(p.notes); i++ { // a note may add notes
		n := strconv.Itoa(i + 1)
		p.s(`<li id="fn` + n + `">`)
		back := doc.Link{Target: "#fnref" + n, Inlines: []doc.Inline{doc.Str{Text: "\u21a9\ufe0e"}},
			Attr: doc.Attr{Classes: []string{"footnote-back"}, Pairs: []doc.Pair{{Key: "role", Value: "doc-backlink"}}}}
		bs := p.notes[i]
		if k := len(bs) - 1; k >= 0 {
			bs = append([]doc.Block(nil), bs...)
			switch last := bs[k].(type) {
			case doc.Para:
				bs[k] = doc.Para{Inlines: append(append([]doc.Inline(nil), last.Inlines...), back)}
			case doc.Plain:
				bs[k] = doc.Plain{Inlines: append(append([]doc.Inline(nil), last.Inlines...), back)}
			default:
				bs = append(bs, doc.Plain{Inlines: []doc.Inline{back}})
			}
		}
		p.blocks(bs)
		p.s("</li>\n")
	}
	p.s("</ol>\n</section>\n")
}

// source is the address an image is shown from.
func (p *writer) source(target string) string {
	if m, ok := p.media[target]; ok && p.o.EmbedImages {
		t := m.Type
		if t == "" {
			t = "application/octet-stream"
		}
		return "data:" + t + ";base64," + base64.StdEncoding.EncodeToString(m.Data)
	}
	return p.link(target)
}

// link is a link's address, escaped for use as a URL; with DropRaw one that
// could run a script becomes empty.
func (p *writer) link(target string) string {
	if p.o.DropRaw {
		clean := strings.Map(func(r rune) rune {
			if r <= ' ' {
				return -1
			}
			return r
		}, strings.ToLower(target))
		for _, bad := range []string{"javascript:", "vbscript:", "data:", "file:"} {
			if strings.HasPrefix(clean, bad) {
				p.losses.Add("unsafe-link", "a link that could run a script or reach local files was emptied")
				return ""
			}
		}
	}
	return escapeURL(target)
}

// escapeURL percent-encodes what may not stand in a URL and leaves escapes that
// are there alone.
func escapeURL(s string) string {
	const hex = "0123456789ABCDEF"
	var sb strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9',
			strings.IndexByte("-_.!~*'();/?:@&=+$,#%", c) >= 0:
			sb.WriteByte(c)
		default:
			sb.WriteByte('%')
			sb.WriteByte(hex[c>>4])
			sb.WriteByte(hex[c&15])
		}
	}
	return sb.String()
}
