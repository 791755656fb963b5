package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/app/config"
)

func TestEveryCommandSaysWhatItDoes(t *testing.T) {
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") || !c.Runnable() {
			t.Errorf("%s: %q, runnable %v", c.CommandPath(), c.Short, c.Runnable())
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk((&program{}).root())
}

func TestEveryConfigurationKeyIsAFlag(t *testing.T) {
	flags := (&program{}).root().PersistentFlags()
	for _, k := range config.Keys() {
		if k.Name != "version" && flags.Lookup(strings.TrimPrefix(k.Flag, "--")) == nil {
			t.Errorf("%s has no flag %s", k.Name, k.Flag)
		}
	}
}

func TestTheRawAnswerIsWhatTheOperationSays(t *testing.T) {
	op := func(out string, produces ...string) crank.Operation {
		return crank.Operation{File: crank.FileField{Out: out, Produces: produces}}
	}
	ref := `{"$blob":"` + crank.Digest{1}.String() + `","size":3,"media_type":"text/plain"}`
	for name, c := range map[string]struct {
		op     crank.Operation
		output string
		text   string
		media  string
	}{
		"no file":                {op(""), `{"a":1}`, `{"a":1}`, "application/json"},
		"text":                   {op("x", "text/plain"), `{"x":"hi"}`, "hi", "text/plain"},
		"text of a named type":   {op("x", "a/b", "c/d"), `{"x":"hi","media_type":"c/d"}`, "hi", "c/d"},
		"a blob":                 {op("x"), `{"x":` + ref + `}`, "", "text/plain"},
		"neither":                {op("x"), `{"x":[1]}`, `{"x":[1]}`, "application/json"},
		"a property left out":    {op("x"), `{"y":1}`, `{"y":1}`, "application/json"},
		"an output of its own":   {op("x"), `[1]`, `[1]`, "application/json"},
		"a property that is nil": {op("x"), `{"x":null}`, `{"x":null}`, "application/json"},
	} {
		got := contentOf(c.op, json.RawMessage(c.output))
		if string(got.text) != c.text || got.media != c.media || (name == "a blob") == got.blob.Digest.IsZero() {
			t.Errorf("%s: %q of %s, blob %v", name, got.text, got.media, got.blob.Digest)
		}
	}
}

func TestTwoInputsNeverShareAnOutput(t *testing.T) {
	taken, seen := names{}, map[string]bool{}
	for _, base := range []string{"a.md", "a.docx", "a.md", "b.md", "a.docx"} {
		path := taken.free("out", base, ".html")
		if seen[path] || filepath.Ext(path) != ".html" {
			t.Errorf("%s is written to %s", base, path)
		}
		seen[path] = true
	}
}

func TestAFolderIsManyCallsAndHiddenFilesAreNone(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.md", "a.md", ".hidden", filepath.Join(".git", "x.md"), filepath.Join("sub", "c.md")} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, many, err := expand([]string{dir})
	var got []string
	for _, f := range files {
		got = append(got, f.below+"|"+filepath.Base(f.path))
	}
	if err != nil || !many || strings.Join(got, " ") != ".|a.md .|b.md sub|c.md" {
		t.Errorf("%v many %v: %v", got, many, err)
	}
	if _, many, err := expand([]string{filepath.Join(dir, "a.md")}); many || err != nil {
		t.Errorf("one file is many: %v", err)
	}
	if _, _, err := expand([]string{"-", filepath.Join(dir, "a.md")}); crank.AsError(err).Code != crank.CodeUsage {
		t.Errorf("standard input among files: %v", err)
	}
	if _, _, err := expand([]string{filepath.Join(dir, "none")}); crank.KindOf(err) != crank.KindNotFound {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestAnExtensionIsThatOfItsMediaType(t *testing.T) {
	in := &inputs{}
	for _, ext := range []string{".md", ".html", ".txt", ".docx", ".eml", ".mbox", ".json"} {
		if got := extension(in.mediaType("x" + ext)); got != ext {
			t.Errorf("%s is %s, which is %s", ext, in.mediaType("x"+ext), got)
		}
	}
	if got := in.mediaType("README"); got != "application/octet-stream" {
		t.Errorf("a file without an extension is %s", got)
	}
}

func TestWhatOthersNamedDoesNotSteerTheTerminal(t *testing.T) {
	if got := clean("a\x1b[2Jb\nc\u009bd"); got != "a?[2Jb?c?d" {
		t.Errorf("%q", got)
	}
}

func TestAFileIsWrittenWholeOrNotAtAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "file")
	if err := savePrivate(path, writes("one")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	failing := crank.E(crank.CodeBlobDigest, "other bytes")
	if err := save(path, func(w io.Writer) error { _ = writes("two")(w); return failing }); crank.AsError(err).Code != crank.CodeBlobDigest {
		t.Errorf("%v", err)
	}
	text, err := os.ReadFile(path)
	if string(text) != "one" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("%d files are left", len(left))
	}
}

func TestAQuestionSurvivesThePolicysOwnForm(t *testing.T) {
	for _, q := range usual() {
		before, _ := json.Marshal(q)
		after, _ := json.Marshal(questionOf(q.policy()))
		if string(before) != string(after) {
			t.Errorf("%s became %s", before, after)
		}
	}
}

func TestAnExampleHoldsWhatItNames(t *testing.T) {
	for _, c := range []struct {
		got, want, at string
		ok            bool
	}{
		{`{"a":1,"b":{"c":[1,2]}}`, `{"b":{"c":[1,2]}}`, "", true},
		{`{"a":1}`, `{"a":2}`, "/a", false},
		{`{"b":{"c":[1]}}`, `{"b":{"c":[1,2]}}`, "/b/c", false},
		{`{"b":[{"x":1}]}`, `{"b":[{"x":2}]}`, "/b/0/x", false},
		{`[1]`, `{"a":1}`, "", false},
	} {
		var got, want any
		if json.Unmarshal([]byte(c.got), &got) != nil || json.Unmarshal([]byte(c.want), &want) != nil {
			t.Fatal(c)
		}
		if at, ok := holds(got, want, ""); ok != c.ok || !ok && at != c.at {
			t.Errorf("%s in %s: %v at %q", c.want, c.got, ok, at)
		}
	}
}

func TestAZeroTimeIsNoDay(t *testing.T) {
	if got := day(micros(0)); got != "-" {
		t.Errorf("%q", got)
	}
	if got := day(time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))); got != "2026-01-02 02:04:05" {
		t.Errorf("%q", got)
	}
}

func writes(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}
