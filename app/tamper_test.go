package app_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/app"
	"github.com/crank-platform/crank/app/config"
	"github.com/crank-platform/crank/platform/receipts"
	"github.com/crank-platform/crank/platform/receipts/verify"
)

// history is a small data directory of a node that is down, with its anchors and
// what it answers.
type history struct {
	dir, anchors string
	older        string // the directory, as it was earlier
	worker       string
	calls        []string // ids of the receipts' calls
	answers      string
	bundle       []byte // an exported receipt
	keys         func(verify.Bundle) (verify.Report, error)
}

// newHistory makes about 30 records: calls with and without keys, a replay, a
// failure, a job, a denial, budgets, a deposit, keys.
func newHistory(t *testing.T) *history {
	t.Helper()
	base := memory(t)
	h := &history{dir: filepath.Join(base, "data"), anchors: filepath.Join(base, "anchors"), older: filepath.Join(base, "older"), worker: writeWorker(t, false)}
	set := func(c *config.Config) { c.Workers, c.AnchorDir = []string{h.worker}, h.anchors }
	n := start(t, h.dir, app.Options{}, set)
	me := n.do("GET", "/v1/whoami", nil).json(t)
	call := func(text string, headers ...string) answer {
		a := n.do("POST", "/v1/call/shout/loud", fmt.Sprintf(`{"text":%q}`, text), headers...)
		if id := a.Get("Crank-Call"); id != "" && !slices.Contains(h.calls, id) {
			h.calls = append(h.calls, id)
		}
		return a
	}
	for i := range 3 {
		call(fmt.Sprint("plain ", i))
		call(fmt.Sprint("keyed ", i), fmt.Sprint("Idempotency-Key: k", i), "Crank-Tag: project=x")
	}
	call("keyed 0", "Idempotency-Key: k0")
	call("fail")
	n.do("PUT", "/v1/budgets", map[string]any{"level": "key", "id": me["key"], "tenant": me["tenant"], "period": "total", "limit": crank.Money{Micros: 90_000, Asset: "USD"}})
	n.do("POST", "/v1/tenants", map[string]any{"name": "denied"})
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	copyTo(t, h.dir, h.older)

	n = start(t, h.dir, app.Options{}, set)
	n.do("POST", "/v1/deposits", map[string]any{"tenant": me["tenant"], "amount": crank.Money{Micros: 4_000_000, Asset: "USD"}, "why": "paid"}, "Key: "+n.operator())
	n.do("POST", "/v1/keys", map[string]any{"team": me["team"], "app": me["app"], "name": "second", "roles": []string{"caller"}})
	for i := range 4 {
		call(fmt.Sprint("later ", i), fmt.Sprint("Idempotency-Key: l", i))
	}
	h.bundle = n.do("GET", "/v1/receipts/"+h.calls[len(h.calls)-1]+"/proof", nil).Body
	trusted := n.Ring.Keys()
	h.keys = func(b verify.Bundle) (verify.Report, error) { return verify.Receipt(b, trusted) }
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	var err error
	if h.answers, err = h.ask(h.copy(t)); err != nil {
		t.Fatal(err)
	}
	if report, err := app.VerifyDir(t.Context(), h.copy(t), app.VerifyOptions{Anchors: h.anchors}); err != nil || report.Err() != nil {
		t.Fatalf("untouched, it does not verify: %v, %+v", err, report.Faults)
	}
	return h
}

// memory is a folder of the test's own, in memory where the system has such a
// place: thousands of copies need not be safe on a disk.
func memory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "crank-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func copyTo(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		switch {
		case err != nil || d.IsDir():
			return errors.Join(err, os.MkdirAll(filepath.Join(to, rel), 0o700))
		case !d.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), data, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (h *history) copy(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(filepath.Dir(h.dir), "copy-")
	if err != nil {
		t.Fatal(err)
	}
	copyTo(t, h.dir, dir)
	return dir
}

