// Command vulncheck runs govulncheck where the vulnerability database can be
// reached, and says at once where it cannot. It needs nothing from the network
// itself but one small answer.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
)

const public = "https://vuln.go.dev"

func main() {
	dir := flag.String("C", ".", "folder of the module")
	flag.Parse()
	db := os.Getenv("GOVULNDB")
	if db == "" {
		db = public
	}
	if err := reach(db); err != nil {
		fmt.Printf("skipped: the vulnerability database at %s cannot be reached (%v)\n", db, err)
		return
	}
	if err := scan(*dir); err != nil {
		fmt.Fprintln(os.Stderr, "vulncheck:", err)
		os.Exit(1)
	}
}

// reach asks for the database's index. A database that is a folder needs no asking.
func reach(db string) error {
	if !strings.HasPrefix(db, "http") {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, strings.TrimSuffix(db, "/")+"/index/db.json", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return errors.Unwrap(err)
	}
	if err := resp.Body.Close(); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}

func scan(dir string) error {
	cmd := exec.Command("go", "tool", "-modfile=tools/go.mod", "govulncheck", "./...")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, os.Stdout, os.Stderr
	return cmd.Run()
}
