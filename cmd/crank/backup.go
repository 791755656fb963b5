package main

import (
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/app"
)

func (p *program) backupCommand() *cobra.Command {
	return &cobra.Command{
		Use: "backup FILE|-", Short: "Copy the data folder into one file, also while its node runs",
		Long: "Copy the data folder into one file (tar, zstd), also while its node runs. It holds keys\nand secrets: keep it as safe as the folder itself.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.config()
			if err != nil {
				return err
			}
			if _, err := os.Stat(filepath.Join(c.DataDir, "version")); err != nil {
				return crank.E(crank.CodeNotFound, "%s is no data folder of a node", c.DataDir).Mending("Name it with --data-dir.")
			}
			if args[0] == "-" {
				if terminal(p.out) {
					return usage("a backup is not for a terminal: name a file")
				}
				return app.Backup(cmd.Context(), c.DataDir, p.out, nil)
			}
			var size int64
			last := time.Now()
			err = savePrivate(args[0], func(w io.Writer) error {
				return app.Backup(cmd.Context(), c.DataDir, w, func(done int64) {
					if size = done; time.Since(last) > time.Second {
						last = time.Now()
						p.note("%d MiB", done>>20)
					}
				})
			})
			if err != nil {
				return err
			}
			p.note("%s holds %s (%d bytes before compression)", args[0], c.DataDir, size)
			return nil
		},
	}
}

func (p *program) restoreCommand() *cobra.Command {
	return &cobra.Command{
		Use: "restore FILE|-", Short: "Unpack a backup into a new data folder (--data-dir)",
		Long: "Unpack a backup into a data folder that is empty or not there yet. Its Merkle log begins a\nnew epoch that names the one before, so that nothing that was signed is contradicted.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.config()
			if err != nil {
				return err
			}
			from := p.in
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return fileError(err)
				}
				defer f.Close()
				from = f
			}
			if err := app.Restore(cmd.Context(), from, c.DataDir); err != nil {
				return err
			}
			p.note("%s is restored; `crank verify --all` checks it", c.DataDir)
			return nil
		},
	}
}
