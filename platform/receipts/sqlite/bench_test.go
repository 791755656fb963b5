package sqlite

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
	"github.com/crank-platform/crank/kit/sqlitex"
	"github.com/crank-platform/crank/platform/receipts"
	"github.com/crank-platform/crank/platform/receipts/receiptstest"
)

func startFor(b *testing.B) (*receipts.Journal, *Store, func()) {
	s := open(b, b.TempDir())
	j, stop := receiptstest.Start(b, s, receiptstest.NewClock())
	return j, s, stop
}

// again makes a record of a new call of an old one, cheaply.
func again(template []crank.Record, i int) crank.Record {
	r := *template[i%len(template)].Receipt
	r.Call = ids.New("call")
	return crank.Record{Type: crank.TypeClosed, Receipt: &r}
}

func templates() []crank.Record {
	rs := make([]crank.Record, 1000)
	for i := range rs {
		rs[i] = receiptstest.Receipt(i)
	}
	return rs
}

func BenchmarkAppend(b *testing.B) {
	for _, goroutines := range []int{1, 128} {
		b.Run(map[int]string{1: "one", 128: "128"}[goroutines], func(b *testing.B) {
			j, s, stop := startFor(b)
			from := templates()
			var next atomic.Int64
			b.ReportAllocs()
			b.ResetTimer()
			start := time.Now()
			var wg sync.WaitGroup
			for range goroutines {
				wg.Go(func() {
					for i := int(next.Add(1)); i <= b.N; i = int(next.Add(1)) {
						if _, err := j.Append(context.Background(), again(from, i)); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "appends/s")
			b.StopTimer()
			report(b, s, stop)
		})
	}
}

func BenchmarkAppendAll(b *testing.B) {
	j, s, stop := startFor(b)
	from := templates()
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i += 4096 {
		rs := make([]crank.Record, min(4096, b.N-i))
		for k := range rs {
			rs[k] = again(from, i+k)
		}
		if _, err := j.AppendAll(context.Background(), rs); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
	report(b, s, stop)
}

// report tells the size of the files per record, once all is in them.
func report(b *testing.B, s *Store, stop func()) {
	stop()
	for name, db := range map[string]*sqlitex.DB{"journal": s.journal, "views": s.views} {
		var pages, size int
		if err := db.Read.QueryRow("SELECT page_count, page_size FROM pragma_page_count, pragma_page_size").Scan(&pages, &size); err != nil {
			b.Fatal(err)
		}
		if b.N > 20_000 {
			b.ReportMetric(float64(pages*size)/float64(b.N), name+"-B/record")
		}
	}
}
