package chaos

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/app"
)

// receipts reads every receipt, by its id.
func (r *rig) receipts(n *node) map[string]crank.Receipt {
	r.t.Helper()
	all := map[string]crank.Receipt{}
	for cursor := ""; ; {
		var page struct {
			Receipts []crank.Receipt
			Next     string
		}
		r.get(n, "/v1/receipts?limit=1000&cursor="+cursor, &page)
		for _, x := range page.Receipts {
			if _, twice := all[x.ID]; twice {
				r.t.Errorf("receipt %s is listed twice", x.ID)
			}
			all[x.ID] = x
		}
		if cursor = page.Next; cursor == "" {
			return all
		}
	}
}

// kept checks that what was acknowledged is there, as it was told.
func (r *rig) kept(all map[string]crank.Receipt) {
	for _, c := range r.calls {
		if !c.acked || c.kind.job {
			continue
		}
		h := c.first.header
		x, ok := all[h.Get("Crank-Receipt")]
		if !ok {
			r.t.Errorf("call %d was acknowledged with receipt %s, which is lost", c.n, h.Get("Crank-Receipt"))
			continue
		}
		if x.Call != h.Get("Crank-Call") || x.Price.String() != h.Get("Crank-Price") || string(x.Outcome) != h.Get("Crank-Outcome") || x.Tags["n"] != fmt.Sprint(c.n) {
			r.t.Errorf("call %d was told %v, its receipt says %+v", c.n, h, x)
		}
		if c.first.status == http.StatusOK && x.Price.Micros == 0 {
			r.t.Errorf("call %d was served for nothing", c.n)
		}
	}
}

// retry asks again for the keyed calls: the acknowledged ones get their first
// answer, the others one of their own, and later that again.
func (r *rig) retry(n *node, calls []*call) {
	var keyed []*call
	for _, c := range calls {
		if c.key != "" {
			keyed = append(keyed, c)
		}
	}
	r.each(keyed, func(c *call) {
		a, err := r.ask(n, c)
		switch {
		case err != nil:
			r.t.Errorf("call %d again: %v", c.n, err)
		case !c.acked:
			r.settled(c, a)
		case c.kind.job:
			if a.status != http.StatusAccepted || a.field("id") != c.first.field("id") {
				r.t.Errorf("job %d was %s and is %d %s", c.n, c.first.body, a.status, a.body)
			}
		case a.status != c.first.status || a.header.Get("Crank-Receipt") != c.first.header.Get("Crank-Receipt") || a.header.Get("Crank-Replayed") != "true" ||
			a.status == http.StatusOK && !bytes.Equal(a.body, c.first.body):
			r.t.Errorf("call %d was answered %d %s %s, and now %d %v %s", c.n, c.first.status, c.first.header.Get("Crank-Receipt"), c.first.body, a.status, a.header, a.body)
		}
	})
}

