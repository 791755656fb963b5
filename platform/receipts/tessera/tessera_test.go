package tessera_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/notesign"
	"github.com/crank-platform/crank/platform/receipts"
	"github.com/crank-platform/crank/platform/receipts/tessera"
	"github.com/crank-platform/crank/platform/receipts/tessera/logtest"
)

const (
	node   = "log.example/node"
	origin = node + "/epoch-1"
)

// configurer makes the Config of a log that one of the drivers writes.
type configurer func(t testing.TB, dir string, source tessera.Source) tessera.Config

// eachDriver is a test of every driver that writes on this system.
func eachDriver(t *testing.T, test func(t *testing.T, config configurer)) {
	t.Parallel()
	for driver := range tessera.Drivers {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			test(t, drivenBy(driver))
		})
	}
}

func drivenBy(driver string) configurer {
	return func(t testing.TB, dir string, source tessera.Source) tessera.Config {
		return tessera.Driven(config(t, dir, source), driver)
	}
}

func config(t testing.TB, dir string, source tessera.Source) tessera.Config {
	signers := logtest.Signers(node, 1)
	return tessera.Config{Dir: dir, Origin: origin, Epoch: 1, FirstSeq: 1, Signers: signers, Keys: logtest.Keys(signers), Source: source,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

// start runs a log and returns it with how to stop it.
func start(t testing.TB, c tessera.Config) (*tessera.Log, func() error) {
	t.Helper()
	l, err := tessera.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	stop := sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() { stop() })
	return l, stop
}

// fill makes a log of everything in the journal and stops it.
func fill(t testing.TB, c tessera.Config, j *logtest.Journal) *tessera.Log {
	t.Helper()
	l, stop := start(t, c)
	wait(t, l, j.Len())
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	return l
}

func wait(t testing.TB, l *tessera.Log, seq uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := l.WaitFor(ctx, seq); err != nil {
		t.Fatal(err)
	}
}

// rootOf computes a root from the journal by another library's hand.
func rootOf(t testing.TB, j *logtest.Journal, n uint64) tlog.Hash {
	t.Helper()
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range at {
			out = append(out, stored[i])
		}
		return out, nil
	})
	records, _ := j.Read(t.Context(), 0, int(n))
	for i, s := range records {
		leaf := s.Leaf()
		h, err := tlog.StoredHashes(int64(i), leaf[:], read)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, h...)
	}
	root, err := tlog.TreeHash(int64(n), read)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func code(err error) crank.Code {
	if err == nil {
		return ""
	}
	return crank.AsError(err).Code
}

func opened(t testing.TB, c tessera.Config, raw []byte) notesign.Checkpoint {
	t.Helper()
	cp, by, err := notesign.OpenCheckpoint(raw, c.Keys, func(n uint64) uint64 { return c.FirstSeq - 1 + n })
	if err != nil || len(by) != 2 {
		t.Fatalf("the checkpoint is signed by %v: %v", by, err)
	}
	return cp
}

