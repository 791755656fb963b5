// Package atomicfile writes small files so that a crash leaves the old content
// or the new, never a part, and so that a written file survives a power cut.
package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Write replaces the file at path with data and mode perm. When it returns nil
// the content and the name are on disk; after an error the old file stands. The
// folder must exist.
func Write(path string, data []byte, perm fs.FileMode) error {
	tmp, err := fill(path, data, perm)
	if err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return SyncDir(filepath.Dir(path))
}

// Create is Write for a file that must not be there yet: an error that is
// fs.ErrExist means that it is, and was left as it is.
func Create(path string, data []byte, perm fs.FileMode) error {
	tmp, err := fill(path, data, perm)
	if err != nil {
		return err
	}
	// A link fails where the name is taken; a rename would replace it.
	if err := os.Link(tmp, path); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	if err := os.Remove(tmp); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// fill writes data to a new file beside path and returns its name.
func fill(path string, data []byte, perm fs.FileMode) (name string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return "", err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if _, err := f.Write(data); err != nil {
		return "", err
	}
	if err := f.Chmod(perm); err != nil && runtime.GOOS != "windows" {
		return "", err
	}
	return f.Name(), f.Sync()
}

// SyncDir makes the names in a folder durable. Windows has no such call; there
// it does nothing.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
