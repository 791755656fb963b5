package folder

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"runtime"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
	"github.com/crank-platform/crank/platform/blobs"
)

// Draft implements blobs.Store.
func (s *Store) Draft(_ context.Context, tenant string) (blobs.Draft, error) {
	if err := blobs.CheckTenant(tenant); err != nil {
		return nil, err
	}
	name := path.Join(drafts, ids.New("draft"))
	f, err := s.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, failed(err, "a blob cannot be begun")
	}
	return &draft{s: s, f: f, tenant: tenant, name: name}, nil
}

type draft struct {
	s            *Store
	f            *os.File // nil once closed
	tenant, name string   // name is "" once kept or dropped
}

func (d *draft) Write(p []byte) (int, error) {
	n, err := d.f.Write(p)
	if err != nil {
		return n, failed(err, "the blob cannot be written")
	}
	return n, nil
}

// Keep implements blobs.Draft.
func (d *draft) Keep(digest crank.Digest, now time.Time) error {
	name, err := place(d.tenant, digest)
	if err != nil {
		return err
	}
	if err := d.seal(now); err != nil {
		return failed(err, "the blob cannot be written")
	}
	if err := d.s.rename(d.name, name, digest); err != nil {
		return failed(err, "the blob cannot be put in its place")
	}
	d.name = ""
	if err := d.s.sync(path.Dir(name)); err != nil {
		return failed(err, "the blob's folder cannot be written")
	}
	return nil
}

// seal makes the content durable and sets the age; a power cut may leave the
// file's own time in its place, which is no older.
func (d *draft) seal(now time.Time) error {
	f := d.f
	d.f = nil
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return d.s.root.Chtimes(d.name, now, now)
}

// rename puts a file in its place, over an equal one that may be there: that
// also mends one that the disk has spoilt.
func (s *Store) rename(from, to string, d crank.Digest) error {
	s.locks[d[0]].Lock()
	defer s.locks[d[0]].Unlock()
	err := s.root.Rename(from, to)
	if errors.Is(err, fs.ErrNotExist) {
		if err = s.makeDir(path.Dir(to)); err == nil {
			err = s.root.Rename(from, to)
		}
	}
	if err != nil && runtime.GOOS == "windows" {
		// The one that is there may be open, and so cannot be replaced.
		old, there := s.root.Stat(to)
		new, readable := s.root.Stat(from)
		if there == nil && readable == nil && old.Size() == new.Size() {
			return errors.Join(s.root.Chtimes(to, new.ModTime(), new.ModTime()), s.root.Remove(from))
		}
	}
	return err
}

// makeDir makes <tenant>/<aa> and both names durable, before anyone can put a
// blob there.
func (s *Store) makeDir(dir string) error {
	s.dirs.Lock()
	defer s.dirs.Unlock()
	if err := s.root.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return errors.Join(s.sync(path.Dir(dir)), s.sync("."))
}

// sync makes the names in a folder durable. Windows has no such call.
func (s *Store) sync(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := s.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Drop implements blobs.Draft.
func (d *draft) Drop() error {
	var err error
	if d.f != nil {
		err = d.f.Close()
		d.f = nil
	}
	if d.name != "" {
		err = errors.Join(err, d.s.root.Remove(d.name))
		d.name = ""
	}
	if err != nil {
		return failed(err, "an unfinished blob cannot be removed")
	}
	return nil
}
