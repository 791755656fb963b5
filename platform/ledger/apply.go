package ledger

import (
	"context"

	"github.com/crank-platform/crank"
)

type balanceKey struct {
	account crank.Account
	asset   crank.Asset
}

type balance struct {
	Balance
	dirty bool
}

// Vet returns why Apply would refuse the record by itself, whatever the books
// say. Whoever writes the journal asks first: a record that is in the journal
// but cannot be applied stops the ledger, and with it every call.
func Vet(r crank.Record) error {
	switch {
	case r.Type == crank.TypeOpened && r.Opened != nil:
		if r.Opened.Hold.Ref == "" {
			return nil
		}
		return vetHold(r.Opened.Hold)
	case r.Type == crank.TypeClosed && r.Receipt != nil:
		if r.Receipt.Price.Micros < 0 {
			return crank.E(crank.CodeMoneyRange, "the receipt %s has the price %s", r.Receipt.ID, r.Receipt.Price)
		}
		if r.Receipt.Price.Micros > 0 && r.Receipt.Payer.Tenant == "" {
			return crank.E(crank.CodeInvalidInput, "the receipt %s charges nobody", r.Receipt.ID)
		}
		return vetPostings(r.Receipt.ID, r.Receipt.Price.Asset, r.Receipt.Price.Micros, r.Receipt.Postings)
	case (r.Type == crank.TypeTransfer || r.Type == crank.TypeAdjustment) && r.Transfer != nil:
		return vetPostings(r.Transfer.Ref, r.Transfer.Asset, 0, r.Transfer.Postings)
	case r.Type == crank.TypeAdmin && r.Admin != nil:
		if r.Admin.Act != ActBudgetSet {
			return nil
		}
		return vetBudget(r.Admin.Budget)
	}
	return crank.E(crank.CodeJournal, "record %d is of type %q and holds nothing of that type", r.Seq, r.Type)
}

func vetPostings(what string, asset crank.Asset, price crank.Micros, postings []crank.Posting) error {
	if (len(postings) > 0 || price > 0) && !asset.Valid() {
		return crank.E(crank.CodeMoneyRange, "%s moves money of no asset", what)
	}
	var sum crank.Micros
	var err error
	for _, p := range postings {
		if p.Account == "" {
			return crank.E(crank.CodeInvalidInput, "%s posts to no account", what)
		}
		if sum, err = sum.Add(p.Micros); err != nil {
			return err
		}
	}
	if sum != 0 {
		return crank.E(crank.CodeMoneyRange, "the postings of %s sum to %s, not to nothing", what, crank.Money{Micros: sum, Asset: asset})
	}
	return nil
}

func vetBudget(b *crank.Budget) error {
	if b == nil {
		return crank.E(crank.CodeInvalidInput, "the record %q names no budget", ActBudgetSet)
	}
	switch {
	case b.Tenant == "" || b.ID == "":
		return crank.E(crank.CodeInvalidInput, "a budget needs the id of its level and its tenant")
	case b.Level == crank.LevelTenant && b.ID != b.Tenant:
		return crank.E(crank.CodeInvalidInput, "a budget of tenant %s cannot be kept by tenant %s", b.ID, b.Tenant)
	case b.Level != crank.LevelTenant && b.Level != crank.LevelTeam && b.Level != crank.LevelApp && b.Level != crank.LevelKey:
		return crank.E(crank.CodeInvalidInput, "%q is no level: tenant, team, app or key", b.Level)
	case periodIndex(b.Period) < 0:
		return crank.E(crank.CodeInvalidInput, "%q is no period: day, month or total", b.Period)
	case !b.Limit.Asset.Valid() || b.Limit.Micros < 0:
		return crank.E(crank.CodeMoneyRange, "%s is no limit", b.Limit)
	}
	return nil
}

// Essence returns what Apply reads of a record and nothing else: what a wire
// need carry.
func Essence(r crank.Record) crank.Record {
	e := crank.Record{Seq: r.Seq, Type: r.Type, Time: r.Time, Transfer: r.Transfer}
	if r.Opened != nil {
		e.Opened = &crank.Opened{Hold: r.Opened.Hold}
	}
	if r.Receipt != nil {
		e.Receipt = &crank.Receipt{ID: r.Receipt.ID, Call: r.Receipt.Call, Payer: r.Receipt.Payer, Price: r.Receipt.Price, Postings: r.Receipt.Postings}
	}
	if r.Admin != nil {
		e.Admin = &crank.Admin{Act: r.Admin.Act, Budget: r.Admin.Budget}
	}
	return e
}

