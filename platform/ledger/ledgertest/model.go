package ledgertest

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/ledger"
)

// model says what a ledger must answer, the slowest and plainest way: it counts
// the whole journal at every question.
type model struct {
	journal []crank.Record // what it has applied
	holds   map[string]modelHold
	ended   map[string]bool
	saved   struct {
		applied int
		holds   map[string]modelHold
	}
}

type modelHold struct {
	crank.Hold
	durable bool
}

func newModel() *model {
	return &model{holds: map[string]modelHold{}, ended: map[string]bool{}}
}

func (m *model) expire(now time.Time) {
	for ref, h := range m.holds {
		if !now.Before(h.Expires) {
			m.end(ref)
		}
	}
}

func (m *model) end(ref string) {
	delete(m.holds, ref)
	m.ended[ref] = true
}

func (m *model) apply(r crank.Record, now time.Time) {
	m.expire(now)
	m.journal = append(m.journal, r)
	switch {
	case r.Opened != nil:
		ref := r.Opened.Hold.Ref
		if h, pending := m.holds[ref]; pending {
			h.durable = true
			m.holds[ref] = h
		} else if !m.ended[ref] {
			m.holds[ref] = modelHold{r.Opened.Hold, true}
		}
	case r.Receipt != nil:
		m.end(r.Receipt.Call)
	}
}

// save is what the disk has from now on.
func (m *model) save() {
	m.saved.applied = len(m.journal)
	m.saved.holds = maps.Clone(m.holds)
	maps.DeleteFunc(m.saved.holds, func(_ string, h modelHold) bool { return !h.durable })
}

// crash loses what the disk has not, and replays the journal after it.
func (m *model) crash(journal []crank.Record, now time.Time) {
	m.holds, m.ended = map[string]modelHold{}, map[string]bool{}
	maps.Copy(m.holds, m.saved.holds)
	m.journal = slices.Clone(journal[:m.saved.applied])
	for _, r := range journal[m.saved.applied:] {
		m.apply(r, now)
	}
}

func levels(p crank.Payer) map[crank.Level]string {
	all := map[crank.Level]string{crank.LevelTenant: p.Tenant, crank.LevelTeam: p.Team, crank.LevelApp: p.App, crank.LevelKey: p.Key}
	maps.DeleteFunc(all, func(_ crank.Level, id string) bool { return id == "" })
	return all
}

func (m *model) budgets() []crank.Budget {
	type key struct {
		tenant string
		level  crank.Level
		id     string
		period crank.Period
		asset  crank.Asset
	}
	standing := map[key]crank.Budget{}
	for _, r := range m.journal {
		if r.Admin == nil {
			continue
		}
		b := *r.Admin.Budget
		k := key{b.Tenant, b.Level, b.ID, b.Period, b.Limit.Asset}
		if standing[k] = b; b.Removed {
			delete(standing, k)
		}
	}
	return slices.Collect(maps.Values(standing))
}

func samePeriod(p crank.Period, a, b time.Time) bool {
	layout := map[crank.Period]string{crank.PeriodDay: "2006-01-02", crank.PeriodMonth: "2006-01", crank.PeriodTotal: ""}[p]
	return a.UTC().Format(layout) == b.UTC().Format(layout)
}

func (m *model) state(b crank.Budget, now time.Time) (spent, held crank.Micros) {
	for _, r := range m.journal {
		if r.Receipt != nil && r.Receipt.Price.Asset == b.Limit.Asset && r.Receipt.Payer.Tenant == b.Tenant &&
			levels(r.Receipt.Payer)[b.Level] == b.ID && samePeriod(b.Period, time.UnixMicro(r.Time), now) {
			spent += r.Receipt.Price.Micros
		}
	}
	for _, h := range m.holds {
		if h.Amount.Asset == b.Limit.Asset && h.Payer.Tenant == b.Tenant && levels(h.Payer)[b.Level] == b.ID {
			held += h.Amount.Micros
		}
	}
	return spent, held
}

func (m *model) fits(p crank.Payer, more crank.Money, now time.Time) bool {
	if more.Micros == 0 {
		return true
	}
	for level, id := range levels(p) {
		limited, limitedHere := false, false
		for _, b := range m.budgets() {
			if b.Tenant != p.Tenant || b.Level != level || b.ID != id {
				continue
			}
			limited = true
			if b.Limit.Asset != more.Asset {
				continue
			}
			limitedHere = true
			if spent, held := m.state(b, now); b.Limit.Micros-spent-held < more.Micros {
				return false
			}
		}
		if limited && !limitedHere {
			return false
		}
	}
	return true
}

func (m *model) reserve(h crank.Hold, now time.Time) crank.Code {
	m.expire(now)
	if old, pending := m.holds[h.Ref]; pending {
		if old.Payer == h.Payer && old.Amount.Asset == h.Amount.Asset && old.Amount.Micros >= h.Amount.Micros && !old.Expires.Before(h.Expires) {
			return ""
		}
		return crank.CodeHoldState
	}
	switch {
	case m.ended[h.Ref]:
		return crank.CodeHoldState
	case !now.Before(h.Expires):
		return crank.CodeDeadline
	case !m.fits(h.Payer, h.Amount, now):
		return crank.CodeBudgetExhausted
	}
	m.holds[h.Ref] = modelHold{Hold: h}
	return ""
}

func (m *model) extend(ref string, amount crank.Money, until, now time.Time) crank.Code {
	m.expire(now)
	h, pending := m.holds[ref]
	switch {
	case !pending:
		return crank.CodeHoldState
	case h.Amount.Asset != amount.Asset:
		return crank.CodeMoneyRange
	}
	more := max(0, amount.Micros-h.Amount.Micros)
	if !m.fits(h.Payer, crank.Money{Micros: more, Asset: amount.Asset}, now) {
		return crank.CodeBudgetExhausted
	}
	h.Amount.Micros += more
	if until.After(h.Expires) {
		h.Expires = until
	}
	m.holds[ref] = h
	return ""
}

func (m *model) void(ref string, now time.Time) {
	m.expire(now)
	m.end(ref)
}

func (m *model) balances() map[ledger.Balance]bool {
	type key struct {
		account crank.Account
		asset   crank.Asset
	}
	sums := map[key]crank.Micros{}
	for _, r := range m.journal {
		switch {
		case r.Receipt != nil:
			for _, p := range r.Receipt.Postings {
				sums[key{p.Account, r.Receipt.Price.Asset}] += p.Micros
			}
		case r.Transfer != nil:
			for _, p := range r.Transfer.Postings {
				sums[key{p.Account, r.Transfer.Asset}] += p.Micros
			}
		}
	}
	all := map[ledger.Balance]bool{}
	for k, sum := range sums {
		all[ledger.Balance{Account: k.account, Asset: k.asset, Micros: sum}] = true
	}
	return all
}

func (m *model) pending(tenant string, now time.Time) []crank.Hold {
	m.expire(now)
	var all []crank.Hold
	for _, h := range m.holds {
		if h.Payer.Tenant == tenant || tenant == ledger.AllTenants {
			all = append(all, h.Hold)
		}
	}
	slices.SortFunc(all, func(a, b crank.Hold) int { return cmp.Compare(a.Ref, b.Ref) })
	return all
}
