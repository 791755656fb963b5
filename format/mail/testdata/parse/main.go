// Command parse prints the Email objects of the files it is given, one JSON
// object a line, enclosed messages taken apart.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/crank-platform/crank/format/mail"
)

func main() {
	for _, path := range os.Args[1:] {
		if err := show(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func show(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for a := mail.Open(f); ; {
		entry, err := a.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		email, err := mail.Parse(entry, mail.Options{Nested: true})
		if err != nil {
			return err
		}
		if err := json.NewEncoder(os.Stdout).Encode(email); err != nil {
			return err
		}
	}
}
