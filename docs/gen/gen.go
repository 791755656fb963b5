// Command gen writes docs/reference from the code: error codes, configuration
// keys, the REST interface, the receipt's schema, metrics and the command line.
//
// It owns how those pages look. What they say is owned by the tables in the code.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/crank-platform/crank/gateway/rest"
)

// notice stands at the top of every page that is text.
const notice = "<!-- Written by `make gen` from the code. Do not edit. -->\n\n"

// A page is a file of docs/reference and how its content is made; root is the
// folder of the module.
type page struct {
	name string
	make func(root string) ([]byte, error)
}

var pages = []page{
	{"errors.md", errorCodes},
	{"config.md", configKeys},
	{"openapi.json", openAPI},
	{"receipt.cddl", receiptSchema},
	{"metrics.md", metrics},
	{"cli.md", commandLine},
}

func main() {
	if err := write("."); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func write(root string) error {
	for _, p := range pages {
		content, err := p.make(root)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		path := filepath.Join(root, "docs", "reference", p.name)
		old, err := os.ReadFile(path)
		if err == nil && bytes.Equal(old, content) {
			continue
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
		fmt.Println("wrote", path)
	}
	return nil
}

// openAPI describes the routes that every node has. A node's own document, at
// /v1/openapi.json, has a path more for each capability.
func openAPI(string) ([]byte, error) {
	doc, err := json.MarshalIndent(rest.Describe("1"), "", "  ")
	return append(doc, '\n'), err
}

// receiptSchema is the schema that a test keeps equal to the structs.
func receiptSchema(root string) ([]byte, error) {
	return os.ReadFile(filepath.Join(root, "platform", "receipts", "receipt.cddl"))
}
