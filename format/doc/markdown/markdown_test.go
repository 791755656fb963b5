package markdown_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/crank-platform/crank/format/doc"
	"github.com/crank-platform/crank/format/doc/markdown"
)

func TestYAMLBecomesMetadata(t *testing.T) {
	d, err := markdown.Read(context.Background(), []byte("---\ntitle: A *title*\nauthor: [x, y]\ndate: 2024-05-06\ndraft: true\n---\n\ntext\n"), doc.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"title": "A *title*", "author": "x; y", "date": "2024-05-06", "draft": "true"} {
		if got := doc.MetaText(d.Meta[key]); got != want {
			t.Errorf("%s: got %q want %q", key, got, want)
		}
	}
	if len(d.Blocks) != 1 {
		t.Errorf("blocks %v", d.Blocks)
	}
	var out bytes.Buffer
	if _, err := markdown.Write(context.Background(), &out, d, doc.WriteOptions{Standalone: true}); err != nil {
		t.Fatal(err)
	}
	again, err := markdown.Read(context.Background(), out.Bytes(), doc.ReadOptions{})
	if err != nil || doc.MetaText(again.Meta["title"]) != "A *title*" || doc.MetaText(again.Meta["author"]) != "x; y" {
		t.Errorf("%s %v", out.String(), err)
	}
}

func TestARuleAtTheTopIsNoMetadata(t *testing.T) {
	d, err := markdown.Read(context.Background(), []byte("---\n- not a mapping\n---\n"), doc.ReadOptions{})
	if err != nil || len(d.Meta) != 0 || len(d.Blocks) == 0 {
		t.Errorf("%v %v", d, err)
	}
}

func TestDeepNestingIsRefused(t *testing.T) {
	for name, src := range map[string]string{
		"quotes":    strings.Repeat(">", 10_000) + " x",
		"lists":     strings.Repeat("- ", 10_000) + "x",
		"emphasis":  strings.Repeat("*a **b ", 5_000) + "x" + strings.Repeat("** *", 5_000),
		"by indent": indented(1000),
	} {
		_, err := markdown.Read(context.Background(), []byte(src), doc.ReadOptions{})
		var e *doc.Error
		if name == "emphasis" { // reads as text where marks do not close
			if err != nil && !errors.As(err, &e) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if !errors.As(err, &e) || e.Reason != doc.TooDeep {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := markdown.Read(context.Background(), []byte(strings.Repeat("* ", 1000)), doc.ReadOptions{}); err != nil {
		t.Errorf("a long rule: %v", err)
	}
}

func TestTextThatWouldCostOutOfProportionIsRefused(t *testing.T) {
	for name, src := range map[string]string{
		"wide table":    strings.Repeat("a|", 10_000) + "\n" + strings.Repeat("-|", 10_000) + "\n" + strings.Repeat("|a\n", 1000),
		"many links":    strings.Repeat("[a](", 20_000),
		"many brackets": strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000),
	} {
		_, err := markdown.Read(context.Background(), []byte(src), doc.ReadOptions{})
		var e *doc.Error
		if !errors.As(err, &e) || e.Reason != doc.TooLarge {
			t.Errorf("%s: got %v", name, err)
		}
	}
	code := "```\n" + strings.Repeat("[", 20_000) + "\n```\n"
	if _, err := markdown.Read(context.Background(), []byte(code), doc.ReadOptions{}); err != nil {
		t.Errorf("brackets in code: %v", err)
	}
}

func indented(n int) string {
	var sb strings.Builder
	for i := range n {
		sb.WriteString(strings.Repeat("  ", i) + "- x\n")
	}
	return sb.String()
}

func TestFootnotesInCirclesEnd(t *testing.T) {
	d, err := markdown.Read(context.Background(), []byte("a[^1]\n\n[^1]: b[^2]\n\n[^2]: c[^1]\n"), doc.ReadOptions{})
	if err != nil || len(d.Losses) != 1 || d.Losses[0].What != "nested-footnote" {
		t.Errorf("%+v %v", d, err)
	}
}

func TestSpansBecomeHTMLTables(t *testing.T) {
	cell := func(s string) doc.Cell {
		return doc.Cell{ColSpan: 2, Blocks: []doc.Block{doc.Plain{Inlines: doc.Words(s)}}}
	}
	d := &doc.Document{Blocks: []doc.Block{doc.Table{Columns: make([]doc.Column, 2), Bodies: []doc.Body{{Rows: []doc.Row{{Cells: []doc.Cell{cell("wide")}}}}}}}}
	var out bytes.Buffer
	if _, err := markdown.Write(context.Background(), &out, d, doc.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	if want := "<table>\n<tbody>\n<tr>\n<td colspan=\"2\">wide</td>\n</tr>\n</tbody>\n</table>\n"; out.String() != want {
		t.Errorf("got %q", out.String())
	}
}

func FuzzMarkdown(f *testing.F) {
	f.Add("# a\n\n- b\n  1. c\n\n> d[^1]\n\n[^1]: e `f`\n\n| a |\n|---|\n| b |\n")
	f.Add("---\na: [b, {c: d}]\n---\n*a **b** c* <b>d</b> ![x](<y z> \"t\") &amp; \\*")
	f.Fuzz(func(t *testing.T, s string) {
		d, err := markdown.Read(context.Background(), []byte(s), doc.ReadOptions{Limits: doc.Limits{Nodes: 20000}})
		var e *doc.Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("an error of no known kind: %v", err)
		}
		if err == nil {
			var out bytes.Buffer
			if _, err := markdown.Write(context.Background(), &out, d, doc.WriteOptions{Standalone: true}); err != nil {
				t.Fatal(err)
			}
		}
	})
}
