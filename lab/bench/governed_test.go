package bench

// A profile of where a governed call's CPU goes:
//
//	go test ./lab/bench -run '^$' -bench GovernedCall/together -benchtime 5s -cpuprofile cpu.out
//	go tool pprof -top -cum bench.test cpu.out
//
// and through the doors, over 128 connections:
//
//	go run ./cmd/crank-lab bench --only direct,crank-inproc --conns 128 --rounds 1 --profile cpu.out

import (
	"sync"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/harness"
	"github.com/crank-platform/crank/platform/auth"
)

// governed is a node with everything on; call makes one call of the echo, from
// the key to the receipt.
func governed(t testing.TB) (call func() error) {
	ctx := t.Context()
	n, err := openNode(ctx, t.TempDir(), map[string]string{"isolation": "inproc"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.close(); err != nil {
			t.Error(err)
		}
	})
	if err := n.budgets(ctx); err != nil {
		t.Fatal(err)
	}
	input := echoBody()
	return func() error {
		p, err := n.Auth.Identify(ctx, auth.Credential{Bearer: n.key})
		if err != nil {
			return err
		}
		a, err := n.House.Dispatch.Call(ctx, crank.Call{Principal: p, Capability: giveCapability, Input: input}, nil)
		if err == nil && a.Receipt.Price.Micros != 100 {
			err = crank.E(crank.CodeInternal, "the price is %s", a.Receipt.Price)
		}
		return err
	}
}

// BenchmarkGovernedCall is a call without HTTP: key, schema, policy, quote, four
// budgets, worker, receipt, commit. Alone it waits for a commit of its own;
// together, 128 callers share commits. cpu-us/op is the whole process's CPU.
func BenchmarkGovernedCall(b *testing.B) {
	call := governed(b)
	b.Run("alone", func(b *testing.B) { timed(b, 0, call) })
	b.Run("together", func(b *testing.B) { timed(b, 64, call) })
	input := echoBody()
	host, err := harness.New(harness.Config{Calls: 1024}, echo{})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("harness", func(b *testing.B) { // the same worker without the platform
		timed(b, 64, func() error {
			_, err := host.Handle(b.Context(), crank.Call{ID: "call", Capability: giveCapability, Input: input, Deadline: time.Now().Add(time.Minute)}, crank.Offer{}, nil)
			return err
		})
	})
}

func timed(b *testing.B, callers int, call func() error) {
	b.ReportAllocs()
	if err := call(); err != nil {
		b.Fatal(err)
	}
	before, err := ownCPU()
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	if callers == 0 {
		for range b.N {
			if err := call(); err != nil {
				b.Fatal(err)
			}
		}
	} else {
		b.SetParallelism(callers)
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				if err := call(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	b.StopTimer()
	after, err := ownCPU()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64((after-before).Nanoseconds())/1e3/float64(b.N), "cpu-us/op")
}

// allocationBudget is what a governed call may allocate where 64 callers share
// commits, followers included: the first honest profile's number and a tenth.
// Lower it when less is needed; docs/explanation/performance.md says where they
// come from.
const allocationBudget = 150

func TestAGovernedCallKeepsItsAllocationBudget(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates too")
	}
	call := governed(t)
	const callers, calls, tries = 64, 100, 5
	once := func() float64 {
		before, err := ownUsage()
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				for range calls {
					if err := call(); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		after, err := ownUsage()
		if err != nil {
			t.Fatal(err)
		}
		return float64(after.minus(before).Mallocs) / (callers * calls)
	}
	once() // caches and pools fill
	least := once()
	for range tries - 1 { // what runs by the clock counts too, and for more on a slow machine
		if least <= allocationBudget {
			break
		}
		least = min(least, once())
	}
	t.Logf("%.0f allocations a call", least)
	if least > allocationBudget {
		t.Errorf("a governed call makes %.0f allocations, its budget is %d", least, allocationBudget)
	}
}