func TestEveryRecordIsALeafInOrderUnderACheckpointSignedTwice(t *testing.T) {
	eachDriver(t, func(t *testing.T, config configurer) {
		j := logtest.New(700)
		c := config(t, filepath.Join(t.TempDir(), "log"), j)
		l, _ := start(t, c)
		wait(t, l, j.Len())
		j.Grow(1500)
		wait(t, l, j.Len())
		raw, size, err := l.Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		cp := opened(t, c, raw)
		if size != j.Len() || cp.Size != size || tlog.Hash(cp.Root) != rootOf(t, j, size) {
			t.Fatalf("size %d and root %x are not the journal's", size, cp.Root)
		}
		records, _ := j.Read(t.Context(), 0, int(size))
		for _, seq := range []uint64{1, 2, 255, 256, 257, 513, 700, 701, size - 1, size} {
			p, err := l.Inclusion(t.Context(), seq)
			if err != nil {
				t.Fatalf("record %d: %v", seq, err)
			}
			leaf := records[seq-1].Leaf()
			if err := proof.VerifyInclusion(rfc6962.DefaultHasher, p.Index, p.Size, rfc6962.DefaultHasher.HashLeaf(leaf[:]), p.Hashes, cp.Root[:]); err != nil {
				t.Errorf("record %d: %v", seq, err)
			}
		}
		for _, from := range []uint64{1, 256, 700, 701, size - 1} {
			hashes, err := l.Consistency(t.Context(), from, size)
			if err != nil {
				t.Fatalf("from %d: %v", from, err)
			}
			before := rootOf(t, j, from)
			if err := proof.VerifyConsistency(rfc6962.DefaultHasher, from, size, hashes, before[:], cp.Root[:]); err != nil {
				t.Errorf("from %d: %v", from, err)
			}
		}
		if _, err := l.Inclusion(t.Context(), size+1); code(err) != crank.CodeReceiptUnknown {
			t.Errorf("a record that is not there: %v; want CodeReceiptUnknown", err)
		}
		if lag := l.Lag(); lag.Records != 0 || lag.Age != 0 {
			t.Errorf("all is merged, yet the log is behind by %+v", lag)
		}
	})
}

func TestOtherPeoplesClientsReadTheTiles(t *testing.T) {
	eachDriver(t, func(t *testing.T, config configurer) {
		j := logtest.New(1000)
		c := config(t, filepath.Join(t.TempDir(), "log"), j)
		fill(t, c, j)
		raw, err := os.ReadFile(filepath.Join(c.Dir, "checkpoint"))
		if err != nil {
			t.Fatal(err)
		}
		// x/mod's note knows nothing of ML-DSA: it must still read Ed25519's line.
		named, err := c.Signers[0].As(origin)
		if err != nil {
			t.Fatal(err)
		}
		verifier, err := note.NewVerifier(named.String())
		if err != nil {
			t.Fatal(err)
		}
		n, err := note.Open(raw, note.VerifierList(verifier))
		if err != nil {
			t.Fatal(err)
		}
		cp, err := notesign.ParseCheckpoint(n.Text)
		if err != nil {
			t.Fatal(err)
		}
		tree := tlog.Tree{N: int64(cp.Size), Hash: tlog.Hash(cp.Root)}
		hashes := tlog.TileHashReader(tree, tiles(c.Dir))
		for _, i := range []int64{0, 255, 256, 999} {
			if _, err := tlog.ProveRecord(tree.N, i, hashes); err != nil {
				t.Errorf("record %d: %v", i, err)
			}
		}
		if _, err := tlog.ProveTree(tree.N, 600, hashes); err != nil {
			t.Error(err)
		}
	})
}

// tiles is a client of x/mod over a folder in the layout of tlog-tiles, whose
// paths have no height.
type tiles string

func (tiles) Height() int { return 8 }

func (d tiles) ReadTiles(all []tlog.Tile) (out [][]byte, err error) {
	for _, t := range all {
		path := strings.Replace(t.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(string(d), filepath.FromSlash(path)))
		if err != nil {
			return nil, err
		}
		out = append(out, data)
	}
	return out, nil
}

func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func TestARestartContinuesWhereTheLogStopped(t *testing.T) {
	eachDriver(t, func(t *testing.T, config configurer) {
		j := logtest.New(300)
		c := config(t, filepath.Join(t.TempDir(), "log"), j)
		fill(t, c, j)
		j.Grow(300)
		var published [][]byte
		c.Published = func(raw []byte) { published = append(published, raw) }
		fill(t, c, j)
		if cp := opened(t, c, published[len(published)-1]); cp.Size != j.Len() || tlog.Hash(cp.Root) != rootOf(t, j, j.Len()) {
			t.Errorf("after the restart the checkpoint is %v", cp)
		}
		if first := opened(t, c, published[0]); first.Size != 301 {
			t.Errorf("the first that is told is of size %d; want the 301 that stood", first.Size)
		}
	})
}

