package html_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/crank-platform/crank/format/doc"
	"github.com/crank-platform/crank/format/doc/html"
	"github.com/crank-platform/crank/format/doc/markdown"
)

func read(t *testing.T, s string) *doc.Document {
	t.Helper()
	d, err := html.Read(context.Background(), []byte(s), doc.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func md(t *testing.T, d *doc.Document) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := markdown.Write(context.Background(), &b, d, doc.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func write(t *testing.T, d *doc.Document, o doc.WriteOptions) (string, []doc.Loss) {
	t.Helper()
	var b bytes.Buffer
	l, err := html.Write(context.Background(), &b, d, o)
	if err != nil {
		t.Fatal(err)
	}
	return b.String(), l
}

func TestHTMLBecomesMarkdown(t *testing.T) {
	for in, want := range map[string]string{
		"<h2>A  <em>b </em>c</h2><p>x<br>\n y</p>":                                                          "## A *b* c\n\nx\\\ny\n",
		"<ul><li>a<ul><li>b</ul><li>c</ul>":                                                                 "- a\n  - b\n- c\n",
		"<ol start=3 type=1><li><p>a</p><p>b</p></li></ol>":                                                 "3. a\n\n   b\n",
		"<pre><code class='language-go'>a\n  b\n</code></pre>":                                              "``` go\na\n  b\n```\n",
		"<table><tr><th>a<th align=right>b<tr><td>1<td>2</table>":                                           "| a | b |\n| --- | --- |\n| 1 | 2 |\n",
		"<div><p>a</p>loose <b>text</b><script>x</script></div>":                                            "a\n\nloose **text**\n",
		"<p><a href='/x' title='t'>l</a> <img src=a.png alt='an image'> <del>d</del> <code>a  b</code></p>": "[l](/x \"t\") ![an image](a.png) ~~d~~ `a b`\n",
		"<blockquote>q</blockquote><hr>":                                                                    "> q\n\n-----\n",
	} {
		if got := md(t, read(t, in)); got != want {
			t.Errorf("%s\n got %q\nwant %q", in, got, want)
		}
	}
}

func TestWrittenHTMLReadsBackAsTheSameMarkdown(t *testing.T) {
	src := "# Head\n\nA *b* **c** ~~d~~ `e` [f](/g \"h\").[^1]\n\n- one\n- two\n  1. x\n  2. y\n\n> quote\n\n``` go\ncode <x>\n```\n\n| a | b |\n| :--- | ---: |\n| 1 | 2 |\n\n[^1]: A note.\n"
	d, err := markdown.Read(context.Background(), []byte(src), doc.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	page, _ := write(t, d, doc.WriteOptions{Standalone: true})
	got := md(t, read(t, page))
	want := strings.Replace(src, "| :--- | ---: |", "| --- | --- |", 1) // HTML aligns cells, not columns
	if got != want {
		t.Errorf("got\n%s\nwant\n%s\npage\n%s", got, want, page)
	}
}

func TestDroppingRawContentLeavesNothingThatCouldRun(t *testing.T) {
	d, err := markdown.Read(context.Background(), []byte("<script>x</script>\n\na <b onclick=x>c</b> [d](javascript:x) [e]( JaVaScript:x) ![f](data:text/html,x)\n"), doc.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	out, losses := write(t, d, doc.WriteOptions{DropRaw: true})
	for _, bad := range []string{"script", "onclick", "data:"} {
		if strings.Contains(strings.ToLower(out), bad) {
			t.Errorf("%q is in %s", bad, out)
		}
	}
	if len(losses) != 2 {
		t.Errorf("losses %v", losses)
	}
}

func TestDeepNestingAndLargeInputAreRefused(t *testing.T) {
	_, err := html.Read(context.Background(), []byte(strings.Repeat("<div>", 10_000)+"x"), doc.ReadOptions{})
	var e *doc.Error
	if !errors.As(err, &e) || e.Reason != doc.TooDeep {
		t.Errorf("got %v", err)
	}
	_, err = html.Read(context.Background(), []byte(strings.Repeat("<i>", 10_000)+"x"), doc.ReadOptions{Limits: doc.Limits{Bytes: 100}})
	if !errors.As(err, &e) || e.Reason != doc.TooLarge {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := html.Read(ctx, []byte("<p>x"), doc.ReadOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func FuzzHTML(f *testing.F) {
	f.Add("<h1>a</h1><table><tr><td rowspan=2>b</table><ul><ul><li>c</ul></ul><dl><dd>x<dt>y</dl>")
	f.Add("<p>a<sup><a href='#n' role=doc-noteref>1</a></sup><section role=doc-endnotes><ol><li id=n>b<a href='#n' role=doc-noteref>1</a></ol></section>")
	f.Fuzz(func(t *testing.T, s string) {
		d, err := html.Read(context.Background(), []byte(s), doc.ReadOptions{Limits: doc.Limits{Nodes: 20000}})
		var e *doc.Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("an error of no known kind: %v", err)
		}
		if err == nil {
			write(t, d, doc.WriteOptions{Standalone: true})
			md(t, d)
		}
	})
}
