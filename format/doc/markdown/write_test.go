package markdown_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"testing"

	"github.com/crank-platform/crank/format/doc"
	"github.com/crank-platform/crank/format/doc/doctest"
	"github.com/crank-platform/crank/format/doc/markdown"
	"github.com/crank-platform/crank/format/doc/pandocjson"
)

func tree(t *testing.T, d *doc.Document) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := pandocjson.Write(context.Background(), &b, &doc.Document{Blocks: d.Blocks}, doc.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func rewrite(t *testing.T, src string) (before, after string, md string) {
	t.Helper()
	a, err := markdown.Read(context.Background(), []byte(src), doc.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := markdown.Write(context.Background(), &b, a, doc.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	c, err := markdown.Read(context.Background(), b.Bytes(), doc.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return tree(t, a), tree(t, c), b.String()
}

func TestWrittenMarkdownReadsBackAsTheSameTree(t *testing.T) {
	for _, src := range []string{
		"# A *b* heading\n\ntext with `code`, **strong *both* text** and ~~gone~~.\n",
		"- one\n- two\n  - nested\n- [x] done\n",
		"3) three\n4) four\n\n   para\n",
		"> quote\n>\n> > inner\n\n-----\n\n``` go\nx := `a`\n```\n",
		"| a | b |\n| :-- | --: |\n| 1 \\| 2 | `x` |\n",
		"a note[^1] and [link](http://example.com/a_(b) \"ti\\\"tle\") ![alt](a.png)\n\n[^1]: the note\n\n    second\n",
		"1\\. not a list\\\n\\# not a heading \\*a\\* snake_case 2 * 3 &amp;lt; \\<b>\n",
		"- a\n\n<!-- -->\n\n- b\n",
	} {
		if before, after, md := rewrite(t, src); before != after {
			t.Errorf("%q was written as %q\nbefore %s\n after %s", src, md, before, after)
		}
	}
}

// roundReached is how many of the specification's examples survive being
// written and read again; it only rises.
const roundReached = 634

func TestCommonMarkExamplesSurviveBeingWrittenAgain(t *testing.T) {
	raw, err := os.ReadFile(doctest.Corpus(t, "commonmark/spec.json"))
	if err != nil {
		t.Fatal(err)
	}
	var examples []struct {
		Markdown string
		Example  int
	}
	if err := json.Unmarshal(raw, &examples); err != nil {
		t.Fatal(err)
	}
	same := 0
	for _, ex := range examples {
		before, after, md := rewrite(t, ex.Markdown)
		if before == after {
			same++
		} else if testing.Verbose() {
			t.Logf("example %d %q -> %q", ex.Example, ex.Markdown, md)
		}
	}
	t.Logf("%d of %d examples read back equal", same, len(examples))
	if same < roundReached {
		t.Errorf("%d examples read back equal, %d did before", same, roundReached)
	}
}