// settled takes the answer to a keyed call whose first one was lost.
func (r *rig) settled(c *call, a answer) {
	unknown := a.field("code") == string(crank.CodeUnknownOutcome)
	ok := a.status == http.StatusOK || c.kind.job && a.status == http.StatusAccepted || unknown && !c.kind.idempotent && !c.kind.job
	if !ok {
		r.t.Errorf("call %d (%s), whose answer was lost, is now answered %d %s", c.n, c.kind.name, a.status, a.body)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	c.acked, c.first = true, a
	if unknown {
		r.noted["unknown outcome, told on retry"]++
	}
}

// once checks that nothing was closed, charged or done twice.
func (r *rig) once(all map[string]crank.Receipt) {
	byCall, byTag := map[string]string{}, map[string][]crank.Receipt{}
	for id, x := range all {
		if other, twice := byCall[x.Call]; twice {
			r.t.Errorf("call %s has the receipts %s and %s", x.Call, id, other)
		}
		byCall[x.Call] = id
		byTag[x.Tags["n"]] = append(byTag[x.Tags["n"]], x)
	}
	for _, c := range r.calls {
		mine := byTag[fmt.Sprint(c.n)]
		ok := 0
		for _, x := range mine {
			if x.Outcome == crank.OutcomeOK {
				ok++
			} else if x.Price.Micros != 0 {
				r.t.Errorf("call %d ended as %s and costs %s", c.n, x.Outcome, x.Price)
			}
		}
		once := !c.kind.idempotent && !c.kind.job || c.key == "" // it was, or may have been, sent once only
		if ok > 1 || once && len(mine) > 1 {
			r.t.Errorf("call %d (%s, key %q) has %d receipts, %d of success", c.n, c.kind.name, c.key, len(mine), ok)
		}
		if c.key != "" && c.acked && len(mine) == 0 {
			r.t.Errorf("call %d (%s, key %q) has no receipt", c.n, c.kind.name, c.key)
		}
	}
}

// finished waits for the acknowledged jobs to end, each with one receipt.
func (r *rig) finished(n *node) {
	var waiting []*call
	for _, c := range r.calls {
		if c.kind.job && c.acked && !c.retried {
			waiting = append(waiting, c)
		}
	}
	deadline := time.Now().Add(time.Minute)
	r.each(waiting, func(c *call) {
		id := c.first.field("id")
		for {
			a, err := r.do(n, r.keys[0], "GET", "/v1/jobs/"+id, "", nil, nil)
			if err != nil || a.status != http.StatusOK {
				r.t.Errorf("job %s, which was acknowledged: %d %s %v", id, a.status, a.body, err)
				return
			}
			if s := a.field("state"); crank.JobState(s).Final() {
				if a.field("receipt") == "" || s == string(crank.JobCancelled) {
					r.t.Errorf("job %s ended as %s", id, a.body)
				}
				c.retried = true
				return
			}
			if time.Now().After(deadline) {
				r.t.Errorf("job %s does not end: %s", id, a.body)
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
}

type usageRow struct {
	Group map[string]string
	Calls int
	Price crank.Micros `json:"price_micros"`
}

// balance checks that receipts, usage, keys, account and budgets say the same.
func (r *rig) balance(n *node, all map[string]crank.Receipt) {
	r.t.Helper()
	var receipts crank.Micros
	byKey := map[string]crank.Micros{}
	for _, x := range all {
		receipts += x.Price.Micros
		byKey[x.Payer.Key] += x.Price.Micros
	}
	var usage struct{ Usage []usageRow }
	r.get(n, "/v1/usage?by=key", &usage)
	var keys crank.Micros
	calls := 0
	for _, row := range usage.Usage {
		if row.Price != byKey[row.Group["key"]] {
			r.t.Errorf("key %s is billed %s, its receipts say %s", row.Group["key"], row.Price, byKey[row.Group["key"]])
		}
		keys += row.Price
		calls += row.Calls
	}
	var balances struct {
		Balances []struct{ Micros crank.Micros }
	}
	r.get(n, "/v1/balances", &balances)
	var account crank.Micros
	for _, b := range balances.Balances {
		account += b.Micros
	}
	if keys != receipts || account != -receipts || calls != len(all) {
		r.t.Errorf("%d receipts sum to %s, %d of usage to %s, the account stands at %s", len(all), receipts, calls, keys, account)
	}
	type state struct {
		Budget crank.Budget
		Spent  crank.Micros `json:"spent_micros"`
		Held   crank.Micros `json:"held_micros"`
	}
	var budgets struct{ Budgets []state }
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		r.get(n, "/v1/budgets", &budgets)
		held := slices.ContainsFunc(budgets.Budgets, func(s state) bool { return s.Held != 0 })
		if !held {
			break
		}
		if time.Now().After(deadline) {
			r.t.Errorf("something is held for ever: %+v", budgets.Budgets)
			break
		}
	}
	for _, b := range budgets.Budgets {
		want := receipts
		if b.Budget.Level == crank.LevelKey {
			want = byKey[b.Budget.ID]
		}
		if b.Spent != want {
			r.t.Errorf("of the budget of %s %s is spent, receipts say %s", b.Budget.Level, b.Spent, want)
		}
	}
	if len(budgets.Budgets) != 4 {
		r.t.Errorf("%d budgets", len(budgets.Budgets))
	}
}

// verified checks a copy of the directory of a node that is dead, against the
// anchors that were written elsewhere.
func (r *rig) verified(atRest bool) {
	r.t.Helper()
	report, err := app.VerifyDir(r.t.Context(), copyDir(r.t, r.dir), app.VerifyOptions{Anchors: r.anchors})
	if err == nil {
		err = report.Err()
	}
	if err != nil {
		r.t.Fatalf("the directory does not verify: %v, %+v", err, report.Faults)
	}
	for _, c := range report.Checked {
		if c.What == "calls not closed yet" && atRest && c.N != 0 {
			r.t.Errorf("%d calls were opened and never closed", c.N)
		}
		if c.What == "anchors" && c.N == 0 {
			r.t.Error("no anchor was checked")
		}
	}
}
