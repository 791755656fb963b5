// Package folder keeps blobs as files, <tenant>/<aa>/<digest>, below one folder
// that no name can lead out of. A blob's age is its file's time of change.
//
// A blob appears whole: it is written beside, synced, renamed into place, and
// its folder synced. What a crash leaves half done lies in ".drafts" and is
// swept when the folder is next opened. One process at a time uses a folder; the
// lock on the data directory sees to that.
package folder

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/blobs"
)

const drafts = ".drafts"

// Store is the folder. Close it when nobody uses it.
type Store struct {
	root *os.Root
	// locks make the look at a file's age and its removal one act. A blob's is
	// that of its digest's first byte, as its folder is.
	locks [256]sync.Mutex
	dirs  sync.Mutex // held while folders are made and synced
}

var _ blobs.Store = (*Store)(nil)

// Open opens or creates the folder and sweeps what a crash left half done.
func Open(path string) (*Store, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, failed(err, "the folder of blobs cannot be made")
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, failed(err, "the folder of blobs cannot be opened")
	}
	s := &Store{root: root}
	if err := s.start(); err != nil {
		return nil, errors.Join(failed(err, "the folder of blobs cannot be used"), root.Close())
	}
	return s, nil
}

// start makes sure of the folders' names: a crash may have come between making
// one and syncing it.
func (s *Store) start() error {
	if err := s.root.RemoveAll(drafts); err != nil {
		return err
	}
	if err := s.root.Mkdir(drafts, 0o700); err != nil {
		return err
	}
	tenants, err := s.Tenants(context.Background())
	if err != nil {
		return err
	}
	for _, t := range tenants {
		if err := s.sync(t); err != nil {
			return err
		}
	}
	return s.sync(".")
}

// Close closes the folder.
func (s *Store) Close() error { return s.root.Close() }

// Open implements blobs.Store.
func (s *Store) Open(_ context.Context, tenant string, d crank.Digest) (io.ReadCloser, int64, error) {
	name, err := place(tenant, d)
	if err != nil {
		return nil, 0, err
	}
	f, err := s.root.Open(name)
	if err != nil {
		return nil, 0, found(err, d)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(failed(err, "the blob %s cannot be read", d), f.Close())
	}
	return f, info.Size(), nil
}

// Stat implements blobs.Store.
func (s *Store) Stat(_ context.Context, tenant string, d crank.Digest) (int64, error) {
	name, err := place(tenant, d)
	if err != nil {
		return 0, err
	}
	info, err := s.root.Stat(name)
	if err != nil {
		return 0, found(err, d)
	}
	return info.Size(), nil
}

// Renew implements blobs.Store.
func (s *Store) Renew(_ context.Context, tenant string, d crank.Digest, now time.Time) error {
	name, err := place(tenant, d)
	if err != nil {
		return err
	}
	s.locks[d[0]].Lock()
	defer s.locks[d[0]].Unlock()
	if err := s.root.Chtimes(name, now, now); err != nil {
		return found(err, d)
	}
	return nil
}

// Tenants implements blobs.Store.
func (s *Store) Tenants(context.Context) (tenants []string, err error) {
	entries, err := fs.ReadDir(s.root.FS(), ".")
	if err != nil {
		return nil, failed(err, "the folder of blobs cannot be listed")
	}
	for _, e := range entries {
		if e.IsDir() && blobs.CheckTenant(e.Name()) == nil {
			tenants = append(tenants, e.Name())
		}
	}
	return tenants, nil
}

// Older implements blobs.Store. It holds the names of one of 256 folders at once.
func (s *Store) Older(ctx context.Context, tenant string, than time.Time) iter.Seq2[crank.Digest, error] {
	return func(yield func(crank.Digest, error) bool) {
		if err := blobs.CheckTenant(tenant); err != nil {
			yield(crank.Digest{}, err)
			return
		}
		for i := range 256 {
			entries, err := fs.ReadDir(s.root.FS(), path.Join(tenant, hex.EncodeToString([]byte{byte(i)})))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(crank.Digest{}, failed(err, "the blobs of %s cannot be listed", tenant))
				return
			}
			for _, e := range entries {
				d, err := crank.ParseDigest("sha256:" + e.Name())
				info, gone := e.Info()
				if err != nil || gone != nil || !info.ModTime().Before(than) {
					continue
				}
				if !yield(d, nil) {
					return
				}
			}
		}
	}
}

// Remove implements blobs.Store.
func (s *Store) Remove(_ context.Context, tenant string, d crank.Digest, than time.Time) (int64, bool, error) {
	name, err := place(tenant, d)
	if err != nil {
		return 0, false, err
	}
	s.locks[d[0]].Lock()
	defer s.locks[d[0]].Unlock()
	info, err := s.root.Stat(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.ModTime().Before(than) {
		return 0, false, nil
	}
	if err == nil {
		err = s.root.Remove(name)
	}
	if err != nil {
		if runtime.GOOS == "windows" { // somebody reads it; the next collection comes
			return 0, false, nil
		}
		return 0, false, failed(err, "the blob %s cannot be removed", d)
	}
	return info.Size(), true, nil
}

// place is where a blob lies.
func place(tenant string, d crank.Digest) (string, error) {
	if blobs.CheckTenant(tenant) != nil {
		return "", blobs.Unknown(d)
	}
	text := hex.EncodeToString(d[:])
	return path.Join(tenant, text[:2], text), nil
}

func found(err error, d crank.Digest) error {
	if errors.Is(err, fs.ErrNotExist) {
		return blobs.Unknown(d)
	}
	return failed(err, "the blob %s cannot be reached", d)
}

func failed(err error, format string, args ...any) error {
	e := crank.Wrap(crank.CodeStore, err, format, args...)
	if errors.Is(err, syscall.ENOSPC) {
		return e.Mending("Free space on the disk that holds the blobs.")
	}
	return e
}
