package notesign_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/crank-platform/crank/kit/notesign"
)

func open(t *testing.T, dir string) *notesign.Ring {
	t.Helper()
	r, err := notesign.OpenRing(dir, name, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestARingKeepsItsKeysAcrossRestarts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	first := open(t, dir)
	again := open(t, dir)
	if first.Keys().String() != again.Keys().String() || len(again.Signers()) != 2 {
		t.Fatalf("opened again it has other keys:\n%s%s", first.Keys(), again.Keys())
	}
	if _, err := notesign.OpenRing(dir, "another.example", nil); err == nil {
		t.Error("the ring opens under another name")
	}
}

func TestPrivateKeysAreForTheirOwnerAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("windows has no such modes")
	}
	dir := filepath.Join(t.TempDir(), "keys")
	open(t, dir)
	paths, _ := filepath.Glob(filepath.Join(dir, "*.key"))
	if len(paths) != 2 {
		t.Fatalf("key files: %v; want one an algorithm", paths)
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want 0600", path, info.Mode(), err)
		}
	}
	if err := os.Chmod(paths[0], 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := notesign.OpenRing(dir, name, nil); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that others may read: %v; want a refusal with its mend", err)
	}
}

func TestRotatedKeysSpeakEachInTheirOwnTime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	r := open(t, dir)
	old := r.Signers()
	if err := r.Rotate(100); err != nil {
		t.Fatal(err)
	}
	if err := r.Rotate(100); err == nil {
		t.Error("keys change twice at one position")
	}
	r = open(t, dir)
	signed := func(s []*notesign.Signer) []byte {
		msg, err := notesign.Sign("x\n", s...)
		if err != nil {
			t.Fatal(err)
		}
		return msg
	}
	for _, c := range []struct {
		by       []*notesign.Signer
		position uint64
		good     bool
	}{{old, 0, true}, {old, 99, true}, {old, 100, false}, {r.Signers(), 99, false}, {r.Signers(), 100, true}, {r.Signers(), 1 << 60, true}} {
		if _, _, err := notesign.Open(signed(c.by), r.Keys().At(name, c.position)...); (err == nil) != c.good {
			t.Errorf("signed by %v at %d: %v; want good %v", c.by[0], c.position, err, c.good)
		}
	}
	again, err := notesign.ParseKeys(r.Keys().String())
	if err != nil || again.String() != r.Keys().String() {
		t.Errorf("the keys and their times do not read back: %v", err)
	}
}

func TestTrustFollowsTheChainFromTheFirstKeysAlone(t *testing.T) {
	mine, theirs := open(t, filepath.Join(t.TempDir(), "keys")), open(t, filepath.Join(t.TempDir(), "keys"))
	roots, strangers := append(notesign.Keys(nil), mine.Keys()...), append(notesign.Keys(nil), theirs.Keys()...)
	for _, r := range []*notesign.Ring{mine, theirs} {
		for _, from := range []uint64{10, 20} {
			if err := r.Rotate(from); err != nil {
				t.Fatal(err)
			}
		}
	}
	got, err := notesign.Follow(roots, mine.Chain())
	if err != nil || got.String() != mine.Keys().String() {
		t.Fatalf("following the chain gives %v\n%s; want\n%s", err, got, mine.Keys())
	}
	chain, other := mine.Chain(), theirs.Chain()
	for what, bad := range map[string]struct {
		roots notesign.Keys
		chain [][]byte
	}{
		"another's roots":        {strangers, chain},
		"one root alone":         {roots[:1], chain},
		"another's handover":     {roots, [][]byte{chain[0], other[1]}},
		"a generation left out":  {roots, [][]byte{chain[0], chain[2]}},
		"a generation repeated":  {roots, [][]byte{chain[0], chain[1], chain[1]}},
		"a note that is no note": {roots, [][]byte{[]byte("x")}},
	} {
		if keys, err := notesign.Follow(bad.roots, bad.chain); err == nil {
			t.Errorf("%s: trusted\n%s", what, keys)
		}
	}
}

func TestHalfAGenerationIsNone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	r := open(t, dir)
	if err := r.Rotate(5); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "0002.note")); err != nil { // as if the node died before it was written
		t.Fatal(err)
	}
	r = open(t, dir)
	if len(r.Chain()) != 1 {
		t.Fatalf("%d generations; want the one that was handed over to", len(r.Chain()))
	}
	if err := r.Rotate(5); err != nil {
		t.Fatal(err)
	}
	if again := open(t, dir); len(again.Chain()) != 2 {
		t.Errorf("the second try gives %d generations", len(again.Chain()))
	}
}

func TestASavedKeyLoadsAndIsNeverOverwritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "k")
	s := pair(t, name, 20)[1]
	if err := notesign.SaveKey(path, s); err != nil {
		t.Fatal(err)
	}
	if err := notesign.SaveKey(path, pair(t, name, 21)[1]); !errors.Is(err, fs.ErrExist) {
		t.Errorf("saved over it: %v; want fs.ErrExist", err)
	}
	got, err := notesign.LoadKey(path)
	if err != nil || got.Private() != s.Private() {
		t.Errorf("loaded %v, %v", got, err)
	}
}

func TestANameSpeaksForTheNamesBelowItOnly(t *testing.T) {
	var keys notesign.Keys
	for _, v := range verifiers(pair(t, name, 22)) {
		keys = append(keys, notesign.Key{Verifier: v})
	}
	for below, want := range map[string]int{name: 2, name + "/epoch-1": 2, name + "2": 0, "log.example": 0, "log.example/other": 0} {
		if got := keys.At(below, 0); len(got) != want {
			t.Errorf("%d keys speak for %s; want %d", len(got), below, want)
		}
	}
}
