package secrets

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/crank-platform/crank"
)

// A key file is one line of text: keyMark and the key in base64.
const keyMark = "crank-key-v1 "

// next is what a key file's successor is called while a rotation is under way.
const next = ".next"

// NewKey returns a fresh key.
func NewKey() []byte {
	key := make([]byte, KeySize)
	rand.Read(key) // cannot fail
	return key
}

// LoadOrCreateKey reads the key at path, or makes one there, readable by its
// owner alone, when there is no file. CodeSecret when the file is damaged or, on
// systems with Unix permissions, when others may read or write it; Windows keeps
// such rights elsewhere, and there they are not looked at.
func LoadOrCreateKey(path string) ([]byte, error) {
	key, err := loadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	key = NewKey()
	if err := writeKey(path, key); err != nil {
		return nil, err
	}
	return key, nil
}

// loadKey's error is fs.ErrNotExist when there is no file.
func loadKey(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, crank.Wrap(crank.CodeSecret, err, "the key file cannot be read").Mending("Make it readable by the user that runs the node.")
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, crank.Wrap(crank.CodeSecret, err, "the key file cannot be read")
	}
	if !info.Mode().IsRegular() {
		return nil, crank.E(crank.CodeSecret, "the key file %s is no ordinary file", filepath.Base(path)).Mending("Put a key file there.")
	}
	if mode := info.Mode().Perm(); othersMay(mode) {
		return nil, crank.E(crank.CodeSecret, "the key file %s has mode %04o: others than its owner may use it", filepath.Base(path), mode).
			Mending("Run chmod 600 on it; if others may have read it, rotate the key.")
	}
	text, err := io.ReadAll(io.LimitReader(f, 256))
	if err != nil {
		return nil, crank.Wrap(crank.CodeSecret, err, "the key file cannot be read")
	}
	key, err := parseKey(string(text))
	if err != nil {
		return nil, crank.E(crank.CodeSecret, "the key file %s is damaged: %v", filepath.Base(path), err).
			Mending("Put it back from a backup. Without it nothing that was sealed can be read again.")
	}
	return key, nil
}

// parseKey reads a key file's text. Its error repeats none of it.
func parseKey(text string) ([]byte, error) {
	body, ok := strings.CutPrefix(strings.TrimRight(text, "\r\n"), keyMark)
	if !ok {
		return nil, fmt.Errorf("it does not begin with %q", keyMark)
	}
	key, err := base64.StdEncoding.Strict().DecodeString(body)
	if err != nil || len(key) != KeySize {
		return nil, fmt.Errorf("its key is not %d bytes of base64", KeySize)
	}
	return key, nil
}

// writeKey puts the whole file at path or nothing, durably.
func writeKey(path string, key []byte) error {
	failed := func(err error) error {
		return crank.Wrap(crank.CodeSecret, err, "the key file %s cannot be written", filepath.Base(path)).
			Mending("Check that its folder exists, can be written, and has space.")
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*") // mode 0600
	if err != nil {
		return failed(err)
	}
	_, err = f.WriteString(keyMark + base64.StdEncoding.EncodeToString(key) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return failed(errors.Join(err, os.Remove(f.Name())))
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return failed(err)
	}
	return nil
}

// Open opens a Vault with the key at path, made there if there is none, and
// finishes or forgets a rotation that a crash cut short. Config.Key is not used.
func Open(ctx context.Context, path string, c Config) (*Vault, error) {
	var err error
	if c.Key, err = LoadOrCreateKey(path); err != nil {
		return nil, err
	}
	v, first := New(ctx, c)
	after, err := loadKey(path + next)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return v, first
	case first == nil: // the crash came before the store was sealed anew
		return v, forget(path + next)
	case err != nil:
		return nil, errors.Join(first, err)
	}
	c.Key = after
	if v, err = New(ctx, c); err != nil {
		return nil, first
	}
	return v, adopt(path) // it came after
}

// RotateKeyFile gives s a new master key and puts it at path. At a crash at any
// moment either the old key or the one beside it at path.next fits, and Open
// finds which.
func RotateKeyFile(ctx context.Context, path string, s Service) error {
	if _, err := os.Lstat(path + next); !errors.Is(err, fs.ErrNotExist) {
		return crank.E(crank.CodeSecret, "a rotation of the master key did not end well, and its key may be in use").
			Mending("Restart the node: it finds which key fits. Then rotate again.")
	}
	key := NewKey()
	if err := writeKey(path+next, key); err != nil {
		return err
	}
	if err := s.RotateMaster(ctx, key); err != nil {
		return err // path.next stays: an error may hide that the change was made
	}
	return adopt(path)
}

func adopt(path string) error {
	err := os.Rename(path+next, path)
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return crank.Wrap(crank.CodeSecret, err, "the new master key could not be put in its place").
			Mending("Leave both key files as they are and restart the node.")
	}
	return nil
}

func forget(path string) error {
	if err := os.Remove(path); err != nil {
		return crank.Wrap(crank.CodeSecret, err, "a master key that was never used cannot be removed")
	}
	return nil
}
