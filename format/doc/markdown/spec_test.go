package markdown_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	xhtml "golang.org/x/net/html"

	"github.com/crank-platform/crank/format/doc"
	"github.com/crank-platform/crank/format/doc/doctest"
	"github.com/crank-platform/crank/format/doc/html"
	"github.com/crank-platform/crank/format/doc/markdown"
)

// specReached is how many of the 652 examples come out equal; it only rises.
const specReached = 652

func TestCommonMarkExamplesComeOutEqualThroughTheTree(t *testing.T) {
	raw, err := os.ReadFile(doctest.Corpus(t, "commonmark/spec.json"))
	if err != nil {
		t.Fatal(err)
	}
	var examples []struct {
		Markdown, HTML, Section string
		Example                 int
	}
	if err := json.Unmarshal(raw, &examples); err != nil {
		t.Fatal(err)
	}
	equal := 0
	for _, ex := range examples {
		d, err := markdown.ReadCommonMark(context.Background(), []byte(ex.Markdown), doc.ReadOptions{})
		if err != nil {
			t.Fatalf("example %d: %v", ex.Example, err)
		}
		var out bytes.Buffer
		if _, err := html.Write(context.Background(), &out, d, doc.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		if got, want := normal(out.String()), normal(ex.HTML); got == want {
			equal++
		} else {
			t.Logf("example %d (%s) %q\n got %s\nwant %s", ex.Example, ex.Section, ex.Markdown, got, want)
		}
	}
	t.Logf("%d of %d examples are equal", equal, len(examples))
	if equal < specReached {
		t.Errorf("%d examples are equal, %d were before", equal, specReached)
	}
}

var blockTags = []string{"p", "ul", "ol", "li", "blockquote", "pre", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "div", "table", "thead", "tbody", "tr", "td", "th", "br"}

// normal is HTML with attributes sorted and white space that shows nothing
// removed, as the specification's own comparison does.
func normal(s string) string {
	var out strings.Builder
	z := xhtml.NewTokenizer(strings.NewReader(s))
	pre, afterBlock := false, true
	trim := func() {
		t := strings.TrimRight(out.String(), " \n")
		out.Reset()
		out.WriteString(t)
	}
	for {
		tt := z.Next()
		if tt == xhtml.ErrorToken {
			if z.Err() != io.EOF {
				out.WriteString(z.Err().Error())
			}
			trim()
			return out.String()
		}
		tok := z.Token()
		switch tt {
		case xhtml.TextToken:
			text := tok.Data
			if !pre {
				fields := strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\n' || r == '\t' }), " ")
				if strings.TrimLeft(text, " \n\t") != text && !afterBlock {
					fields = " " + fields
				}
				if strings.TrimRight(text, " \n\t") != text && strings.TrimSpace(text) != "" {
					fields += " "
				}
				text = fields
			}
			out.WriteString(xhtml.EscapeString(text))
			afterBlock = afterBlock && strings.TrimSpace(text) == ""
			continue
		case xhtml.StartTagToken, xhtml.SelfClosingTagToken, xhtml.EndTagToken:
			block := slices.Contains(blockTags, tok.Data)
			if block && !pre {
				trim()
			}
			if tok.Data == "pre" {
				pre = tt == xhtml.StartTagToken
			}
			slices.SortFunc(tok.Attr, func(a, b xhtml.Attribute) int { return strings.Compare(a.Key, b.Key) })
			if tt == xhtml.SelfClosingTagToken {
				tok.Type = xhtml.StartTagToken
			}
			out.WriteString(tok.String())
			afterBlock = block
			continue
		}
		out.WriteString(tok.String())
		afterBlock = false
	}
}
