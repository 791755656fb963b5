package exec

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/crank-platform/crank"
)

//go:embed templates
var templates embed.FS

// kit is what the templates of a language need to know, and its examples by name.
type kit struct {
	Name, Command, Script, Reads, Build, Call string
	verb                                      string
	examples                                  map[string]map[string]string // name -> file -> text
}

var greetings = map[string]map[string]string{
	"hello": {"input.json": `{"name": "world"}`, "want.json": `{"greeting": "Hello, world!"}`},
	"blank": {"input.json": `{"name": " "}`, "error.json": `{"code": "CRK-1001"}`},
}

var counts = map[string]map[string]string{
	"two-lines": {"input.json": `{"text": {"$file": "text.txt", "media_type": "text/plain"}}`, "text.txt": "one two\nthree", "want.json": `{"lines": 1, "words": 3}`},
	"empty":     {"input.json": `{"text": {"$file": "text.txt", "media_type": "text/plain"}}`, "text.txt": "", "error.json": `{"code": "CRK-1007"}`},
}

var kits = map[string]kit{
	"python": {Command: "python3, main.py", Script: "main.py", Reads: "the input as one JSON value", verb: "greet", examples: greetings},
	"node":   {Command: "node, main.js", Script: "main.js", Reads: "the input as one JSON value", verb: "greet", examples: greetings},
	"go":     {Command: "./worker", Script: "main.go", Reads: "the input as one JSON value", Build: "go build -o worker .", verb: "greet", examples: greetings},
	"shell":  {Command: "sh, main.sh", Script: "main.sh", Reads: "the file's bytes", verb: "count", examples: counts},
}

// Languages lists what New knows.
func Languages() []string { return slices.Sorted(maps.Keys(kits)) }

// New writes a worker that runs into dir, which must be empty or not yet there:
// manifest, script, README and examples. A name that is none of a worker, or a
// language it does not know, is CodeUsage; a dir that holds something CodeExists.
func New(dir, name, lang string) error {
	k, ok := kits[lang]
	if !ok {
		return crank.E(crank.CodeUsage, "there is no template for language %q", lang).Mending("Choose one of %s.", strings.Join(Languages(), ", "))
	}
	if c, err := crank.ParseCapability(name + "/x"); err != nil || strings.Contains(c.Family(), ".") {
		return crank.E(crank.CodeUsage, "%q is no name of a worker", name).Mending("Use small letters, digits and dashes, beginning with a letter.")
	}
	if held, err := os.ReadDir(dir); err == nil && len(held) > 0 {
		return crank.E(crank.CodeExists, "the folder %s is not empty", dir)
	}
	k.Name = name
	k.Call = name + "/greet@1 -p name=world"
	if lang == "shell" {
		k.Call = name + "/count@1 README.md"
	}
	files := map[string]string{}
	for example, parts := range k.examples {
		for file, text := range parts {
			if filepath.Ext(file) == ".json" {
				text += "\n"
			}
			files[filepath.Join("testdata", fmt.Sprintf("%s-%s@1", name, k.verb), example, file)] = text
		}
	}
	for _, from := range []string{"templates/common", "templates/" + lang} { // the language's own go last
		if err := render(files, from, k); err != nil {
			return err
		}
	}
	for _, file := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return crank.Wrap(crank.CodeStore, err, "the folder %s cannot be made", filepath.Dir(path))
		}
		if err := os.WriteFile(path, []byte(files[file]), 0o644); err != nil {
			return crank.Wrap(crank.CodeStore, err, "%s cannot be written", path)
		}
	}
	return nil
}

func render(files map[string]string, from string, k kit) error {
	entries, err := fs.ReadDir(templates, from)
	if err != nil {
		return crank.Wrap(crank.CodeInternal, err, "the templates of %s cannot be read", from)
	}
	for _, e := range entries {
		t, err := template.ParseFS(templates, from+"/"+e.Name())
		var b bytes.Buffer
		if err == nil {
			err = t.Execute(&b, k)
		}
		if err != nil {
			return crank.Wrap(crank.CodeInternal, err, "the template %s cannot be filled in", e.Name())
		}
		files[strings.TrimSuffix(e.Name(), ".tmpl")] = b.String()
	}
	return nil
}
