package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/app"
	"github.com/crank-platform/crank/kit/notesign"
)

func (p *program) verifyCommand() *cobra.Command {
	var all, print bool
	var anchor, keys string
	c := &cobra.Command{
		Use: "verify [FILE]...", Short: "Check exported receipts, or with --all a whole data folder; needs no node",
		Long: `Check exported receipts (` + "`crank receipts proof`" + `) offline: that each is the record that
was logged, unchanged, that its numbers add up, and that the log's keys signed for it.
With --all it checks the whole data folder, which no node may use meanwhile: every
record, receipt, chain, leaf and signature, and that the books balance.

Without --keys the signatures prove only that whoever wrote the file made them.`,
		Example: "  crank receipts proof rcpt_... -o r.json && crank verify r.json\n  crank verify --all --anchor /mnt/anchors",
		RunE: func(cmd *cobra.Command, args []string) error {
			if print {
				return p.printKeys()
			}
			if all == (len(args) > 0) {
				return usage("name files, or --all")
			}
			if anchor != "" && !all {
				return usage("--anchor goes with --all")
			}
			trusted, err := trust(keys)
			if err != nil {
				return err
			}
			if all {
				return p.verifyAll(cmd, anchor, trusted)
			}
			return p.verifyFiles(args, trusted)
		},
	}
	f := c.Flags()
	f.BoolVar(&all, "all", false, "check the whole data folder")
	f.StringVar(&anchor, "anchor", "", "`folder` with checkpoints that were kept elsewhere, to find a rolled-back data folder")
	f.StringVar(&keys, "keys", "", "`file` with the log's public keys that you trust")
	f.BoolVar(&print, "print-keys", false, "print the public keys of the data folder's log, for --keys elsewhere")
	return c
}

// printKeys writes the public keys of the data folder's log.
func (p *program) printKeys() error {
	c, err := p.config()
	if err != nil {
		return err
	}
	name, err := os.ReadFile(filepath.Join(c.DataDir, "node"))
	if err != nil {
		return fileError(err)
	}
	dir := filepath.Join(c.DataDir, "keys", "log")
	if _, err := os.Stat(dir); err != nil {
		return fileError(err)
	}
	ring, err := notesign.OpenRing(dir, strings.TrimSpace(string(name)), nil)
	if err != nil {
		return crank.Wrap(crank.CodeStore, err, "the log's keys cannot be read")
	}
	return p.print([]byte(ring.Keys().String()))
}

// trust reads the keys that the reader brings.
func trust(path string) (notesign.Keys, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fileError(err)
	}
	keys, err := notesign.ParseKeys(string(text))
	if err != nil {
		return nil, crank.E(crank.CodeUsage, "%s holds no keys: %v", path, err)
	}
	if len(keys) == 0 {
		return nil, crank.E(crank.CodeUsage, "%s holds no keys", path)
	}
	return keys, nil
}

// verifyFiles checks each file; one that is wrong does not stop the others.
func (p *program) verifyFiles(paths []string, trusted notesign.Keys) error {
	wrong := 0
	for _, path := range paths {
		r, err := p.verifyFile(path, trusted)
		if err == nil {
			err = r.Err()
		}
		if err != nil {
			wrong++
		}
		if p.json {
			out := map[string]any{"file": path, "ok": err == nil, "report": r}
			if err != nil {
				out["error"] = fileError(err)
			}
			if err := p.value(out); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			if err := p.print([]byte("FAILED  " + clean(path) + "\n")); err != nil {
				return err
			}
			p.tell(fileError(err))
			continue
		}
		if err := p.print([]byte(fmt.Sprintf("ok  %s  %s\n", clean(path), facts(r)))); err != nil {
			return err
		}
	}
	if wrong > 0 {
		if !p.json {
			p.note("%d of %d do not verify", wrong, len(paths))
		}
		return said{1}
	}
	return nil
}

// maxBundle is more than any exported receipt has.
const maxBundle = 8 << 20

func (p *program) verifyFile(path string, trusted notesign.Keys) (app.VerifyReport, error) {
	from := p.in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return app.VerifyReport{}, err
		}
		defer f.Close()
		from = f
	}
	data, err := io.ReadAll(io.LimitReader(from, maxBundle))
	if err != nil {
		return app.VerifyReport{}, err
	}
	return app.VerifyBundle(data, trusted)
}

// facts is what a receipt that verifies says, on one line.
func facts(r app.VerifyReport) string {
	var all []string
	if r.Record != nil && r.Record.Receipt != nil {
		x := r.Record.Receipt
		all = append(all, x.ID, string(x.Capability), string(x.Outcome), x.Price.String(), day(micros(r.Record.Time)))
	}
	all = append(all, "signed by "+strings.Join(r.Signers, " and "))
	if r.SelfAsserted {
		all = append(all, "keys as the file says (give --keys)")
	}
	return strings.Join(all, "  ")
}

func (p *program) verifyAll(cmd *cobra.Command, anchor string, trusted notesign.Keys) error {
	c, err := p.config()
	if err != nil {
		return err
	}
	if _, err := os.Stat(c.DataDir); err != nil {
		return fileError(err)
	}
	if anchor == "" {
		anchor = c.AnchorDir
	}
	if anchor != "" {
		if _, err := os.Stat(anchor); err != nil {
			return fileError(err)
		}
	}
	began, last := time.Now(), time.Now()
	r, err := app.VerifyDir(cmd.Context(), c.DataDir, app.VerifyOptions{Anchors: anchor, Keys: trusted, Progress: func(done uint64) {
		if time.Since(last) > time.Second && !p.json {
			last = time.Now()
			p.note("%d records", done)
		}
	}})
	if err != nil {
		return err
	}
	if p.json {
		if err := p.value(r); err != nil {
			return err
		}
		if r.Err() != nil {
			return said{1}
		}
		return nil
	}
	var text strings.Builder
	for _, n := range r.Checked {
		fmt.Fprintf(&text, "%12d  %s\n", n.N, n.What)
	}
	if err := p.print([]byte(text.String())); err != nil {
		return err
	}
	if r.SelfAsserted {
		p.note("the keys are the folder's own; --keys checks against those that you trust")
	}
	if err := r.Err(); err != nil {
		return err
	}
	p.note("%s %s in %s", p.paint(p.err)(green, "verified:"), c.DataDir, time.Since(began).Round(10*time.Millisecond))
	return nil
}
