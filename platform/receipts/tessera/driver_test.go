package tessera

import (
	"bytes"
	"context"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/transparency-dev/tessera"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/receipts/tessera/logtest"
)

// leafAt is the entry at an index of every log below.
func leafAt(i uint64) crank.Digest {
	return crank.DigestOf("leaf", []byte{byte(i), byte(i >> 8), byte(i >> 16)})
}

// grow opens the log in a folder with a driver, adds n leaves as one batch,
// waits for their checkpoint and closes it. It returns the log, and whether and
// why it could not add.
func grow(t *testing.T, open openDriver, dir string, n int) (*Log, error) {
	t.Helper()
	l, err := New(Config{Dir: dir, Origin: "log.example/epoch-1", FirstSeq: 1, Signers: logtest.Signers("log.example", 1), Source: logtest.New(0)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	d, ended, err := open(ctx, l)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { stop(); ended() }()
	a, shutdown, reader, err := tessera.NewAppender(ctx, d, tessera.NewAppendOptions().WithCheckpointSigner(l.signers[0], l.signers[1]).
		WithCheckpointInterval(100*time.Millisecond).WithCheckpointRepublishInterval(0).
		WithGarbageCollectionInterval(0).WithBatching(uint(n), time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	size, err := reader.IntegratedSize(ctx)
	if err != nil {
		t.Fatal(err)
	}
	futures := make([]tessera.IndexFuture, n)
	for i := range futures {
		leaf := leafAt(size + uint64(i))
		futures[i] = a.Add(ctx, tessera.NewEntry(leaf[:]))
	}
	for i, future := range futures {
		at, err := future()
		if err != nil {
			return l, err
		}
		if at.Index != size+uint64(i) {
			t.Fatalf("leaf %d became leaf %d", size+uint64(i), at.Index)
		}
	}
	if err := shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	return l, nil
}

// sweep has a driver remove the superseded files of a log of size leaves.
func sweep(t *testing.T, open openDriver, l *Log, size int) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	d, ended, err := open(ctx, l)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { stop(); ended() }()
	if _, _, _, err := tessera.NewAppender(ctx, d, tessera.NewAppendOptions().WithCheckpointSigner(l.signers[0], l.signers[1]).WithGarbageCollectionInterval(10*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	p := portable{log: l}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		var cleared clearedState
		if err := p.getJSON(clearedFile, &cleared); err == nil && cleared.FromSize == uint64(size/256*256) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("it has cleared %d leaves of %d", cleared.FromSize, size)
		}
	}
}

// files reads a log's files but those that are signed and those that lock.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, root := range []string{"tile", ".state"} {
		err := fs.WalkDir(os.DirFS(dir), root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(path, ".lock") {
				return err
			}
			data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(path)))
			all[path] = string(data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// same fails where two logs' files differ.
func same(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if data, there := got[path]; !there {
			t.Errorf("%s: %s is missing", what, path)
		} else if data != want[path] {
			t.Errorf("%s: %s holds other bytes", what, path)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(got)) {
		if _, there := want[path]; !there {
			t.Errorf("%s: %s is too much", what, path)
		}
	}
}

func TestBothDriversWriteTheSameBytesAndGoOnWithEachOthersLogs(t *testing.T) {
	t.Parallel()
	by := map[string][2]openDriver{
		"native":   {nativeDriver, nativeDriver},
		"portable": {portableDriver, portableDriver},
		"by turns": {portableDriver, nativeDriver},
	}
	dirs := map[string]string{}
	for what := range by {
		dirs[what] = filepath.Join(t.TempDir(), "log")
	}
	size := 0
	for step, n := range []int{1, 1, 253, 1, 1, 700, 2048, 62_530, 1, 300} { // at 65536 the third level begins
		size += n
		text := ""
		for what, open := range by {
			l, err := grow(t, open[step%2], dirs[what], n)
			if err != nil {
				t.Fatal(err)
			}
			_, c, err := l.checkpoint()
			if err != nil || c.Size != uint64(size) {
				t.Fatalf("%s: the checkpoint is of size %d, %v; want %d", what, c.Size, err, size)
			}
			if text == "" {
				text = c.Text()
			}
			if c.Text() != text {
				t.Fatalf("%s: at size %d the checkpoint is\n%s\nand another driver's\n%s", what, size, c.Text(), text)
			}
		}
	}
	all := files(t, dirs["native"])
	for what, dir := range dirs {
		same(t, what, files(t, dir), all)
	}
	if len(all["tile/2/000.p/1"]) != 32 || len(all["tile/1/000"]) != 8192 {
		t.Error("the log has no third level")
	}
	for what, open := range by {
		l, err := grow(t, open[0], dirs[what], 1)
		if err != nil {
			t.Fatal(err)
		}
		sweep(t, open[1], l, size+1)
	}
	all = files(t, dirs["native"])
	for what, dir := range dirs {
		same(t, what+", cleared", files(t, dir), all)
	}
	if _, there := all["tile/0/000.p/1"]; there {
		t.Error("a superseded tile is still there")
	}
}

// halves makes a log of 700 leaves, and the same of 3000 after one more batch.
func halves(t *testing.T) (before, after string, changed []string) {
	t.Helper()
	before, after = filepath.Join(t.TempDir(), "log"), filepath.Join(t.TempDir(), "log")
	if _, err := grow(t, portableDriver, before, 700); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(after, os.DirFS(before)); err != nil {
		t.Fatal(err)
	}
	if _, err := grow(t, portableDriver, after, 2300); err != nil {
		t.Fatal(err)
	}
	old := files(t, before)
	for path, data := range files(t, after) {
		if old[path] != data && path != stateFile {
			changed = append(changed, path)
		}
	}
	slices.Sort(changed)
	return before, after, changed
}

func TestABatchCountsOnlyOnceAllItsFilesAreWritten(t *testing.T) {
	t.Parallel()
	before, after, changed := halves(t)
	want := files(t, after)
	for _, path := range changed {
		dir := filepath.Join(t.TempDir(), "log")
		if err := os.CopyFS(dir, os.DirFS(before)); err != nil {
			t.Fatal(err)
		}
		obstacle := filepath.Join(dir, filepath.FromSlash(path)) // no file takes a folder's name
		if err := os.MkdirAll(filepath.Join(obstacle, "in the way"), 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := grow(t, portableDriver, dir, 2300); err == nil {
			t.Errorf("%s could not be written, yet the batch counts", path)
		}
		if got, was := files(t, dir), files(t, before); got[stateFile] != was[stateFile] {
			t.Errorf("%s could not be written, yet the state became %s", path, got[stateFile])
		}
		if err := os.RemoveAll(obstacle); err != nil {
			t.Fatal(err)
		}
		if _, err := grow(t, portableDriver, dir, 2300); err != nil {
			t.Errorf("%s can be written again: %v", path, err)
		}
		same(t, path, files(t, dir), want)
	}
}

func TestWhatACrashLeavesOfABatchIsWrittenAgain(t *testing.T) {
	t.Parallel()
	before, after, changed := halves(t)
	want := files(t, after)
	for name, open := range Drivers {
		dice := rand.New(rand.NewPCG(1, 2))
		for round := range 6 {
			dir := filepath.Join(t.TempDir(), "log")
			if err := os.CopyFS(dir, os.DirFS(before)); err != nil {
				t.Fatal(err)
			}
			for _, path := range changed {
				data := []byte(want[path])
				switch dice.IntN(4) {
				case 0:
					continue
				case 1:
					data = data[:dice.IntN(len(data))]
				case 2:
					data = bytes.Repeat([]byte{0}, len(data))
				}
				file := filepath.Join(dir, filepath.FromSlash(path))
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := grow(t, open, dir, 2300); err != nil {
				t.Fatalf("%s, round %d: %v", name, round, err)
			}
			same(t, name, files(t, dir), want)
		}
	}
}

func TestTilesThatAreNotTheStatesAreNotBuiltUpon(t *testing.T) {
	t.Parallel()
	before, _, _ := halves(t)
	tile := filepath.Join(before, "tile", "0", "002.p", "188")
	data, err := os.ReadFile(tile)
	if err != nil {
		t.Fatal(err)
	}
	data[77]++
	if err := os.WriteFile(tile, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := grow(t, portableDriver, before, 10); err == nil || crank.AsError(err).Code != crank.CodeReceiptTampered {
		t.Errorf("on a damaged tile it built: %v; want CodeReceiptTampered", err)
	}
	state := filepath.Join(before, ".state", "version")
	if err := os.WriteFile(state, []byte("2"), 0o644); err != nil {
		t.Fatal(err)
	}
	l, err := New(Config{Dir: before, Origin: "log.example/epoch-1", FirstSeq: 1, Signers: logtest.Signers("log.example", 1), Source: logtest.New(0)})
	if err != nil {
		t.Fatal(err)
	}
	if err := (&portable{log: l}).open(t.Context()); err == nil {
		t.Error("files of a version that it does not know were opened")
	}
}