func TestALogThatDiedAnywhereBetweenSignaturesGoesOn(t *testing.T) {
	eachDriver(t, func(t *testing.T, config configurer) {
		j := logtest.New(400)
		c := config(t, filepath.Join(t.TempDir(), "log"), j)
		fill(t, c, j)
		for what, damage := range map[string]func(dir string){
			"before the checkpoint was published": func(dir string) { os.Remove(filepath.Join(dir, "checkpoint")) },
			"with a temporary tile left":          func(dir string) { os.WriteFile(filepath.Join(dir, "tile", "0", "00112345"), []byte("x"), 0o644) },
		} {
			t.Run(what, func(t *testing.T) {
				t.Parallel()
				d := c
				d.Dir = filepath.Join(t.TempDir(), "log")
				d.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
				if err := os.CopyFS(d.Dir, os.DirFS(c.Dir)); err != nil {
					t.Fatal(err)
				}
				damage(d.Dir)
				more := j.Clone()
				more.Grow(10)
				d.Source = more
				l := fill(t, d, more)
				raw, _, err := l.Checkpoint(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if cp := opened(t, d, raw); cp.Size != more.Len() || tlog.Hash(cp.Root) != rootOf(t, more, more.Len()) {
					t.Errorf("the checkpoint is %v", cp)
				}
			})
		}
	})
}

func TestTheLogRefusesToSignWhatContradictsIt(t *testing.T) {
	eachDriver(t, func(t *testing.T, config configurer) {
		j := logtest.New(400)
		c := config(t, filepath.Join(t.TempDir(), "log"), j)
		fill(t, c, j)
		small, err := os.ReadFile(filepath.Join(c.Dir, "checkpoint"))
		if err != nil {
			t.Fatal(err)
		}
		older := filepath.Join(t.TempDir(), "older")
		if err := os.CopyFS(older, os.DirFS(c.Dir)); err != nil {
			t.Fatal(err)
		}
		j.Grow(100)
		fill(t, c, j)
		anchor, err := os.ReadFile(filepath.Join(c.Dir, "checkpoint"))
		if err != nil {
			t.Fatal(err)
		}
		cases := map[string]struct {
			change func(c *tessera.Config, j *logtest.Journal)
			want   crank.Code
		}{
			"the journal's last record was cut off": {func(_ *tessera.Config, j *logtest.Journal) {
				j.Edit(func(r []receipts.Stored) []receipts.Stored { return r[:len(r)-1] })
			}, crank.CodeRollback},
			"the journal's last record was changed": {func(_ *tessera.Config, j *logtest.Journal) {
				j.Edit(func(r []receipts.Stored) []receipts.Stored { r[len(r)-1].Salt[0]++; return r })
			}, crank.CodeReceiptTampered},
			"the whole log was rolled back under an anchor": {func(c *tessera.Config, _ *logtest.Journal) {
				os.RemoveAll(c.Dir)
				os.CopyFS(c.Dir, os.DirFS(older))
				c.Anchors = [][]byte{anchor}
			}, crank.CodeRollback},
			"the log is gone but an anchor is not": {func(c *tessera.Config, _ *logtest.Journal) {
				os.RemoveAll(c.Dir)
				c.Anchors = [][]byte{small, anchor}
			}, crank.CodeRollback},
			"tiles and checkpoint were rolled back, what was signed was not": {func(c *tessera.Config, _ *logtest.Journal) {
				signed, _ := os.ReadFile(filepath.Join(c.Dir, ".signed"))
				os.RemoveAll(c.Dir)
				os.CopyFS(c.Dir, os.DirFS(older))
				os.WriteFile(filepath.Join(c.Dir, ".signed"), signed, 0o644)
			}, crank.CodeRollback},
			"what was signed says another root": {func(c *tessera.Config, _ *logtest.Journal) {
				path := filepath.Join(c.Dir, ".signed")
				text, _ := os.ReadFile(path)
				cp, _ := notesign.ParseCheckpoint(string(text))
				cp.Root[5]++
				os.WriteFile(path, []byte(cp.Text()), 0o644)
			}, crank.CodeReceiptTampered},
			"the published checkpoint is damaged": {func(c *tessera.Config, _ *logtest.Journal) {
				os.WriteFile(filepath.Join(c.Dir, "checkpoint"), bytes.Replace(anchor, []byte("\n501\n"), []byte("\n502\n"), 1), 0o644)
			}, crank.CodeReceiptTampered},
			"the newest tile is damaged": {func(c *tessera.Config, _ *logtest.Journal) {
				path := filepath.Join(c.Dir, "tile", "0", "001.p", "245")
				tile, _ := os.ReadFile(path)
				tile[77]++
				os.WriteFile(path, tile, 0o644)
			}, crank.CodeReceiptTampered},
			"the anchor is another log's": {func(c *tessera.Config, _ *logtest.Journal) {
				c.Anchors = [][]byte{bytes.Replace(anchor, []byte("501"), []byte("500"), 1)}
			}, crank.CodeReceiptTampered},
			"keys that do not speak yet": {func(c *tessera.Config, j *logtest.Journal) {
				c.Keys = slices.Clone(c.Keys)
				for _, s := range logtest.Signers(node, 9) {
					c.Keys = append(c.Keys, notesign.Key{Verifier: s.Verifier(), From: 1 << 30})
				}
				c.Signers = logtest.Signers(node, 9)
				j.Grow(1)
			}, crank.CodeConfig},
		}
		for what, test := range cases {
			t.Run(what, func(t *testing.T) {
				t.Parallel()
				d, dj := c, j.Clone()
				d.Dir, d.Source = filepath.Join(t.TempDir(), "log"), dj
				d.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
				if err := os.CopyFS(d.Dir, os.DirFS(c.Dir)); err != nil {
					t.Fatal(err)
				}
				test.change(&d, dj)
				l, err := tessera.New(d)
				if err != nil {
					t.Fatal(err)
				}
				before, _ := os.ReadFile(filepath.Join(d.Dir, "checkpoint"))
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				if err := l.Run(ctx); code(err) != test.want {
					t.Errorf("Run: %v; want %s", err, test.want)
				}
				if after, _ := os.ReadFile(filepath.Join(d.Dir, "checkpoint")); !bytes.Equal(before, after) {
					t.Errorf("it published\n%s\nin place of\n%s", after, before)
				}
			})
		}
	})
}

func TestARebuiltLogHasTheSameRootAndGoesOn(t *testing.T) {
	eachDriver(t, func(t *testing.T, config configurer) {
		j := logtest.New(900)
		c := config(t, filepath.Join(t.TempDir(), "log"), j)
		l := fill(t, c, j)
		raw, _, err := l.Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		cp := opened(t, c, raw)
		tile := filepath.Join(c.Dir, "tile", "0", "001")
		if err := os.WriteFile(tile, make([]byte, 8192), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Inclusion(t.Context(), 300); code(err) != crank.CodeReceiptTampered {
			t.Fatalf("a proof from a damaged tile: %v; want CodeReceiptTampered", err)
		}
		size, root, err := tessera.Rebuild(t.Context(), c)
		if err != nil || size != cp.Size || root != cp.Root {
			t.Fatalf("rebuilt to size %d and root %x, %v; want %v", size, root, err, cp)
		}
		if _, err := l.Inclusion(t.Context(), 300); err != nil {
			t.Errorf("a proof from the rebuilt log: %v", err)
		}
		j.Grow(10)
		fill(t, c, j)
		j.Edit(func(r []receipts.Stored) []receipts.Stored { r[5].Salt[0]++; return r })
		if _, _, err := tessera.Rebuild(t.Context(), c); code(err) != crank.CodeReceiptTampered {
			t.Errorf("rebuilt from a changed journal: %v; want CodeReceiptTampered", err)
		}
		j.Edit(func(r []receipts.Stored) []receipts.Stored { return r[:700] })
		if _, _, err := tessera.Rebuild(t.Context(), c); code(err) != crank.CodeRollback {
			t.Errorf("rebuilt from a shorter journal: %v; want CodeRollback", err)
		}
		if err := os.RemoveAll(c.Dir); err != nil {
			t.Fatal(err)
		}
	})
}

func TestNewKeysSignWhatComesAfterAndOldOnesStayGood(t *testing.T) {
	eachDriver(t, func(t *testing.T, config configurer) {
		j := logtest.New(50)
		c := config(t, filepath.Join(t.TempDir(), "log"), j)
		ring, err := notesign.OpenRing(filepath.Join(t.TempDir(), "keys"), node, nil)
		if err != nil {
			t.Fatal(err)
		}
		c.Signers, c.Keys = ring.Signers(), ring.Keys()
		l := fill(t, c, j)
		old, _, err := l.Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		next, err := l.NextPosition()
		if err != nil || next != j.Len()+1 {
			t.Fatalf("new keys may take over at %d, %v; want %d", next, err, j.Len()+1)
		}
		if err := ring.Rotate(next); err != nil {
			t.Fatal(err)
		}
		c.Signers, c.Keys = ring.Signers(), ring.Keys()
		j.Grow(50)
		now, _, err := fill(t, c, j).Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if opened(t, c, old).Size != 51 || opened(t, c, now).Size != 101 {
			t.Error("the two checkpoints do not verify in their times")
		}
		keys := func(raw []byte) string {
			_, by, _ := notesign.OpenCheckpoint(raw, c.Keys, func(n uint64) uint64 { return n })
			return by[0].String() + by[1].String()
		}
		if keys(old) == keys(now) {
			t.Error("both are signed with the same keys")
		}
	})
}

func TestALogEndsWhereTheNextEpochBegins(t *testing.T) {
	eachDriver(t, func(t *testing.T, config configurer) {
		j := logtest.New(30)
		end := j.Len()
		j.Begin(crank.Tags{"size": "31"})
		j.Grow(20)
		dir := t.TempDir()
		c := config(t, filepath.Join(dir, "epoch-1"), j)
		l, stop := start(t, c)
		wait(t, l, end)
		d := config(t, filepath.Join(dir, "epoch-2"), j)
		d.Origin, d.Epoch, d.FirstSeq = node+"/epoch-2", 2, end+1
		l2, _ := start(t, d)
		wait(t, l2, j.Len())
		if err := stop(); err != nil {
			t.Error(err)
		}
		if _, size, err := l.Checkpoint(t.Context()); err != nil || size != end {
			t.Errorf("epoch 1 has %d leaves, %v; want %d", size, err, end)
		}
		if p, err := l2.Inclusion(t.Context(), end+1); err != nil || p.Index != 0 || p.Size != 21 {
			t.Errorf("epoch 2's first record: %+v, %v; want leaf 0 of 21", p, err)
		}
		if _, err := l2.Inclusion(t.Context(), end); code(err) != crank.CodeReceiptUnknown {
			t.Errorf("epoch 1's record from epoch 2's log: %v; want CodeReceiptUnknown", err)
		}
	})
}

// broken fails while told to.
type broken struct {
	*logtest.Journal
	mu  sync.Mutex
	err error
}

func (b *broken) set(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
}

func (b *broken) Read(ctx context.Context, after uint64, limit int) ([]receipts.Stored, error) {
	b.mu.Lock()
	err := b.err
	b.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return b.Journal.Read(ctx, after, limit)
}

func TestALogThatFallsBehindSaysSoAndCatchesUp(t *testing.T) {
	eachDriver(t, func(t *testing.T, config configurer) {
		j := &broken{Journal: logtest.New(10)}
		j.set(fs.ErrInvalid)
		c := config(t, filepath.Join(t.TempDir(), "log"), j)
		c.MergeDelay = time.Second
		alarms := make(chan tessera.Lag, 10)
		c.Alarm = func(l tessera.Lag) { alarms <- l }
		l, _ := start(t, c)
		select {
		case lag := <-alarms:
			if lag.Age <= time.Second || !errors.Is(lag.Err, fs.ErrInvalid) {
				t.Errorf("the alarm says %+v", lag)
			}
		case <-time.After(time.Minute):
			t.Fatal("no alarm")
		}
		j.set(nil)
		wait(t, l, j.Len())
		if lag := l.Lag(); lag.Err != nil {
			t.Errorf("it has caught up, yet says %+v", lag)
		}
	})
}

func TestALogWhoseDiskFailsCatchesUpWhenItWorksAgain(t *testing.T) {
	eachDriver(t, func(t *testing.T, config configurer) {
		j := logtest.New(300)
		c := config(t, filepath.Join(t.TempDir(), "log"), j)
		fill(t, c, j)
		// A file where a folder must be: nothing can be read or written below it.
		tile := filepath.Join(c.Dir, "tile")
		if err := errors.Join(os.Rename(tile, tile+".away"), os.WriteFile(tile, nil, 0o644)); err != nil {
			t.Fatal(err)
		}
		j.Grow(10)
		c.MergeDelay = time.Second
		alarms := make(chan tessera.Lag, 10)
		c.Alarm = func(l tessera.Lag) { alarms <- l }
		l, _ := start(t, c)
		select {
		case lag := <-alarms:
			if code(lag.Err) != crank.CodeStore {
				t.Errorf("the alarm says %+v; want CodeStore", lag)
			}
		case <-time.After(time.Minute):
			t.Fatal("no alarm")
		}
		if err := errors.Join(os.Remove(tile), os.Rename(tile+".away", tile)); err != nil {
			t.Fatal(err)
		}
		wait(t, l, j.Len())
	})
}

func TestAPromiseIsMadeOnlyForWhatTheJournalHolds(t *testing.T) {
	eachDriver(t, func(t *testing.T, config configurer) {
		j := logtest.New(5)
		c := config(t, filepath.Join(t.TempDir(), "log"), j)
		c.Now = func() time.Time { return time.UnixMicro(5_000_000) }
		l, err := tessera.New(c)
		if err != nil {
			t.Fatal(err)
		}
		msg, err := l.Promise(t.Context(), 3)
		if err != nil {
			t.Fatal(err)
		}
		text, _, err := notesign.Open(msg, c.Keys.At(origin, 0)...)
		if err != nil {
			t.Fatal(err)
		}
		records, _ := j.Read(t.Context(), 2, 1)
		want := "crank.dev/promise/v1\n" + origin + "\n1\n3\n2\n" + records[0].Digest().String() + "\n" + records[0].Leaf().String() + "\n15000000\n"
		if text != want {
			t.Errorf("promised\n%s; want\n%s", text, want)
		}
		if _, err := l.Promise(t.Context(), 7); code(err) != crank.CodeReceiptUnknown {
			t.Errorf("a promise for what is not there: %v; want CodeReceiptUnknown", err)
		}
	})
}

func BenchmarkFeed(b *testing.B) {
	const n = 200_000
	j := logtest.New(n)
	for driver := range tessera.Drivers {
		b.Run(driver, func(b *testing.B) {
			for b.Loop() {
				fill(b, drivenBy(driver)(b, filepath.Join(b.TempDir(), "log"), j), j) // the wait for the last checkpoint, up to a second, included
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "leaves/s")
		})
	}
}

func BenchmarkInclusion(b *testing.B) {
	j := logtest.New(50_000)
	l := fill(b, config(b, filepath.Join(b.TempDir(), "log"), j), j)
	seq := uint64(0)
	for b.Loop() {
		seq = seq*6364136223846793005 + 1442695040888963407
		if _, err := l.Inclusion(b.Context(), 1+seq%50_000); err != nil {
			b.Fatal(err)
		}
	}
}
