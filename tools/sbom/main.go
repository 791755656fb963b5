// Command sbom writes the bill of materials of a Go binary, as CycloneDX 1.6
// JSON on stdout: the modules that the linker put into it, each with the
// checksum that the module proxy's transparency log vouches for. It reads the
// binary, not go.mod, so what it lists is what is shipped.
package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
)

type document struct {
	Format       string       `json:"bomFormat"`
	Spec         string       `json:"specVersion"`
	Version      int          `json:"version"`
	Serial       string       `json:"serialNumber"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp,omitempty"`
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	PURL       string     `json:"purl"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn"`
}

func main() {
	date := flag.String("date", "", "time of the build, RFC 3339; of the commit, so that a build can be repeated")
	flag.Parse()
	if err := run(flag.Arg(0), *date, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(path, date string, w io.Writer) error {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	doc, err := describe(info, sum, date)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}

// describe is a function of the binary: the same bytes give the same document,
// its serial number among it.
func describe(info *buildinfo.BuildInfo, sum [32]byte, date string) (document, error) {
	main := module(&info.Main)
	main.Type = "application"
	main.Hashes = []hash{{"SHA-256", hex.EncodeToString(sum[:])}}
	for _, s := range info.Settings {
		if strings.HasPrefix(s.Key, "GO") || strings.HasPrefix(s.Key, "vcs") || s.Key == "CGO_ENABLED" {
			main.Properties = append(main.Properties, property{"go:" + s.Key, s.Value})
		}
	}
	doc := document{
		Format: "CycloneDX", Spec: "1.6", Version: 1, Serial: "urn:uuid:" + serial(sum),
		Metadata: metadata{date, main},
	}
	add := func(c component) {
		doc.Components = append(doc.Components, c)
		doc.Dependencies = append(doc.Dependencies, dependency{c.Ref, []string{}})
	}
	root := dependency{Ref: main.Ref}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		c := module(m)
		if m.Sum != "" {
			h1, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:"))
			if err != nil || len(h1) != 32 {
				return doc, errors.New(m.Path + " has no checksum that can be read")
			}
			c.Properties = []property{{"go:sum", m.Sum}}
		}
		add(c)
		root.On = append(root.On, c.Ref)
	}
	std := component{Type: "library", Name: "std", Version: strings.TrimPrefix(info.GoVersion, "go")}
	std.PURL = "pkg:golang/std@" + std.Version
	std.Ref = std.PURL
	add(std)
	root.On = append(root.On, std.Ref)
	doc.Dependencies = append([]dependency{root}, doc.Dependencies...)
	return doc, nil
}

func module(m *debug.Module) component {
	purl := "pkg:golang/" + m.Path
	if m.Version != "" {
		purl += "@" + strings.ReplaceAll(m.Version, "+", "%2B")
	}
	return component{Type: "library", Ref: purl, Name: m.Path, Version: m.Version, PURL: purl}
}

// serial makes a UUID (version 8, RFC 9562) of a digest.
func serial(sum [32]byte) string {
	b := sum[:16]
	b[6] = b[6]&0x0f | 0x80
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
