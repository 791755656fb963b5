// Package blobstest is the suite that every store of blobs passes, under the
// service that is made of it.
package blobstest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/blobs"
)

// Open returns a fresh store, and then the same one again, as after a restart; a
// body that keeps nothing returns the one it has.
type Open func(t *testing.T) (again func() blobs.Store)

const a, b = "tenant_a", "tenant_b"

// Run runs the suite.
func Run(t *testing.T, open Open) {
	t.Run("what was put is read again, also after a restart", func(t *testing.T) { roundTrip(t, open(t)) })
	t.Run("two tenants share nothing", func(t *testing.T) { tenants(t, open(t)()) })
	t.Run("a put that fails leaves nothing", func(t *testing.T) { refusals(t, open(t)()) })
	t.Run("a name that could leave the store has no blobs", func(t *testing.T) { names(t, open(t)()) })
	t.Run("a draft is not seen before it is kept", func(t *testing.T) { draft(t, open(t)()) })
	t.Run("spoilt bytes never end as if they were whole", func(t *testing.T) { spoilt(t, open(t)()) })
	t.Run("only old blobs that nobody needs are collected", func(t *testing.T) { collect(t, open(t)()) })
	t.Run("pins that cannot be had keep a tenant's blobs", func(t *testing.T) { pinsFail(t, open(t)()) })
	t.Run("a blob put while the collection looks stays", func(t *testing.T) { hammer(t, open(t)()) })
}

func put(t *testing.T, s *blobs.Blobs, tenant, text string) crank.Digest {
	t.Helper()
	ref, err := s.Put(t.Context(), tenant, strings.NewReader(text), crank.Digest{})
	if err != nil || ref.Digest != crank.Digest(sha256.Sum256([]byte(text))) || ref.Size != int64(len(text)) {
		t.Fatalf("put %.20q: %+v, %v", text, ref, err)
	}
	return ref.Digest
}

