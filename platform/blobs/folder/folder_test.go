package folder_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/blobs"
	"github.com/crank-platform/crank/platform/blobs/blobstest"
	"github.com/crank-platform/crank/platform/blobs/folder"
)

func open(t testing.TB, dir string) *folder.Store {
	t.Helper()
	s, err := folder.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestBlobs(t *testing.T) {
	blobstest.Run(t, func(t *testing.T) func() blobs.Store {
		dir := filepath.Join(t.TempDir(), "blobs")
		return func() blobs.Store { return open(t, dir) }
	})
}

// files lists what lies below dir.
func files(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(dir, p)
			all = append(all, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestABlobLiesUnderItsTenantAndDigest(t *testing.T) {
	dir := t.TempDir()
	s := blobs.New(blobs.Config{Store: open(t, dir)})
	if _, err := s.Put(t.Context(), "tenant_a", strings.NewReader("abc"), crank.Digest{}); err != nil {
		t.Fatal(err)
	}
	want := "tenant_a/ba/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // FIPS 180-2, appendix B.1
	if got := files(t, dir); len(got) != 1 || got[0] != want {
		t.Errorf("the folder holds %q", got)
	}
	info, err := os.Stat(filepath.Join(dir, want))
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestACrashLeavesOnlyDraftsAndTheyAreSwept(t *testing.T) {
	dir := t.TempDir()
	store := open(t, dir)
	w, err := store.Draft(t.Context(), "tenant_a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "half of"); err != nil {
		t.Fatal(err)
	}
	left := files(t, dir) // what a crash would leave
	if len(left) != 1 || !strings.HasPrefix(left[0], ".drafts/") {
		t.Errorf("a draft lies in %q", left)
	}
	if runtime.GOOS == "windows" { // an open file cannot be removed there
		w.Drop()
	}
	open(t, dir)
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("after the restart %q is left", left)
	}
}

func TestAPutThatFailsLeavesNoFile(t *testing.T) {
	dir := t.TempDir()
	s := blobs.New(blobs.Config{Store: open(t, dir), MaxBytes: 100})
	ctx, cancel := context.WithCancel(t.Context())
	leaving := readerFunc(func(p []byte) (int, error) { cancel(); return 1, nil })
	_, late := s.Put(ctx, "tenant_a", leaving, crank.Digest{})
	_, large := s.Put(t.Context(), "tenant_a", blobstest.Zeros(101), crank.Digest{})
	_, other := s.Put(t.Context(), "tenant_a", strings.NewReader("x"), crank.Digest{1})
	if crank.KindOf(late) != crank.KindCancelled || large == nil || other == nil {
		t.Errorf("%v, %v, %v", late, large, other)
	}
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("%q is left", left)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestALinkOutOfTheFolderIsNotFollowed(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	d := crank.Digest(sha256.Sum256([]byte("secret")))
	text := strings.TrimPrefix(d.String(), "sha256:")
	if err := os.MkdirAll(filepath.Join(outside, text[:2]), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(outside, text[:2], text), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	store := open(t, dir)
	if err := os.Symlink(outside, filepath.Join(dir, "tenant_a")); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	s := blobs.New(blobs.Config{Store: store})
	if _, _, err := s.Open(t.Context(), "tenant_a", d); err == nil {
		t.Error("a link led out of the folder")
	}
	if _, err := s.Put(t.Context(), "tenant_a", strings.NewReader("x"), crank.Digest{}); err == nil {
		t.Error("a link led a blob out of the folder")
	}
}

func TestAFlippedBitIsFoundWhereverItIs(t *testing.T) {
	dir := t.TempDir()
	s := blobs.New(blobs.Config{Store: open(t, dir)})
	data := bytes.Repeat([]byte("crank"), 40)
	ref, err := s.Put(t.Context(), "tenant_a", bytes.NewReader(data), crank.Digest{})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, files(t, dir)[0])
	for i := range data {
		data[i] ^= 1 << (i % 8)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		data[i] ^= 1 << (i % 8)
		r, _, err := s.Open(t.Context(), "tenant_a", ref.Digest)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = io.Copy(io.Discard, r); !errors.Is(err, &crank.Error{Code: crank.CodeBlobDigest}) {
			t.Fatalf("byte %d: %v", i, err)
		}
		r.Close()
	}
}
