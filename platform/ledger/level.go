package ledger

import (
	"fmt"
	"math"
	"time"

	"github.com/crank-platform/crank"
)

// NoLimit stands for a period without a budget.
const NoLimit crank.Micros = -1

// level is a tenant, team, app or key, with what it spends in each asset.
type level struct {
	tenant string
	level  crank.Level
	id     string
	assets map[crank.Asset]*purse
	limits int // budgets of all assets
}

// purse is what one level has spent and holds in one asset.
type purse struct {
	of     *level
	asset  crank.Asset
	held   crank.Micros // sum of the pending holds on it
	tally  [periods]PeriodTally
	limits int
	dirty  bool // has changes to save
}

// PeriodTally is what was spent in the newest period that a record fell into,
// and the limit. Spent stays at the largest Micros when the sum would pass it.
type PeriodTally struct {
	Bucket int64 // number of the period: days or months since the year 0 or 1970; 0 for total
	Spent  crank.Micros
	Limit  crank.Micros // NoLimit for none
}

type levelKey struct {
	tenant string
	level  crank.Level
	id     string
}

// path is the purses that a payer's spending counts in, top level first.
type path struct {
	payer  crank.Payer
	asset  crank.Asset
	purses []*purse
}

type pathKey struct {
	payer crank.Payer
	asset crank.Asset
}

func (b *Book) purse(tenant string, lv crank.Level, id string, asset crank.Asset) *purse {
	key := levelKey{tenant, lv, id}
	of := b.levels[key]
	if of == nil {
		of = &level{tenant: tenant, level: lv, id: id, assets: map[crank.Asset]*purse{}}
		b.levels[key] = of
	}
	p := of.assets[asset]
	if p == nil {
		p = &purse{of: of, asset: asset}
		for i := range p.tally {
			p.tally[i].Limit = NoLimit
		}
		of.assets[asset] = p
	}
	return p
}

func (b *Book) path(payer crank.Payer, asset crank.Asset) *path {
	key := pathKey{payer, asset}
	if p := b.paths[key]; p != nil {
		return p
	}
	p := &path{payer: payer, asset: asset}
	for _, l := range [...]struct {
		level crank.Level
		id    string
	}{{crank.LevelTenant, payer.Tenant}, {crank.LevelTeam, payer.Team}, {crank.LevelApp, payer.App}, {crank.LevelKey, payer.Key}} {
		if l.id != "" {
			p.purses = append(p.purses, b.purse(payer.Tenant, l.level, l.id, asset))
		}
	}
	b.paths[key] = p
	return p
}

// spent returns what counts against a period now. When the clock stands before
// the newest record's period, that period counts: a clock set back frees nothing.
func (t PeriodTally) spent(bucket int64) crank.Micros {
	if bucket > t.Bucket {
		return 0
	}
	return t.Spent
}

// spend counts a price in the periods of the record's time. A period that is
// over stays as it is.
func (p *purse) spend(price crank.Micros, at buckets) {
	for i := range p.tally {
		t := &p.tally[i]
		if at[i] > t.Bucket {
			t.Bucket, t.Spent = at[i], 0
		}
		if at[i] == t.Bucket {
			t.Spent = addUpTo(t.Spent, price)
		}
	}
}

func addUpTo(a, b crank.Micros) crank.Micros {
	if sum, err := a.Add(b); err == nil {
		return sum
	}
	return math.MaxInt64
}

// limit sets or removes a budget.
func (p *purse) limit(period int, limit crank.Micros) {
	had, has := p.tally[period].Limit != NoLimit, limit != NoLimit
	if has && !had {
		p.limits++
		p.of.limits++
	}
	if had && !has {
		p.limits--
		p.of.limits--
	}
	p.tally[period].Limit = limit
}

// fits reports whether every budget on the path has room for more. The limits of
// all four levels stand or fall together under the Book's lock.
func (p *path) fits(more crank.Micros, at buckets) bool {
	for _, purse := range p.purses {
		need, err := purse.held.Add(more)
		if err != nil {
			return false
		}
		if purse.limits == 0 {
			if purse.of.limits > 0 {
				return false
			}
			continue
		}
		for i := range purse.tally {
			t := &purse.tally[i]
			if t.Limit != NoLimit && t.Limit-t.spent(at[i]) < need {
				return false
			}
		}
	}
	return true
}

// refusal says why fits was false: which level has how little left, until when.
func (p *path) refusal(more crank.Micros, at buckets, now time.Time) error {
	ask := crank.Money{Micros: more, Asset: p.asset}
	var faults []crank.Fault
	var wait time.Duration
	for _, purse := range p.purses {
		who := string(purse.of.level) + " " + purse.of.id
		where := "budget/" + string(purse.of.level) + "/" + purse.of.id
		need, err := purse.held.Add(more)
		if err != nil {
			return crank.E(crank.CodeMoneyRange, "%s cannot hold %s more: the sum does not fit 64 bits", who, ask)
		}
		if purse.limits == 0 && purse.of.limits > 0 {
			faults = append(faults, crank.Fault{Path: where, Reason: fmt.Sprintf("%s has budgets in other assets only, so it spends no %s", who, p.asset)})
			continue
		}
		for i, t := range purse.tally {
			room := t.Limit - t.spent(at[i])
			if t.Limit == NoLimit || room >= need {
				continue
			}
			left := crank.Money{Micros: max(max(room, 0)-purse.held, 0), Asset: p.asset}
			faults = append(faults, crank.Fault{Path: where + "/" + string(periodNames[i]),
				Reason: fmt.Sprintf("the %s budget of %s has %s left of %s", periodNames[i], who, left, crank.Money{Micros: t.Limit, Asset: p.asset})})
			switch end := at.end(i); {
			case room >= more: // only calls under way stand in the way
				wait = max(wait, time.Second)
			case !end.IsZero():
				wait = max(wait, end.Sub(now))
			}
		}
	}
	if len(faults) == 0 { // fits and refusal read the same purses under one lock
		panic("ledger: a hold that fits was refused")
	}
	e := crank.E(crank.CodeBudgetExhausted, "%s; this call may cost %s", faults[0].Reason, ask).After(wait)
	return e.With(faults[1:]...)
}