func get(t *testing.T, s *blobs.Blobs, tenant string, d crank.Digest) (string, error) {
	t.Helper()
	r, ref, err := s.Open(t.Context(), tenant, d)
	if err != nil {
		return "", err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err == nil && (ref.Size != int64(len(data)) || ref.Digest != d) {
		t.Errorf("%+v stands for %d bytes of %s", ref, len(data), d)
	}
	return string(data), err
}

func wants(t *testing.T, what string, err error, code crank.Code) {
	t.Helper()
	if !errors.Is(err, &crank.Error{Code: code}) {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

func roundTrip(t *testing.T, again func() blobs.Store) {
	texts := []string{"", "x", strings.Repeat("0123456789", 50_000)}
	s := blobs.New(blobs.Config{Store: again()})
	for _, text := range texts {
		d := put(t, s, a, text)
		if twice := put(t, s, a, text); twice != d {
			t.Errorf("the same bytes are %s and %s", d, twice)
		}
	}
	s = blobs.New(blobs.Config{Store: again()})
	for _, text := range texts {
		d := crank.Digest(sha256.Sum256([]byte(text)))
		if got, err := get(t, s, a, d); got != text || err != nil {
			t.Errorf("%d bytes of %d come back, %v", len(got), len(text), err)
		}
		if ref, err := s.Stat(t.Context(), a, d); err != nil || ref.Size != int64(len(text)) || ref.Digest != d {
			t.Errorf("stat gives %+v, %v", ref, err)
		}
		r, _, err := s.Open(t.Context(), a, d)
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(r, []byte(text)); err != nil {
			t.Error(err)
		}
		r.Close()
	}
}

func tenants(t *testing.T, store blobs.Store) {
	s := blobs.New(blobs.Config{Store: store})
	d := put(t, s, a, "mine")
	never := crank.Digest(sha256.Sum256([]byte("never put")))
	for _, c := range []struct {
		tenant string
		d      crank.Digest
	}{{b, d}, {a, never}, {b, never}} {
		_, open := get(t, s, c.tenant, c.d)
		_, stat := s.Stat(t.Context(), c.tenant, c.d)
		for _, err := range []error{open, stat, s.Renew(t.Context(), c.tenant, c.d)} {
			wants(t, "a blob of nobody or of another", err, crank.CodeBlobUnknown)
			if got, want := err.Error(), "CRK-5006 there is no blob "+c.d.String(); !strings.HasPrefix(got, want) {
				t.Errorf("%q tells more than %q", got, want)
			}
		}
	}
	put(t, s, b, "mine")
	if _, removed, err := store.Remove(t.Context(), a, d, time.Now().Add(time.Hour)); !removed || err != nil {
		t.Fatalf("removed %v, %v", removed, err)
	}
	if got, err := get(t, s, b, d); got != "mine" || err != nil {
		t.Errorf("the other tenant's blob went along: %q, %v", got, err)
	}
}

func refusals(t *testing.T, store blobs.Store) {
	s := blobs.New(blobs.Config{Store: store, MaxBytes: 10})
	broken := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(io.ErrUnexpectedEOF))
	for name, c := range map[string]struct {
		r    io.Reader
		want crank.Digest
		code crank.Code
	}{
		"other bytes than wanted": {strings.NewReader("half"), crank.Digest{1}, crank.CodeBlobDigest},
		"a source that breaks":    {broken, crank.Digest{}, crank.CodeBlobDigest},
		"eleven of ten bytes":     {strings.NewReader("12345678901"), crank.Digest{}, crank.CodeTooLarge},
		"a source without end":    {endless{}, crank.Digest{}, crank.CodeTooLarge},
	} {
		_, err := s.Put(t.Context(), a, c.r, c.want)
		wants(t, name, err, c.code)
	}
	for _, text := range []string{"half", "12345678901", "1234567890"} {
		_, err := s.Stat(t.Context(), a, crank.Digest(sha256.Sum256([]byte(text))))
		wants(t, "what was refused", err, crank.CodeBlobUnknown)
	}
	put(t, s, a, "1234567890")
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func names(t *testing.T, store blobs.Store) {
	s := blobs.New(blobs.Config{Store: store})
	d := put(t, s, a, "inside")
	for _, tenant := range []string{"", ".", "..", "../tenant_a", "tenant_a/..", "/", "a\\b", "A", "c:", "x\x00", ".drafts", "é", "a.", strings.Repeat("x", 129)} {
		_, err := s.Put(t.Context(), tenant, strings.NewReader("out"), crank.Digest{})
		wants(t, fmt.Sprintf("put for %q", tenant), err, crank.CodeInvalidInput)
		_, err = get(t, s, tenant, d)
		wants(t, fmt.Sprintf("open for %q", tenant), err, crank.CodeBlobUnknown)
		_, err = s.Stat(t.Context(), tenant, d)
		wants(t, fmt.Sprintf("stat for %q", tenant), err, crank.CodeBlobUnknown)
	}
}

func draft(t *testing.T, store blobs.Store) {
	d := crank.Digest(sha256.Sum256([]byte("slow")))
	w, err := store.Draft(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "slow"); err != nil {
		t.Fatal(err)
	}
	_, err = store.Stat(t.Context(), a, d)
	wants(t, "a draft", err, crank.CodeBlobUnknown)
	if err := w.Keep(d, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := w.Drop(); err != nil {
		t.Errorf("drop after keep: %v", err)
	}
	if size, err := store.Stat(t.Context(), a, d); size != 4 || err != nil {
		t.Errorf("the kept draft has %d bytes, %v", size, err)
	}
}

// spoilt keeps bytes under a digest that is not theirs, as a disk may.
func spoilt(t *testing.T, store blobs.Store) {
	s := blobs.New(blobs.Config{Store: store})
	for _, bad := range []string{"good-", "goo", "", "gooD"} {
		d := put(t, s, a, "good")
		w, err := store.Draft(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, bad)
		if err := w.Keep(d, time.Now()); err != nil {
			t.Fatal(err)
		}
		r, _, err := s.Open(t.Context(), a, d)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, r)
		wants(t, fmt.Sprintf("%q for good", bad), err, crank.CodeBlobDigest)
		if _, err := r.Read(make([]byte, 1)); err == nil || err == io.EOF {
			t.Errorf("reading on gives %v", err)
		}
		r.Close()
		put(t, s, a, "good")
		if got, err := get(t, s, a, d); got != "good" || err != nil {
			t.Errorf("putting the bytes again mends nothing: %q, %v", got, err)
		}
	}
}

func collect(t *testing.T, store blobs.Store) {
	now := time.Unix(1_700_000_000, 0)
	s := blobs.New(blobs.Config{Store: store, Grace: time.Hour, Now: func() time.Time { return now }})
	needed, unneeded, again, renewed, of := put(t, s, a, "needed"), put(t, s, a, ""), put(t, s, a, "again"), put(t, s, a, "renewed"), put(t, s, b, "needed")
	reading, _, err := s.Open(t.Context(), a, unneeded)
	if err != nil {
		t.Fatal(err)
	}
	defer reading.Close()
	now = now.Add(2 * time.Hour)
	put(t, s, a, "again")
	if err := s.Renew(t.Context(), a, renewed); err != nil {
		t.Fatal(err)
	}
	young := put(t, s, a, "young")
	jobs := func(tenant string) ([]crank.Digest, error) {
		if tenant == a {
			return []crank.Digest{needed}, nil
		}
		return nil, nil
	}
	for _, than := range []time.Time{now, now.Add(-time.Hour)} { // it has been renewed since it was listed
		if _, removed, err := store.Remove(t.Context(), a, again, than); removed || err != nil {
			t.Errorf("a blob renewed at %s is removed as older than %s, %v", now, than, err)
		}
	}
	c, err := s.Collect(t.Context(), pinned(jobs), pinned(func(string) ([]crank.Digest, error) { return nil, nil }))
	if want := (blobs.Collected{Removed: 2, Bytes: 6, Pinned: 1}); c != want || err != nil {
		t.Errorf("collected %+v, %v; want %+v", c, err, want)
	}
	for _, d := range []crank.Digest{needed, again, renewed, young} {
		if _, err := get(t, s, a, d); err != nil {
			t.Errorf("a blob that is young or needed: %v", err)
		}
	}
	_, err = s.Stat(t.Context(), a, unneeded)
	wants(t, "what nobody needs", err, crank.CodeBlobUnknown)
	_, err = s.Stat(t.Context(), b, of)
	wants(t, "what only another tenant needs", err, crank.CodeBlobUnknown)
	if _, err := io.ReadAll(reading); err != nil {
		t.Errorf("who was reading lost the blob: %v", err)
	}
	if c, err := s.Collect(t.Context()); c.Removed != 1 || err != nil {
		t.Errorf("without pins %+v goes, %v; want the one that was pinned", c, err)
	}
}

func pinned(f func(string) ([]crank.Digest, error)) blobs.Pins {
	return func(ctx context.Context, tenant string) ([]crank.Digest, error) { return f(tenant) }
}

func pinsFail(t *testing.T, store blobs.Store) {
	now := time.Unix(1_700_000_000, 0)
	s := blobs.New(blobs.Config{Store: store, Grace: time.Hour, Now: func() time.Time { return now }})
	mine, other := put(t, s, a, "mine"), put(t, s, b, "other")
	now = now.Add(2 * time.Hour)
	no := errors.New("no")
	c, err := s.Collect(t.Context(), pinned(func(tenant string) ([]crank.Digest, error) {
		if tenant == a {
			return nil, no
		}
		return nil, nil
	}))
	if !errors.Is(err, no) || c.Removed != 1 {
		t.Errorf("collected %+v, %v", c, err)
	}
	if _, err := get(t, s, a, mine); err != nil {
		t.Errorf("a blob whose pins are not known: %v", err)
	}
	_, err = get(t, s, b, other)
	wants(t, "the other tenant's", err, crank.CodeBlobUnknown)
}

// hammer puts and reads one blob while it is collected without grace: whoever
// has put it reads it whole or, once it is old again, not at all.
func hammer(t *testing.T, store blobs.Store) {
	var mu sync.Mutex
	now := time.Unix(1_700_000_000, 0)
	tick := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Millisecond)
		return now
	}
	s := blobs.New(blobs.Config{Store: store, Grace: 100 * time.Millisecond, Now: tick})
	text := strings.Repeat("y", 100_000)
	var collecting, work sync.WaitGroup
	stop := make(chan struct{})
	removed := 0
	collecting.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			c, err := s.Collect(t.Context())
			if err != nil {
				t.Error(err)
			}
			removed += c.Removed
			for range 50 { // time passes
				tick()
			}
		}
	})
	for range 4 {
		work.Go(func() {
			for i := range 30 {
				d := put(t, s, a, text)
				if got, err := get(t, s, a, d); err == nil && got != text {
					t.Errorf("round %d reads %d bytes", i, len(got))
				} else if err != nil && !errors.Is(err, &crank.Error{Code: crank.CodeBlobUnknown}) {
					t.Errorf("round %d: %v", i, err)
				}
				other := put(t, s, a, fmt.Sprint("other", i))
				if err := s.Renew(t.Context(), a, other); err != nil && !errors.Is(err, &crank.Error{Code: crank.CodeBlobUnknown}) {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
	close(stop)
	collecting.Wait()
	t.Logf("%d blobs were collected meanwhile", removed)
	now = now.Add(time.Hour)
	d := put(t, s, a, text)
	if c, err := s.Collect(t.Context()); err != nil {
		t.Errorf("%+v, %v", c, err)
	}
	if got, err := get(t, s, a, d); err != nil || got != text {
		t.Errorf("the blob put last: %d bytes, %v", len(got), err)
	}
	for old, err := range store.Older(t.Context(), a, time.Unix(1<<40, 0)) {
		if err != nil || old != d {
			t.Errorf("%s is left, %v", old, err)
		}
	}
}

// Zeros is a stream of size bytes that no memory holds.
func Zeros(size int64) io.Reader { return io.LimitReader(zeros{}, size) }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
