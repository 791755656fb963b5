package verify

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/atomicfile"
	"github.com/crank-platform/crank/kit/notesign"
)

const anchorSuffix = ".checkpoint"

// WriteAnchor keeps a checkpoint in a folder, which is to be outside the data
// directory: another disk, another machine's share. It never replaces one. A
// checkpoint of the same log and size with another root is CodeReceiptTampered.
// It does not check signatures: Log does, when it reads anchors.
func WriteAnchor(dir string, checkpoint []byte) error {
	cp, err := parseCheckpoint(checkpoint)
	if err != nil {
		return err
	}
	folder := filepath.Join(dir, url.PathEscape(cp.Origin))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return crank.Wrap(crank.CodeStore, err, "the anchors' folder cannot be used")
	}
	path := filepath.Join(folder, fmt.Sprintf("%020d%s", cp.Size, anchorSuffix))
	err = atomicfile.Create(path, checkpoint, 0o644)
	if !errors.Is(err, fs.ErrExist) {
		if err != nil {
			return crank.Wrap(crank.CodeStore, err, "the anchor cannot be written")
		}
		return nil
	}
	standing, err := os.ReadFile(path)
	if err != nil {
		return crank.Wrap(crank.CodeStore, err, "the anchor that stands cannot be read")
	}
	if old, err := parseCheckpoint(standing); err != nil || old != cp {
		return crank.E(crank.CodeReceiptTampered, "the log %s was anchored at size %d with another root", cp.Origin, cp.Size)
	}
	return nil
}

// Anchors reads every checkpoint that WriteAnchor kept in a folder, by log and
// size; none where there is no folder. They are not verified yet.
func Anchors(dir string) ([][]byte, error) {
	all := [][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != anchorSuffix {
			return err
		}
		data, err := os.ReadFile(path)
		all = append(all, data)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, crank.Wrap(crank.CodeStore, err, "the anchors cannot be read")
	}
	return all, nil
}

// parseCheckpoint reads a signed checkpoint without asking who signed it.
func parseCheckpoint(msg []byte) (notesign.Checkpoint, error) {
	text, err := notesign.Text(msg)
	if err != nil {
		return notesign.Checkpoint{}, crank.Wrap(crank.CodeReceiptTampered, err, "this is no checkpoint")
	}
	cp, err := notesign.ParseCheckpoint(text)
	if err != nil {
		return cp, crank.Wrap(crank.CodeReceiptTampered, err, "this is no checkpoint")
	}
	return cp, nil
}

// The keys of the detail of the record that begins an epoch after the first.
const (
	linkOrigin = "log.origin"
	linkSize   = "log.size"
	linkRoot   = "log.root"
	linkText   = "log.checkpoint"
)

// Link is the detail of the record that begins the next epoch: it names the last
// checkpoint of the one that ends by origin, size, root (hex) and the digest of
// its note's text.
func Link(checkpoint []byte) (crank.Tags, error) {
	cp, err := parseCheckpoint(checkpoint)
	if err != nil {
		return nil, err
	}
	return linkOf(cp), nil
}

func linkOf(cp notesign.Checkpoint) crank.Tags {
	return crank.Tags{
		linkOrigin: cp.Origin, linkSize: fmt.Sprint(cp.Size), linkRoot: fmt.Sprintf("%x", cp.Root),
		linkText: crank.DigestOf("crank/checkpoint/v1", []byte(cp.Text())).String(),
	}
}
