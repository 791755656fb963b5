package ledger

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"

	"github.com/crank-platform/crank"
)

var levelOrder = map[crank.Level]int{crank.LevelTenant: 0, crank.LevelTeam: 1, crank.LevelApp: 2, crank.LevelKey: 3}

// Budgets implements Service.
func (b *Book) Budgets(_ context.Context, tenant string) ([]BudgetState, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.c.Now().UnixMicro()
	b.expire(now)
	at := b.calendar.at(now)
	all := []BudgetState{}
	for key, of := range b.levels {
		if of.limits == 0 || tenant != AllTenants && tenant != key.tenant {
			continue
		}
		for asset, p := range of.assets {
			for i, t := range p.tally {
				if t.Limit == NoLimit {
					continue
				}
				spent := t.spent(at[i])
				left, err := (t.Limit - spent).Add(-p.held)
				if err != nil { // below what 64 bits hold
					left = math.MinInt64
				}
				all = append(all, BudgetState{
					Budget: crank.Budget{Level: key.level, ID: key.id, Tenant: key.tenant, Period: periodNames[i], Limit: crank.Money{Micros: t.Limit, Asset: asset}},
					Spent:  spent, Held: p.held, Left: left, PeriodEnd: at.end(i),
				})
			}
		}
	}
	slices.SortFunc(all, func(x, y BudgetState) int {
		a, b := x.Budget, y.Budget
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(levelOrder[a.Level], levelOrder[b.Level]), cmp.Compare(a.ID, b.ID),
			cmp.Compare(a.Limit.Asset, b.Limit.Asset), cmp.Compare(periodIndex(a.Period), periodIndex(b.Period)))
	})
	return all, nil
}

// Balances implements Service.
func (b *Book) Balances(_ context.Context, prefix string) ([]Balance, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := []Balance{}
	for key, a := range b.balances {
		below := prefix == "" || strings.HasSuffix(prefix, "/") && strings.HasPrefix(string(key.account), prefix)
		if below || string(key.account) == prefix {
			all = append(all, a.Balance)
		}
	}
	slices.SortFunc(all, compareBalances)
	return all, nil
}

func compareBalances(x, y Balance) int {
	return cmp.Or(cmp.Compare(x.Account, y.Account), cmp.Compare(x.Asset, y.Asset))
}

// Holds implements Service.
func (b *Book) Holds(_ context.Context, tenant string) ([]crank.Hold, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire(b.c.Now().UnixMicro())
	all := []crank.Hold{}
	for _, h := range b.pending {
		if tenant == AllTenants || tenant == h.path.payer.Tenant {
			all = append(all, h.public())
		}
	}
	slices.SortFunc(all, func(x, y crank.Hold) int { return cmp.Compare(x.Ref, y.Ref) })
	return all, nil
}

// Check implements Service.
func (b *Book) Check(context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var faults []crank.Fault
	fault := func(path, format string, args ...any) {
		faults = append(faults, crank.Fault{Path: path, Reason: fmt.Sprintf(format, args...)})
	}
	sums := map[crank.Asset]*big.Int{}
	for key, a := range b.balances {
		if sums[key.asset] == nil {
			sums[key.asset] = new(big.Int)
		}
		sums[key.asset].Add(sums[key.asset], big.NewInt(int64(a.Micros)))
	}
	for asset, sum := range sums {
		if sum.Sign() != 0 {
			fault("balances/"+string(asset), "debits and credits differ by %s micro-units", sum)
		}
	}
	held := map[*purse]crank.Micros{}
	for _, h := range b.pending {
		if h.amount < 0 || h.state != pending || b.holds[h.ref] != h {
			fault("holds/"+h.ref, "is %s, of %d micro-units", h.state, h.amount)
		}
		for _, p := range h.path.purses {
			held[p] = addUpTo(held[p], h.amount)
		}
	}
	for key, of := range b.levels {
		for asset, p := range of.assets {
			where := fmt.Sprintf("levels/%s/%s/%s/%s", key.tenant, key.level, key.id, asset)
			if p.held != held[p] || p.held < 0 {
				fault(where, "holds %d micro-units, its pending holds sum to %d", p.held, held[p])
			}
			for i, t := range p.tally {
				if t.Spent < 0 || t.Limit < NoLimit {
					fault(where, "has spent %d micro-units of %d this %s", t.Spent, t.Limit, periodNames[i])
				}
			}
		}
	}
	if len(faults) > 0 {
		slices.SortFunc(faults, func(x, y crank.Fault) int { return cmp.Compare(x.Path, y.Path) })
		return crank.E(crank.CodeInternal, "the books are wrong").With(faults...).
			Mending("Keep the data directory as it is, and build the ledger again from the journal.")
	}
	return nil
}

// State returns a copy of the books, sorted: what Load would return after a Save
// now, without levels and accounts that nothing was ever posted to.
func (b *Book) State() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := State{Applied: b.applied}
	for _, of := range b.levels {
		for _, p := range of.assets {
			if p.limits > 0 || p.tally[total].Spent > 0 {
				s.Tallies = append(s.Tallies, p.public())
			}
		}
	}
	for _, a := range b.balances {
		s.Balances = append(s.Balances, a.Balance)
	}
	for _, h := range b.pending {
		if h.durable {
			s.Holds = append(s.Holds, h.public())
		}
	}
	slices.SortFunc(s.Tallies, func(x, y Tally) int {
		return cmp.Or(cmp.Compare(x.Tenant, y.Tenant), cmp.Compare(levelOrder[x.Level], levelOrder[y.Level]), cmp.Compare(x.ID, y.ID), cmp.Compare(x.Asset, y.Asset))
	})
	slices.SortFunc(s.Balances, compareBalances)
	slices.SortFunc(s.Holds, func(x, y crank.Hold) int { return cmp.Compare(x.Ref, y.Ref) })
	return s
}

// Differences says in words where the books of two sorted States differ in what
// the journal alone decides, so not in holds, which also end by time. Two Books
// that have applied the same records have none.
func Differences(x, y State) []string {
	var all []string
	if x.Applied != y.Applied {
		all = append(all, fmt.Sprintf("applied: %d and %d", x.Applied, y.Applied))
	}
	all = append(all, differ(x.Balances, y.Balances, func(a Balance) string { return fmt.Sprintf("balance %s %s", a.Account, a.Asset) })...)
	return append(all, differ(x.Tallies, y.Tallies, func(t Tally) string {
		return fmt.Sprintf("spending of %s %s %s %s", t.Tenant, t.Level, t.ID, t.Asset)
	})...)
}

func differ[T comparable](x, y []T, name func(T) string) (all []string) {
	mine := map[string]T{}
	for _, v := range x {
		mine[name(v)] = v
	}
	for _, v := range y {
		switch m, ok := mine[name(v)]; {
		case !ok:
			all = append(all, fmt.Sprintf("%s: missing and %+v", name(v), v))
		case m != v:
			all = append(all, fmt.Sprintf("%s: %+v and %+v", name(v), m, v))
		}
		delete(mine, name(v))
	}
	for _, v := range x {
		if _, left := mine[name(v)]; left {
			all = append(all, fmt.Sprintf("%s: %+v and missing", name(v), v))
		}
	}
	return all
}
