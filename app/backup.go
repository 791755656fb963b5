package app

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/sqlitex"
)

// The parts of a backup, in the order in which they are copied: the log before
// the journal, so that it is never ahead of it; what follows the journal before
// it, so that it can catch up; blobs last, so that all that is referred to is there.
var (
	backupFirst = []string{"version", "node", "master.key", "keys", "policy", "log"}
	backupDBs   = []string{"ledger.db", "views.db", "claims.db", "jobs.db", "auth.db", "tenancy.db", "secrets.db", "vault.db", "journal.db"}
	backupLast  = []string{"blobs"}
)

// Backup writes a data directory as a zstd-compressed tar, also while its node
// runs. It holds keys and secrets: keep it as safe as the directory itself.
// progress hears of the bytes written so far; it may be nil.
func Backup(ctx context.Context, dataDir string, w io.Writer, progress func(bytes int64)) error {
	z, err := zstd.NewWriter(w)
	if err != nil {
		return crank.Wrap(crank.CodeInternal, err, "the backup cannot be compressed")
	}
	b := &backup{ctx: ctx, dir: dataDir, tar: tar.NewWriter(z), progress: progress}
	err = errors.Join(b.all(), b.tar.Close(), z.Close())
	if err != nil {
		return crank.Wrap(crank.CodeStore, err, "the backup of %s failed", dataDir)
	}
	return nil
}

type backup struct {
	ctx      context.Context
	dir      string
	tar      *tar.Writer
	written  int64
	progress func(int64)
}

func (b *backup) all() error {
	if _, err := os.Stat(filepath.Join(b.dir, "journal.db")); err != nil {
		return err
	}
	for _, name := range backupFirst {
		if err := b.tree(name); err != nil {
			return err
		}
	}
	for _, name := range backupDBs {
		if err := b.database(name); err != nil {
			return err
		}
	}
	for _, name := range backupLast {
		if err := b.tree(name); err != nil {
			return err
		}
	}
	return nil
}

func (b *backup) tree(name string) error {
	root := filepath.Join(b.dir, name)
	if _, err := os.Stat(root); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // it went while we walked: a partial tile, a collected blob
		case err != nil:
			return err
		case !d.Type().IsRegular() || strings.HasPrefix(d.Name(), ".new-"):
			return nil
		}
		rel, err := filepath.Rel(b.dir, path)
		if err != nil {
			return err
		}
		return b.file(path, filepath.ToSlash(rel))
	})
}

func (b *backup) database(name string) error {
	path := filepath.Join(b.dir, name)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	tmp, err := os.MkdirTemp(b.dir, ".backup-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	copied := filepath.Join(tmp, name)
	if err := sqlitex.Snapshot(b.ctx, path, copied); err != nil {
		return err
	}
	return b.file(copied, name)
}

func (b *backup) file(path, name string) error {
	if err := b.ctx.Err(); err != nil {
		return err
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := b.tar.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: info.Size(), ModTime: info.ModTime(), Format: tar.FormatPAX}); err != nil {
		return err
	}
	n, err := io.Copy(b.tar, io.LimitReader(f, info.Size()))
	b.written += n
	if b.progress != nil {
		b.progress(b.written)
	}
	return err
}