// ask reads all that a data directory answers: every receipt, listed and one by
// one, usage, balances, budgets.
func (h *history) ask(dir string) (string, error) {
	c, keys, err := config.Load(config.Source{Flags: map[string]string{"data_dir": dir, "isolation": "inproc"}})
	if err != nil {
		return "", err
	}
	house, err := app.Open(context.Background(), c, keys, app.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return "", err
	}
	defer house.Close()
	var all strings.Builder
	say := func(v any, err error) error {
		if err != nil {
			return err
		}
		text, err := json.Marshal(v)
		all.Write(append(text, '\n'))
		return err
	}
	ctx := context.Background()
	list, _, err := house.Receipts.List(ctx, receipts.Query{Limit: 1000})
	if err := say(list, err); err != nil {
		return "", err
	}
	for _, id := range h.calls {
		stored, err := house.Receipts.Receipt(ctx, "", id)
		if err := say(stored, err); err != nil {
			return "", err
		}
		record, err := stored.Record()
		if err := say(record.Receipt, err); err != nil {
			return "", err
		}
	}
	usage, err := house.Receipts.Usage(ctx, receipts.UsageQuery{By: []string{"tenant", "team", "app", "key", "capability", "outcome", "tag:project"}})
	if err := say(usage, err); err != nil {
		return "", err
	}
	balances, err := house.Ledger.Balances(ctx, "")
	if err := say(balances, err); err != nil {
		return "", err
	}
	for _, r := range list[:1] {
		budgets, err := house.Ledger.Budgets(ctx, r.Payer.Tenant)
		if err := say(budgets, err); err != nil {
			return "", err
		}
	}
	return all.String(), nil
}

