package folder_test

import (
	"crypto/rand"
	"io"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/blobs"
	"github.com/crank-platform/crank/platform/blobs/blobstest"
)

// CRANK_LONG=1 streams 2 GiB.
func TestALargeBlobStreamsInBoundedMemory(t *testing.T) {
	size := int64(256 << 20)
	if long, _ := strconv.ParseBool(os.Getenv("CRANK_LONG")); long {
		size = 2 << 30
	}
	s := blobs.New(blobs.Config{Store: open(t, t.TempDir())})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	ref, err := s.Put(t.Context(), "tenant_a", blobstest.Zeros(size), crank.Digest{})
	if err != nil || ref.Size != size {
		t.Fatalf("%+v, %v", ref, err)
	}
	r, _, err := s.Open(t.Context(), "tenant_a", ref.Digest)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if n, err := io.Copy(io.Discard, r); n != size || err != nil {
		t.Fatalf("%d bytes come back, %v", n, err)
	}
	runtime.ReadMemStats(&after)
	// All that was ever allocated, collected or not: an upper bound of what was held.
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
		t.Errorf("%d bytes were allocated to stream %d", used, size)
	}
}

func BenchmarkPut(b *testing.B) {
	for name, size := range map[string]int{"1KiB": 1 << 10, "1MiB": 1 << 20} {
		b.Run(name, func(b *testing.B) {
			s := blobs.New(blobs.Config{Store: open(b, b.TempDir())})
			data := make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				rand.Read(data[:16])
				if _, err := s.Put(b.Context(), "tenant_a", readerOf(data), crank.Digest{}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/parallel", func(b *testing.B) {
			s := blobs.New(blobs.Config{Store: open(b, b.TempDir())})
			b.SetBytes(int64(size))
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				data := make([]byte, size)
				for pb.Next() {
					rand.Read(data[:16])
					if _, err := s.Put(b.Context(), "tenant_a", readerOf(data), crank.Digest{}); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

func readerOf(data []byte) io.Reader {
	done := false
	return readerFunc(func(p []byte) (int, error) {
		if done {
			return 0, io.EOF
		}
		n := copy(p, data)
		data = data[n:]
		done = len(data) == 0
		return n, nil
	})
}
