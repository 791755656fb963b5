package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/app/config"
	"github.com/crank-platform/crank/gateway/rest"
)

const root = "../.."

func TestTheReferenceIsWhatTheCodeSays(t *testing.T) {
	for _, p := range pages {
		t.Run(p.name, func(t *testing.T) {
			want, err := p.make(root)
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(filepath.Join(root, "docs", "reference", p.name))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("docs/reference/%s is not what the code says: run `make gen` and commit it", p.name)
			}
		})
	}
}

func TestTheReferenceLeavesNothingOut(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(root, "docs", "reference", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	codes, keys, routes := read("errors.md"), read("config.md"), read("openapi.json")
	for _, c := range crank.Codes() {
		if !strings.Contains(codes, "| "+string(c)+" |") {
			t.Errorf("errors.md lacks %s", c)
		}
	}
	for _, k := range config.Keys() {
		if !strings.Contains(keys, "| `"+k.Name+"` |") {
			t.Errorf("config.md lacks %s", k.Name)
		}
	}
	for _, r := range rest.Routes() {
		if !strings.Contains(routes, `"`+r.Path+`"`) {
			t.Errorf("openapi.json lacks %s", r.Path)
		}
	}
}
