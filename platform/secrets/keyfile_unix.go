//go:build unix

package secrets

import (
	"errors"
	"io/fs"
	"os"
)

// othersMay reports whether a file of this mode is open to others than its owner.
func othersMay(mode fs.FileMode) bool { return mode&0o077 != 0 }

// syncDir makes a rename in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