// Apply implements Service.
func (b *Book) Apply(_ context.Context, records []crank.Record) error {
	for i := range records {
		if err := b.apply(&records[i]); err != nil {
			return err
		}
	}
	return nil
}

// Applied implements Service.
func (b *Book) Applied(context.Context) (uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.applied, nil
}

// apply takes in one record. What can fail comes before what changes.
func (b *Book) apply(r *crank.Record) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.Seq <= b.applied {
		return nil
	}
	if r.Seq != b.applied+1 {
		return crank.E(crank.CodeJournal, "the ledger has applied record %d and got record %d: those between are missing", b.applied, r.Seq).
			Mending("Read the journal after record %d.", b.applied)
	}
	if err := Vet(*r); err != nil {
		return err
	}
	now := b.c.Now().UnixMicro()
	b.expire(now)
	switch r.Type {
	case crank.TypeOpened:
		b.opened(r.Opened.Hold, now)
	case crank.TypeClosed:
		if err := b.post(r.Receipt.Price.Asset, r.Receipt.Postings); err != nil {
			return err
		}
		b.closed(r.Receipt, b.calendar.at(r.Time), now)
	case crank.TypeTransfer, crank.TypeAdjustment:
		if err := b.post(r.Transfer.Asset, r.Transfer.Postings); err != nil {
			return err
		}
	case crank.TypeAdmin:
		if r.Admin.Act == ActBudgetSet {
			b.setBudget(*r.Admin.Budget)
		}
	}
	b.applied = r.Seq
	if b.changes.records++; b.changes.records == b.c.Batch {
		select {
		case b.full <- struct{}{}:
		default: // Run has been told already
		}
	}
	return nil
}

// opened makes a pending hold durable, or takes it again after a crash lost it.
// One that has expired since is expired by whatever looks at holds next.
func (b *Book) opened(ask crank.Hold, now int64) {
	switch h := b.holds[ask.Ref]; {
	case ask.Ref == "":
	case h == nil:
		b.retake(ask, false, now)
	case h.state == pending:
		h.durable = true
		b.touchHold(h)
	}
}

// closed counts a receipt's price and ends its call's hold. Money spent after
// the hold expired is spent all the same.
func (b *Book) closed(r *crank.Receipt, at buckets, now int64) {
	if r.Price.Micros > 0 {
		for _, p := range b.path(r.Payer, r.Price.Asset).purses {
			p.spend(r.Price.Micros, at)
			b.touchPurse(p)
		}
	}
	switch h := b.holds[r.Call]; {
	case r.Call == "":
	case h == nil:
		b.close(r.Call, posted, now)
	case h.state == pending:
		b.end(h, posted, now)
	}
}

func (b *Book) setBudget(budget crank.Budget) {
	limit := budget.Limit.Micros
	if budget.Removed {
		limit = NoLimit
	}
	p := b.purse(budget.Tenant, budget.Level, budget.ID, budget.Limit.Asset)
	p.limit(periodIndex(budget.Period), limit)
	b.touchPurse(p)
}

// post moves money, or nothing when a balance would not fit 64 bits.
func (b *Book) post(asset crank.Asset, postings []crank.Posting) error {
	for i, p := range postings {
		have := b.balance(p.Account, asset)
		sum, err := have.Micros.Add(p.Micros)
		if err != nil {
			for _, done := range postings[:i] {
				b.balance(done.Account, asset).Micros -= done.Micros
			}
			return crank.Wrap(crank.CodeMoneyRange, err, "the balance of %s does not fit", p.Account)
		}
		have.Micros = sum
	}
	for _, p := range postings {
		b.touchBalance(b.balance(p.Account, asset))
	}
	return nil
}

func (b *Book) balance(account crank.Account, asset crank.Asset) *balance {
	key := balanceKey{account, asset}
	have := b.balances[key]
	if have == nil {
		have = &balance{Balance: Balance{Account: account, Asset: asset}}
		b.balances[key] = have
	}
	return have
}