// files lists the log's files and the journal, by path below the directory.
func (h *history) files(t *testing.T) (all []string) {
	t.Helper()
	all = []string{"journal.db"}
	err := filepath.WalkDir(filepath.Join(h.dir, "log"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			rel, _ := filepath.Rel(h.dir, path)
			all = append(all, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestAByteFlippedInJournalOrLogIsFoundOrChangesNoAnswer(t *testing.T) {
	h := newHistory(t)
	for _, name := range h.files(t) {
		whole, err := os.ReadFile(filepath.Join(h.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		flips := 16 // of each file of the log
		if name == "journal.db" {
			flips = 250
		}
		step := max(1, len(whole)/flips)
		step += 1 - step%2 // odd, so that it falls on every place in a page
		found, refused, same := 0, 0, 0
		for at := 0; at < len(whole); at += step {
			dir := h.copy(t)
			flipped := slices.Clone(whole)
			flipped[at] ^= 1 << (at % 8)
			write := func() {
				if err := os.WriteFile(filepath.Join(dir, name), flipped, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write()
			report, err := app.VerifyDir(t.Context(), dir, app.VerifyOptions{Anchors: h.anchors})
			switch {
			case len(report.Faults) > 0:
				found++
			case err != nil:
				if refused++; crank.AsError(err).Code == crank.CodeInternal {
					t.Errorf("byte %d of %s: refused without saying why: %v", at, name, err)
				}
			default:
				// A fresh copy: what the check has computed anew is not there.
				if err := os.RemoveAll(dir); err != nil {
					t.Fatal(err)
				}
				copyTo(t, h.dir, dir)
				write()
				answers, err := h.ask(dir)
				if err != nil {
					t.Errorf("byte %d of %s passes the check, and then: %v", at, name, err)
				} else if answers != h.answers {
					t.Errorf("byte %d of %s passes the check and changes an answer:\n%s\nwas\n%s", at, name, answers, h.answers)
				}
				same++
			}
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}
		t.Logf("%s: %d bytes, every %d. flipped: %d found, %d refused, %d changed no answer", name, len(whole), step, found, refused, same)
	}
}

func TestAByteFlippedInAnExportedReceiptIsFoundOrChangesNothing(t *testing.T) {
	h := newHistory(t)
	check := func(data []byte) (verify.Report, error) {
		b, err := verify.DecodeBundle(data)
		if err != nil {
			return verify.Report{}, err
		}
		return h.keys(b)
	}
	want, err := check(h.bundle)
	if err != nil {
		t.Fatalf("%v: %s", err, h.bundle)
	}
	found := 0
	for at := range h.bundle {
		flipped := slices.Clone(h.bundle)
		flipped[at] ^= 1 << (at % 8)
		got, err := check(flipped)
		if err != nil {
			found++
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("byte %d changes what it says to %+v", at, got)
		}
	}
	t.Logf("%d of %d flips were found, the others changed nothing", found, len(h.bundle))
	if found < len(h.bundle)*9/10 {
		t.Errorf("only %d of %d flips were found", found, len(h.bundle))
	}
}

func TestADirectoryThatWasRolledBackIsFoundByItsAnchors(t *testing.T) {
	h := newHistory(t)
	if report, err := app.VerifyDir(t.Context(), h.older, app.VerifyOptions{}); err != nil || report.Err() != nil {
		t.Fatalf("the older directory is whole, yet: %v, %+v", err, report.Faults)
	}
	report, err := app.VerifyDir(t.Context(), h.older, app.VerifyOptions{Anchors: h.anchors})
	if err == nil {
		err = report.Err()
	}
	if err == nil || !slices.ContainsFunc(report.Faults, func(f verify.Fault) bool { return f.Code == crank.CodeRollback }) {
		t.Errorf("an older copy of the whole directory: %v, %+v", err, report.Faults)
	}
}

// edit opens a journal as any SQLite client does.
func edit(t *testing.T, dir string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func TestARecordRemovedAddedOrMovedIsFound(t *testing.T) {
	h := newHistory(t)
	for name, statements := range map[string][]string{
		"one removed":                      {"DELETE FROM record WHERE seq = 9"},
		"the last removed":                 {"DELETE FROM record WHERE seq = (SELECT max(seq) FROM record)"},
		"one removed and the gap closed":   {"DELETE FROM record WHERE seq = 9", "UPDATE record SET seq = -seq WHERE seq > 9", "UPDATE record SET seq = -seq - 1 WHERE seq < 0"},
		"one added":                        {"INSERT INTO record SELECT max(seq) + 1, (SELECT data FROM record WHERE seq = 9) FROM record"},
		"two swapped":                      {"UPDATE record SET seq = 0 WHERE seq = 9", "UPDATE record SET seq = 9 WHERE seq = 10", "UPDATE record SET seq = 10 WHERE seq = 0"},
		"another salt":                     {"UPDATE record SET data = CAST(zeroblob(32) || substr(data, 33) AS BLOB) WHERE seq = 9"},
		"one of another's bytes":           {"UPDATE record SET data = (SELECT data FROM record WHERE seq = 10) WHERE seq = 9"},
		"one made a pruned record's leaf":  {"UPDATE record SET data = zeroblob(32) WHERE seq = 9"},
		"the oldest made leaves":           {"UPDATE record SET data = zeroblob(32) WHERE seq < 9"},
		"emptied":                          {"DELETE FROM record", "DELETE FROM closed"},
		"an epoch's beginning moved":       {"UPDATE epoch SET first_seq = 2"},
		"an epoch added":                   {"INSERT INTO epoch SELECT 2, max(seq) + 1 FROM record"},
		"calls that were closed forgotten": {"DELETE FROM closed"},
		"a closing that points elsewhere":  {"UPDATE closed SET seq = seq - 1 WHERE seq = (SELECT max(seq) FROM closed)"},
	} {
		dir := h.copy(t)
		edit(t, dir, statements...)
		report, err := app.VerifyDir(t.Context(), dir, app.VerifyOptions{Anchors: h.anchors})
		if err == nil {
			err = report.Err()
		}
		if err == nil {
			t.Errorf("%s: not found", name)
		} else if crank.AsError(err).Code == crank.CodeInternal {
			t.Errorf("%s: found without saying what: %v", name, err)
		}
	}
}

// forge rewrites history from record m on as one with the node's own keys would:
// every record gets its number and its place in the tenant's chain, every index
// follows, and the Merkle log is made anew, so that nothing in the directory
// contradicts anything else.
func (h *history) forge(t *testing.T, m uint64, change func([]crank.Record) []crank.Record) string {
	t.Helper()
	dir := h.copy(t)
	db, err := sql.Open("sqlite", filepath.Join(dir, "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), "SELECT seq, data FROM record ORDER BY seq")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var before, after []crank.Record
	salts, heads, calls := map[uint64][]byte{}, map[string]receipts.Link{}, map[string][]byte{}
	chain := func(r crank.Record, data []byte) {
		if r.Receipt != nil {
			s := receipts.Stored{Epoch: r.Epoch, Seq: r.Seq, Bytes: data}
			heads[r.Receipt.Payer.Tenant] = receipts.Link{Seq: r.Receipt.TenantSeq, Digest: s.Digest()}
		}
	}
	for rows.Next() {
		var seq uint64
		var data []byte
		if err := rows.Scan(&seq, &data); err != nil {
			t.Fatal(err)
		}
		r, err := receipts.Decode(data[32:])
		if err != nil {
			t.Fatal(err)
		}
		salts[seq] = data[:32]
		if seq < m {
			before = append(before, r)
			chain(r, data[32:])
		} else {
			after = append(after, r)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	must := func(text string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), text, args...); err != nil {
			t.Fatal(err)
		}
	}
	bySeq, err := db.QueryContext(t.Context(), "SELECT c.call, r.data FROM closed c JOIN record r ON r.seq = c.seq")
	if err != nil {
		t.Fatal(err)
	}
	defer bySeq.Close()
	for bySeq.Next() {
		var id, data []byte
		if err := bySeq.Scan(&id, &data); err != nil {
			t.Fatal(err)
		}
		r, err := receipts.Decode(data[32:])
		if err != nil {
			t.Fatal(err)
		}
		calls[r.Receipt.Call] = id
	}
	if err := bySeq.Err(); err != nil {
		t.Fatal(err)
	}
	must("DELETE FROM record WHERE seq >= ?", m)
	must("DELETE FROM closed WHERE seq >= ?", m)
	clock := before[len(before)-1].Time
	for i, r := range change(after) {
		salt := salts[r.Seq]
		r.Seq = m + uint64(i)
		r.Time = max(r.Time, clock)
		clock = r.Time
		if r.Receipt != nil {
			last := heads[r.Receipt.Payer.Tenant]
			r.Receipt.TenantSeq, r.Receipt.TenantPrev = last.Seq+1, last.Digest
		}
		data, err := receipts.Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		chain(r, data)
		must("INSERT INTO record VALUES (?, ?)", r.Seq, append(slices.Clone(salt), data...))
		if r.Receipt != nil && calls[r.Receipt.Call] != nil {
			must("INSERT INTO closed VALUES (?, ?)", calls[r.Receipt.Call], r.Seq)
		}
	}
	for _, name := range []string{"log", "views.db", "ledger.db"} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAForgedHistoryIsFoundByAnchorsAlone(t *testing.T) {
	h := newHistory(t)
	const m = 12
	receipt := func(rs []crank.Record) int {
		return slices.IndexFunc(rs, func(r crank.Record) bool { return r.Receipt != nil && r.Receipt.Price.Micros > 0 })
	}
	for name, change := range map[string]func([]crank.Record) []crank.Record{
		"one removed": func(rs []crank.Record) []crank.Record { i := receipt(rs); return slices.Delete(rs, i, i+1) },
		"one added":   func(rs []crank.Record) []crank.Record { return slices.Insert(rs, 1, rs[admin(rs)]) },
		"two swapped": func(rs []crank.Record) []crank.Record {
			i := slices.IndexFunc(rs, func(r crank.Record) bool { return r.Transfer != nil })
			rs[i], rs[i+1] = rs[i+1], rs[i]
			return rs
		},
		"the end cut off": func(rs []crank.Record) []crank.Record { return rs[:len(rs)-4] },
		"one made cheaper": func(rs []crank.Record) []crank.Record {
			r := *rs[receipt(rs)].Receipt
			r.Price.Micros, r.Lines, r.Postings = 0, nil, nil
			rs[receipt(rs)].Receipt = &r
			return rs
		},
	} {
		dir := h.forge(t, m, change)
		n := start(t, dir, app.Options{}, func(c *config.Config) { c.Workers = []string{h.worker} })
		if a := n.do("POST", "/v1/call/shout/loud", `{"text":"after the forgery"}`); a.Status != 200 {
			t.Errorf("%s: the forger's node answers %d %s", name, a.Status, a.Body)
		}
		if err := n.stop(); err != nil {
			t.Fatal(err)
		}
		if report, err := app.VerifyDir(t.Context(), dir, app.VerifyOptions{}); err != nil || report.Err() != nil {
			t.Errorf("%s: this forgery is too clumsy to prove anything: %v, %+v", name, err, report.Faults)
		}
		report, err := app.VerifyDir(t.Context(), dir, app.VerifyOptions{Anchors: h.anchors})
		if err == nil {
			err = report.Err()
		}
		if err == nil || len(report.Faults) == 0 {
			t.Errorf("%s: not found by the anchors: %v", name, err)
		}
	}
}

// admin is where an administrative record stands.
func admin(rs []crank.Record) int {
	return slices.IndexFunc(rs, func(r crank.Record) bool { return r.Admin != nil })
}
