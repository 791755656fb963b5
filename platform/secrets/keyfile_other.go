//go:build !unix

package secrets

import "io/fs"

// othersMay cannot tell: this system keeps such rights elsewhere.
func othersMay(fs.FileMode) bool { return false }

// syncDir does nothing: this system cannot flush a folder; NTFS journals renames.
func syncDir(string) error { return nil }
