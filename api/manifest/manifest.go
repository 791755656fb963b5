// Package manifest reads worker.yaml: what a worker says of itself, as data.
//
// It owns the text form of crank.Manifest: its keys, units and shorthands. It is
// strict: an unknown key is a fault, and all faults are told at once, each with
// its place and line. It does not own what a runner adds (a Section reads that)
// nor what a price means (the platform's market).
//
//	version: 1
//	worker: greeter
//	provider: me
//	operations:
//	  - capability: greeter/greet@1
//	    summary: Greet somebody.
//	    input:  {type: object, properties: {name: {type: string}}}
//	    output: schema/output.json            # or a file beside worker.yaml
//	    file:   {in: file, accept: [text/plain]}
//	    properties: {idempotent: true}
//	    limits: {time: 10s, cpu: 5s, memory: 256MiB, input: 1MiB, output: 1MiB}
//	    meters: {pages: 1000}
//	    plan:   {asset: USD, minimum: "0.0002 USD", prices: [{meter: calls, price: "0.0010 USD"}]}
//	    errors: [{code: CRK-1007, when: The file is no text.}]
//
// A schema may say {$ref: "#/$defs/blob"} for a crank.BlobRef without defining
// it. Where input (or output) is left out, it is an object that holds the file
// named by file.in (file.out), if any.
package manifest

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/crank-platform/crank"
)

// File is the manifest's name in a worker's folder.
const File = "worker.yaml"

// maxText bounds a manifest and each schema file, in bytes.
const maxText = 1 << 20

// Section is a key at the top of a manifest that a runner adds, such as
// "runtime". Read is called where the key is there.
type Section struct {
	Name string
	Read func(Value)
}

// Load reads worker.yaml in dir; schema files are looked for below dir.
func Load(dir string, more ...Section) (crank.Manifest, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return crank.Manifest{}, crank.Wrap(crank.CodeManifest, err, "the worker's folder cannot be opened")
	}
	defer root.Close()
	files := root.FS()
	text, err := readFile(files, File)
	if err != nil {
		return crank.Manifest{}, crank.Wrap(crank.CodeManifest, err, "%s holds no %s that can be read", dir, File).
			Mending("Name a folder with a %s; `crank worker new NAME` makes one.", File)
	}
	return Parse(text, files, more...)
}

// Parse reads a manifest; files (nil: none) is where its schema files are. The
// error is a CodeManifest with every fault.
func Parse(text []byte, files fs.FS, more ...Section) (crank.Manifest, error) {
	var m crank.Manifest
	var doc yaml.Node
	switch err := yaml.Unmarshal(text, &doc); {
	case len(text) > maxText:
		return m, crank.E(crank.CodeManifest, "the manifest has more than %d bytes", maxText)
	case err != nil:
		return m, crank.E(crank.CodeManifest, "the manifest is no YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	case len(doc.Content) == 0:
		return m, crank.E(crank.CodeManifest, "the manifest is empty")
	}
	r := &reader{files: files}
	r.manifest(Value{node: doc.Content[0], r: r}, &m, more)
	if len(r.faults) > 0 {
		name := m.Worker
		if name == "" {
			name = "?"
		}
		return m, crank.E(crank.CodeManifest, "the manifest of worker %q has %d faults", name, len(r.faults)).With(r.faults...)
	}
	return m, nil
}

func readFile(files fs.FS, name string) ([]byte, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, fs.ErrInvalid)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxText+1))
	if err == nil && len(text) > maxText {
		err = errors.New("it is too large")
	}
	return text, err
}
