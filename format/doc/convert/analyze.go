package convert

import (
	"context"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/crank-platform/crank/format/doc"
)

// Analysis is what a document holds.
type Analysis struct {
	Format   doc.Format        `json:"format"`
	Title    string            `json:"title,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Outline  []doc.Heading     `json:"outline"`
	Counts   Counts            `json:"counts"`
	Images   []Image           `json:"images,omitempty"`
	Links    []Link            `json:"links,omitempty"`
	Losses   []doc.Loss        `json:"losses,omitempty"`
}

// Counts are how many of each the document has, notes included. Words are runs
// between white space that hold a letter or digit, and each character of the
// Chinese and Japanese scripts; characters are code points without white space.
type Counts struct {
	Words      int `json:"words"`
	Characters int `json:"characters"`
	Paragraphs int `json:"paragraphs"`
	Headings   int `json:"headings"`
	Lists      int `json:"lists"`
	Tables     int `json:"tables"`
	Images     int `json:"images"`
	Links      int `json:"links"`
	Footnotes  int `json:"footnotes"`
	CodeBlocks int `json:"code_blocks"`
	Quotes     int `json:"quotes"`
	Formulas   int `json:"formulas"`
}

// Image is one image; Bytes is 0 for one that does not travel with the document.
type Image struct {
	Target string `json:"target"`
	Alt    string `json:"alt,omitempty"`
	Type   string `json:"type,omitempty"`
	Bytes  int    `json:"bytes,omitempty"`
}

// Link is one link.
type Link struct {
	Target string `json:"target"`
	Text   string `json:"text,omitempty"`
}

// Analyze reads a document and says what it holds.
func Analyze(ctx context.Context, from doc.Format, src io.ReaderAt, size int64, o doc.ReadOptions) (Analysis, error) {
	d, f, err := Read(ctx, from, src, size, o)
	if err != nil {
		return Analysis{}, err
	}
	a := analyze(d)
	a.Format = f
	return a, nil
}

func analyze(d *doc.Document) Analysis {
	a := Analysis{Outline: doc.Outline(d.Blocks), Losses: d.Losses, Metadata: map[string]string{}}
	for k, v := range d.Meta {
		if s := doc.MetaText(v); s != "" {
			a.Metadata[k] = s
		}
	}
	a.Title = a.Metadata["title"]
	if a.Title == "" && len(a.Outline) > 0 && a.Outline[0].Level == 1 {
		a.Title = a.Outline[0].Text
	}
	c := &a.Counts
	c.Headings = len(a.Outline)
	var run strings.Builder // the words of one paragraph may span many inlines
	endRun := func() {
		c.text(run.String())
		run.Reset()
	}
	v := doc.Visitor{
		Block: func(b doc.Block) bool {
			endRun()
			switch b := b.(type) {
			case doc.Para, doc.Plain:
				c.Paragraphs++
			case doc.BulletList, doc.OrderedList, doc.DefinitionList:
				c.Lists++
			case doc.Table:
				c.Tables++
			case doc.CodeBlock:
				c.CodeBlocks++
				run.WriteString(b.Text)
			case doc.BlockQuote:
				c.Quotes++
			}
			return true
		},
		Inline: func(i doc.Inline) bool {
			switch i := i.(type) {
			case doc.Str:
				run.WriteString(i.Text)
			case doc.Code:
				run.WriteString(i.Text)
			case doc.Space, doc.SoftBreak, doc.LineBreak:
				run.WriteByte(' ')
			case doc.Math:
				c.Formulas++
			case doc.Note:
				c.Footnotes++
			case doc.Link:
				c.Links++
				a.Links = append(a.Links, Link{i.Target, doc.PlainText(i.Inlines)})
			case doc.Image:
				c.Images++
				m := d.Media[i.Target]
				a.Images = append(a.Images, Image{i.Target, doc.PlainText(i.Inlines), m.Type, len(m.Data)})
				return false
			}
			return true
		},
	}
	v.Blocks(d.Blocks)
	endRun()
	return a
}

// text counts the words and characters of one run of text.
func (c *Counts) text(s string) {
	for _, w := range strings.Fields(s) {
		c.Characters += utf8.RuneCountInString(w)
		word := false
		for _, r := range w {
			switch {
			case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana):
				c.Words++
				word = false
			case !word && (unicode.IsLetter(r) || unicode.IsDigit(r)):
				c.Words++
				word = true
			}
		}
	}
}
