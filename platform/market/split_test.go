package market_test

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/market"
)

func TestASplitConservesEveryMicroUnit(t *testing.T) {
	tenant, provider := crank.TenantAccount("t"), crank.ProviderAccount("p")
	rapid.Check(t, func(t *rapid.T) {
		var s crank.Split
		if rapid.Bool().Draw(t, "own split") {
			left := 10000
			for _, part := range []*int{&s.Platform, &s.Infrastructure, &s.Quality} {
				*part = rapid.IntRange(0, left).Draw(t, "part")
				left -= *part
			}
			s.Provider = left
		}
		price := crank.Micros(rapid.Int64Range(0, math.MaxInt64).Draw(t, "price"))
		postings := market.Split(crank.Plan{Asset: "USD", Split: s}, crank.Money{Micros: price, Asset: "USD"}, tenant, provider)
		if s == (crank.Split{}) {
			s = crank.DefaultSplit
		}
		got := map[crank.Account]crank.Micros{}
		sum := new(big.Int)
		for _, p := range postings {
			if p.Micros == 0 {
				t.Fatalf("%s is posted nothing", p.Account)
			}
			got[p.Account] += p.Micros
			sum.Add(sum, big.NewInt(int64(p.Micros)))
		}
		if sum.Sign() != 0 || got[tenant] != -price {
			t.Fatalf("%d is split into %v", price, postings)
		}
		for account, part := range map[crank.Account]int{crank.AccountPlatform: s.Platform, crank.AccountInfrastructure: s.Infrastructure, crank.AccountQuality: s.Quality} {
			want := new(big.Int).Div(new(big.Int).Mul(big.NewInt(int64(price)), big.NewInt(int64(part))), big.NewInt(10000))
			if want.Int64() != int64(got[account]) {
				t.Fatalf("%s gets %d of %d, want %s", account, got[account], price, want)
			}
		}
	})
}

func TestWhatCostsNothingIsNotPosted(t *testing.T) {
	if got := market.Split(crank.Plan{Asset: "USD"}, crank.Money{Asset: "USD"}, "tenant/t", "provider/p"); got != nil {
		t.Errorf("a free call is posted as %v", got)
	}
}

func TestTheProviderGetsWhatRoundingLeaves(t *testing.T) {
	got := market.Split(crank.Plan{Asset: "USD"}, crank.Money{Micros: 3, Asset: "USD"}, "tenant/t", "provider/p")
	if len(got) != 2 || got[1] != (crank.Posting{Account: "provider/p", Micros: 3}) {
		t.Errorf("3 micro-units are posted as %v", got)
	}
}
