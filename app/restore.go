package app

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/app/config"
	"github.com/crank-platform/crank/platform/receipts"
	journalsql "github.com/crank-platform/crank/platform/receipts/sqlite"
	"github.com/crank-platform/crank/platform/receipts/verify"
)

// Restore unpacks a backup into a data directory that must not exist or be
// empty, and begins a new epoch of the Merkle log that names the last checkpoint
// of the one before: what was signed after the backup is never contradicted.
func Restore(ctx context.Context, r io.Reader, dataDir string) error {
	if entries, err := os.ReadDir(dataDir); err == nil && len(entries) > 0 {
		return crank.E(crank.CodeExists, "%s is not empty", dataDir).Mending("Restore into a new directory.")
	}
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return crank.Wrap(crank.CodeStore, err, "%s cannot be made", dataDir)
	}
	if err := unpack(ctx, r, dataDir); err != nil {
		return crank.Wrap(crank.CodeMalformedFile, err, "the backup cannot be unpacked")
	}
	return newEpoch(ctx, dataDir)
}

// unpack writes the files of a backup, none outside dataDir.
func unpack(ctx context.Context, r io.Reader, dataDir string) error {
	z, err := zstd.NewReader(r)
	if err != nil {
		return err
	}
	defer z.Close()
	root, err := os.OpenRoot(dataDir)
	if err != nil {
		return err
	}
	defer root.Close()
	for t := tar.NewReader(z); ; {
		head, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if head.Typeflag != tar.TypeReg {
			return errors.New(head.Name + " is no plain file")
		}
		if err := root.MkdirAll(path.Dir(head.Name), 0o700); err != nil {
			return err
		}
		f, err := root.OpenFile(head.Name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, t)
		if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
			return err
		}
	}
}

// newEpoch begins the next epoch of a data directory's log.
func newEpoch(ctx context.Context, dataDir string) error {
	h := &House{Config: config.Config{DataDir: dataDir}}
	if err := h.takeDir(); err != nil {
		return err
	}
	defer h.Close()
	store, err := journalsql.Open(ctx, dataDir)
	if err != nil {
		return err
	}
	h.closes(store.Close)
	journal, err := receipts.New(ctx, receipts.Config{Store: store})
	if err != nil {
		return err
	}
	epoch, _, err := journal.Head(ctx)
	if err != nil {
		return err
	}
	checkpoint, err := os.ReadFile(filepath.Join(dataDir, "log", verify.Folder(epoch), "checkpoint"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return crank.Wrap(crank.CodeStore, err, "the old log's checkpoint cannot be read")
	}
	link := crank.Tags{}
	if len(checkpoint) > 0 {
		if link, err = verify.Link(checkpoint); err != nil {
			return err
		}
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- journal.Run(running) }()
	head, err := journal.NewEpoch(ctx, link)
	if err == nil {
		h.journal = journal
		err = h.firstCheckpoint(running, head.Seq)
	}
	stop()
	return errors.Join(err, <-ended)
}

// firstCheckpoint runs the new epoch's log until its first record is under a
// checkpoint, so that the restored directory verifies at once.
func (h *House) firstCheckpoint(ctx context.Context, seq uint64) error {
	h.Log, h.wake = slog.New(slog.DiscardHandler), make(chan struct{}, 1)
	if err := h.buildMerkle(ctx, Options{}); err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		ended <- h.Merkle.Run(running)
		stop() // nobody waits for a log that has ended
	}()
	err := h.Merkle.WaitFor(running, seq)
	stop()
	if failed := <-ended; failed != nil {
		return failed
	}
	return err
}
