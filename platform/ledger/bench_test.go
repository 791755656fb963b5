package ledger_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/ledger"
	"github.com/crank-platform/crank/platform/ledger/memory"
)

var payer = crank.Payer{Tenant: "tenant_0197", Team: "team_0197", App: "app_0197", Key: "key_0197"}

// budgeted is a book with a budget at each of the payer's four levels.
func budgeted(tb testing.TB) *ledger.Book {
	b, err := ledger.Open(tb.Context(), ledger.Config{Store: &memory.Store{}})
	if err != nil {
		tb.Fatal(err)
	}
	var records []crank.Record
	for i, l := range []struct {
		level crank.Level
		id    string
	}{{crank.LevelTenant, payer.Tenant}, {crank.LevelTeam, payer.Team}, {crank.LevelApp, payer.App}, {crank.LevelKey, payer.Key}} {
		budget := crank.Budget{Level: l.level, ID: l.id, Tenant: payer.Tenant, Period: crank.PeriodMonth, Limit: crank.Money{Micros: 1e15, Asset: "USD"}}
		records = append(records, crank.Record{Seq: uint64(i + 1), Type: crank.TypeAdmin, Admin: &crank.Admin{Act: ledger.ActBudgetSet, Budget: &budget}})
	}
	if err := b.Apply(tb.Context(), records); err != nil {
		tb.Fatal(err)
	}
	return b
}

func refs(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("call_%032x", i)
	}
	return all
}

func BenchmarkReserveFourLevelsThenVoid(b *testing.B) {
	book, names, i := budgeted(b), refs(1<<20), 0
	until := time.Now().Add(time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		ref := names[i%len(names)]
		i++
		if err := book.Reserve(b.Context(), crank.Hold{Ref: ref, Payer: payer, Amount: crank.Money{Micros: 120, Asset: "USD"}, Expires: until}); err != nil {
			b.Fatal(err)
		}
		if err := book.Void(b.Context(), ref); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReserveFourLevels(b *testing.B) {
	book, names := budgeted(b), refs(1<<20)
	ctx, until := b.Context(), time.Now().Add(time.Hour)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		if err := book.Reserve(ctx, crank.Hold{Ref: names[i%len(names)], Payer: payer, Amount: crank.Money{Micros: 120, Asset: "USD"}, Expires: until}); err != nil {
			b.Fatal(err)
		}
		if i%128 == 127 { // as many as are under way on a busy node
			b.StopTimer()
			for _, ref := range names[i%len(names)-127 : i%len(names)+1] {
				if err := book.Void(ctx, ref); err != nil {
					b.Fatal(err)
				}
			}
			b.StartTimer()
		}
	}
}

func BenchmarkApplyReceipt(b *testing.B) {
	book, names, i := budgeted(b), refs(1<<20), uint64(0)
	receipt := crank.Receipt{Payer: payer, Price: crank.Money{Micros: 120, Asset: "USD"}, Postings: []crank.Posting{
		{Account: "tenant/t", Micros: -120}, {Account: "provider/p", Micros: 84}, {Account: crank.AccountPlatform, Micros: 24},
		{Account: crank.AccountInfrastructure, Micros: 6}, {Account: crank.AccountQuality, Micros: 6},
	}}
	records := make([]crank.Record, 1)
	now := time.Now().UnixMicro()
	b.ReportAllocs()
	for b.Loop() {
		receipt.Call = names[i%uint64(len(names))]
		i++
		records[0] = crank.Record{Seq: i + 4, Type: crank.TypeClosed, Time: now, Receipt: &receipt}
		if err := book.Apply(b.Context(), records); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReserveUnderContention(b *testing.B) {
	book, names := budgeted(b), refs(1<<20)
	until := time.Now().Add(time.Hour)
	var next atomic.Int64
	b.SetParallelism(16)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			ref := names[next.Add(1)%int64(len(names))]
			if err := book.Reserve(b.Context(), crank.Hold{Ref: ref, Payer: payer, Amount: crank.Money{Micros: 120, Asset: "USD"}, Expires: until}); err != nil {
				b.Error(err)
				return
			}
			if err := book.Void(b.Context(), ref); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
