package ledgertest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crank-platform/crank"
)

// crowd lets 32 callers spend against shared budgets while one watches.
func crowd(t *testing.T, body Body) {
	const callers, calls, limit = 32, 40, 2000
	h, ctx := newHouse(t, body), context.Background()
	h.budget(crank.LevelTenant, full.Tenant, crank.PeriodMonth, usd(limit))
	h.budget(crank.LevelTeam, full.Team, crank.PeriodDay, usd(limit/2))
	var spent, refused atomic.Int64
	var wg, watcher sync.WaitGroup
	stop := make(chan struct{})
	watcher.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
			all, err := h.svc.Budgets(ctx, full.Tenant)
			for _, b := range all {
				if b.Spent+b.Held > b.Budget.Limit.Micros || b.Held < 0 {
					t.Errorf("overspent: %+v", b)
					return
				}
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	for c := range callers {
		wg.Go(func() {
			p := full
			p.Key = fmt.Sprint("key_", c%5)
			if c%4 == 0 {
				p.Team = "team_b" // bounded by the tenant only
			}
			for i := range calls {
				ref, amount := fmt.Sprint("call_", c, "_", i), crank.Micros(1+(c+i)%10)
				switch err := h.reserve(ref, p, amount); {
				case codeOf(err) == crank.CodeBudgetExhausted:
					refused.Add(1)
				case err != nil:
					t.Error(err)
				case i%3 == 0:
					if err := h.svc.Void(ctx, ref); err != nil {
						t.Error(err)
					}
				default:
					h.close(ref, p, usd(amount))
					spent.Add(int64(amount))
				}
			}
		})
	}
	wg.Wait()
	close(stop)
	watcher.Wait()
	states := h.states()
	if b := states["tenant month"]; int64(b.Spent) != spent.Load() || b.Held != 0 {
		t.Errorf("%d was spent, the ledger says %+v", spent.Load(), b)
	}
	if refused.Load() == 0 || states["team day"].Spent < limit/2-10 {
		t.Errorf("the budget was never reached: %d refused, %+v", refused.Load(), states["team day"])
	}
	h.check()
}

// endsOnce ends the same holds from many sides at once.
func endsOnce(t *testing.T, body Body) {
	h, ctx := newHouse(t, body), context.Background()
	h.budget(crank.LevelKey, full.Key, crank.PeriodMonth, usd(1000))
	for i := range 20 {
		ref := fmt.Sprint("call_", i)
		h.must(h.reserve(ref, full, 10))
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if err := h.svc.Void(ctx, ref); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Go(func() { h.close(ref, full, usd(7)) })
		wg.Go(func() {
			if c := codeOf(h.svc.Extend(ctx, ref, usd(12), time.Time{})); c != "" && c != crank.CodeHoldState {
				t.Error(c)
			}
		})
		wg.Wait()
		if b := h.states()["key month"]; b.Held != 0 || b.Spent != crank.Micros(7*(i+1)) {
			t.Fatalf("after %s: %+v", ref, b)
		}
	}
	h.check()
}
