package opa

import (
	"embed"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/crank-platform/crank"
)

//go:embed starter
var starter embed.FS

// WriteStarter writes the policy that Crank starts with into dir, for its owner
// to read and change. A folder that holds anything already is left as it is, and
// wrote is false.
func WriteStarter(dir string) (wrote bool, err error) {
	if there, err := os.ReadDir(dir); err == nil && len(there) > 0 {
		return false, nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, crank.Wrap(crank.CodePolicyBundle, err, "the policy folder %s cannot be read", dir)
	}
	files, err := fs.ReadDir(starter, "starter")
	if err == nil {
		err = os.MkdirAll(dir, 0o750)
	}
	for _, f := range files {
		var content []byte
		if err == nil {
			content, err = starter.ReadFile(path.Join("starter", f.Name()))
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, f.Name()), content, 0o640)
		}
	}
	if err != nil {
		return false, crank.Wrap(crank.CodePolicyBundle, err, "the starter policy cannot be written to %s", dir)
	}
	return true, nil
}
