package docx_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crank-platform/crank/format/doc"
	"github.com/crank-platform/crank/format/doc/doctest"
	"github.com/crank-platform/crank/format/doc/docx"
	"github.com/crank-platform/crank/format/doc/pandocjson"
)

func TestTheCorpusReadsAsExpected(t *testing.T) {
	dir := doctest.Corpus(t, "docx")
	names, err := filepath.Glob(filepath.Join(dir, "*.docx"))
	if err != nil || len(names) == 0 {
		t.Skipf("no documents in %s", dir)
	}
	exact, structure, n := 0, 0.0, 0
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		expected, err := os.ReadFile(strings.TrimSuffix(name, ".docx") + ".json")
		if err != nil {
			continue
		}
		want := doctest.Tokens(t, expected)
		if len(want) < 4 {
			continue
		}
		d, err := docx.Read(context.Background(), bytes.NewReader(raw), int64(len(raw)), doc.ReadOptions{})
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(name), err)
			continue
		}
		var out bytes.Buffer
		if _, err := pandocjson.Write(context.Background(), &out, d, doc.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		if to := os.Getenv("CRANK_TREES"); to != "" {
			if err := os.WriteFile(filepath.Join(to, filepath.Base(name)+".json"), out.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if !json.Valid(out.Bytes()) {
			t.Errorf("%s: the tree is not JSON", filepath.Base(name))
		}
		got := doctest.Tokens(t, out.Bytes())
		score := doctest.Similarity(want, got)
		n++
		structure += score
		if score == 1 {
			exact++
		} else {
			t.Log(fmt.Sprintf("%.3f %s", score, filepath.Base(name)), "\nwant", strings.Join(clip(want), " "), "\n got", strings.Join(clip(got), " "))
		}
	}
	t.Logf("documents %d structure %.4f exact %.4f", n, structure/float64(n), float64(exact)/float64(n))
	if structure/float64(n) < structureReached || float64(exact)/float64(n) < exactReached {
		t.Errorf("structure %.4f and exact %.4f were reached before", structureReached, exactReached)
	}
}

// What was reached on the corpus; these only rise.
const structureReached, exactReached = 0.993, 0.95

func clip(s []string) []string { return s[:min(len(s), 120)] }
