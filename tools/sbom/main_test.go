package main

import (
	"bytes"
	"encoding/json"
	"os"
	"runtime/debug"
	"testing"
)

func TestABinaryIsDescribedTheSameWayTwice(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var first, second bytes.Buffer
	for _, w := range []*bytes.Buffer{&first, &second} {
		if err := run(self, "2025-01-02T03:04:05Z", w); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("one binary has two descriptions")
	}
	var doc document
	if err := json.Unmarshal(first.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Format != "CycloneDX" || len(doc.Serial) != len("urn:uuid:")+36 || len(doc.Metadata.Component.Hashes) != 1 {
		t.Errorf("the document is %+v", doc)
	}
}

func TestEveryModuleOfABinaryIsListedOnce(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.26.0", Main: debug.Module{Path: "example.org/a"}, Deps: []*debug.Module{
		{Path: "example.org/b", Version: "v1.0.0", Sum: "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
		{Path: "example.org/c", Version: "v1.0.0", Replace: &debug.Module{Path: "example.org/d", Version: "v2.0.0+incompatible"}},
	}}
	doc, err := describe(info, [32]byte{}, "")
	if err != nil {
		t.Fatal(err)
	}
	refs := map[string]bool{}
	for _, c := range doc.Components {
		refs[c.Ref] = true
	}
	for _, want := range []string{"pkg:golang/example.org/b@v1.0.0", "pkg:golang/example.org/d@v2.0.0%2Bincompatible", "pkg:golang/std@1.26.0"} {
		if !refs[want] {
			t.Errorf("%s is not listed in %v", want, refs)
		}
	}
	if len(refs) != len(doc.Components) || len(doc.Dependencies) != len(refs)+1 {
		t.Errorf("%d components have %d references and %d dependencies", len(doc.Components), len(refs), len(doc.Dependencies))
	}
	info.Deps[0].Sum = "h1:?"
	if _, err := describe(info, [32]byte{}, ""); err == nil {
		t.Error("a checksum that cannot be read is taken")
	}
}
