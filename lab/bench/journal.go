package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
	client "github.com/crank-platform/crank/sdk/go"
)

// JournalOptions bound a run over a journal of many records.
type JournalOptions struct {
	Dir     string // a new data directory; it is left there when it was named
	Records int
	Out     io.Writer // progress
}

// JournalReport is what a journal of many records costs.
type JournalReport struct {
	Machine  Machine       `json:"machine"`
	Disk     Disk          `json:"disk"`
	Records  int           `json:"records"`
	Append   time.Duration `json:"append_ns"`
	Views    time.Duration `json:"views_after_ns"`  // from the last append until the views told of it
	Merkle   time.Duration `json:"merkle_after_ns"` // from the last append until a checkpoint covered it
	Start    time.Duration `json:"start_ns"`        // of a node on it, until it serves
	Resident int64         `json:"resident_bytes"`  // of that node, after start
	Proof    Took          `json:"proof"`
	Queries  []Query       `json:"queries"`
	Bytes    []Part        `json:"bytes"`
	Archived int           `json:"archived"`
	Archive  time.Duration `json:"archive_ns"`
	ArchiveB int64         `json:"archive_bytes"`
	Pruned   int           `json:"pruned"`
	Prune    time.Duration `json:"prune_ns"`
	After    []Part        `json:"bytes_after_prune"`
	Restart  time.Duration `json:"start_after_prune_ns"`
	ProofTwo Took          `json:"proof_after_prune"`
}

// Took are times of one thing that was done often.
type Took struct {
	P50   time.Duration `json:"p50_ns"`
	P99   time.Duration `json:"p99_ns"`
	Times int           `json:"times"`
}

// Query is a question to the journal and how long its answer took.
type Query struct {
	What string `json:"what"`
	Took
}

// Part is what a part of the data directory takes.
type Part struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

const (
	tenants  = 10
	atOnce   = 4096 // records that one AppendAll is given
	sampled  = 400  // receipts that are asked for later
	appender = 2    // callers of AppendAll

	leastRecords = 8 * atOnce // so that the older half has commits of its own
)

// crowd is the journal's run while it goes.
type crowd struct {
	o        JournalOptions
	report   *JournalReport
	template crank.Receipt
	samples  []sample // some of the receipts
	half     int64    // commit time of the record in the middle, microseconds
}

// sample is a receipt that is asked for later.
type sample struct {
	id   string
	time int64 // of its commit, microseconds
}

// Journal fills a journal through the node's own code and measures it.
func Journal(ctx context.Context, o JournalOptions) (*JournalReport, error) {
	if o.Records < leastRecords {
		return nil, fmt.Errorf("a journal of fewer than %d records says nothing", leastRecords)
	}
	if o.Dir == "" {
		dir, err := os.MkdirTemp("", "crank-journal-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		o.Dir = filepath.Join(dir, "data")
	}
	if _, err := os.Stat(o.Dir); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is there already; a new directory is needed", o.Dir)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	c := &crowd{o: o, report: &JournalReport{Machine: ReadMachine(), Records: o.Records}}
	var err error
	if c.report.Disk, err = ReadDisk(o.Dir); err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context, *node) error{c.fill, c.query, c.retain, c.after} {
		if err := c.with(ctx, step); err != nil {
			return nil, err
		}
	}
	c.report.Machine.LoadAfter = loadAverage()
	return c.report, nil
}

func (c *crowd) say(format string, args ...any) { fmt.Fprintf(c.o.Out, format+"\n", args...) }

// with runs a step on a node that is brought up for it.
func (c *crowd) with(ctx context.Context, step func(context.Context, *node) error) error {
	began := time.Now()
	n, err := openNode(ctx, c.o.Dir, map[string]string{"isolation": "inproc", "shutdown_grace": "1s"})
	if err != nil {
		return err
	}
	took := time.Since(began)
	c.say("a node is up after %s", took.Round(time.Millisecond))
	if c.report.Append > 0 && c.report.Start == 0 {
		c.report.Start = took
	}
	if c.report.Pruned > 0 {
		c.report.Restart = took
	}
	return errors.Join(step(ctx, n), n.close())
}

// fill appends the records. The first receipt is a real call's; the others are
// like it, of ten tenants and hundreds of keys.
func (c *crowd) fill(ctx context.Context, n *node) error {
	if err := n.budgets(ctx); err != nil {
		return err
	}
	door := n.client()
	defer door.Close()
	w, err := dial(ctx, *n.Address.Load())
	if err != nil {
		return err
	}
	defer w.Close()
	if status, err := w.call(post(*n.Address.Load(), threadPath, n.key, threadBody())); err != nil || status != 200 {
		return fmt.Errorf("the first call: status %d: %s: %w", status, w.said, err)
	}
	page, _, err := door.Receipts(ctx, client.ReceiptQuery{Limit: 1})
	if err != nil {
		return err
	}
	if len(page) != 1 {
		return errors.New("the first call has no receipt")
	}
	c.template = page[0]
	began := time.Now()
	if err := c.append(ctx, n); err != nil {
		return err
	}
	c.report.Append = time.Since(began)
	ended := time.Now()
	if _, err := door.Usage(ctx, client.UsageQuery{By: []string{"capability"}}); err != nil {
		return err
	}
	c.report.Views = time.Since(ended)
	c.say("appended in %s; the views followed %s later", c.report.Append.Round(time.Second), c.report.Views.Round(time.Millisecond))
	if err := c.merkle(ctx, n, door); err != nil {
		return err
	}
	c.report.Merkle = time.Since(ended)
	c.say("a checkpoint covers all %s after the last append", c.report.Merkle.Round(time.Millisecond))
	return nil
}

func (c *crowd) append(ctx context.Context, n *node) error {
	var next, done atomic.Int64
	var mu sync.Mutex
	said := time.Now()
	one := func() error {
		for {
			first := next.Add(atOnce) - atOnce
			count := min(atOnce, int64(c.o.Records)-first)
			if count <= 0 {
				return nil
			}
			batch := make([]crank.Record, count)
			for i := range batch {
				batch[i] = c.receipt(int(first) + i)
			}
			written, err := n.Receipts.AppendAll(ctx, batch)
			if err != nil {
				return err
			}
			all := done.Add(count)
			mu.Lock()
			for i, r := range written {
				at := first + int64(i)
				if at%int64(c.o.Records/sampled) == 0 {
					c.samples = append(c.samples, sample{r.Receipt.ID, r.Time})
				}
				if at == int64(c.o.Records)/2 {
					c.half = r.Time
				}
			}
			if time.Since(said) > 5*time.Second {
				said = time.Now()
				c.say("%d of %d records, the Merkle log %d behind what it has read", all, c.o.Records, n.Merkle.Lag().Records)
			}
			mu.Unlock()
		}
	}
	failed := make(chan error, appender)
	for range appender {
		go func() { failed <- one() }()
	}
	var err error
	for range appender {
		err = errors.Join(err, <-failed)
	}
	return err
}

// receipt makes the i-th receipt.
func (c *crowd) receipt(i int) crank.Record {
	r := c.template
	r.Call = ids.New("call")
	if tenant := i % tenants; tenant > 0 {
		r.Payer = crank.Payer{
			Tenant: "tenant_" + strconv.Itoa(tenant), Team: "team_" + strconv.Itoa(i/tenants%5),
			App: "app_" + strconv.Itoa(i/tenants%20), Key: "key_" + strconv.Itoa(i/tenants%40),
		}
	}
	now := time.Now().UnixMicro()
	r.Opened, r.Sent, r.Closed = now-900, now-850, now
	r.Input.Digest = crank.DigestOf("lab", []byte(r.Call))
	r.Postings = append([]crank.Posting(nil), r.Postings...)
	for k, p := range r.Postings {
		if p.Account == crank.TenantAccount(c.template.Payer.Tenant) {
			r.Postings[k].Account = crank.TenantAccount(r.Payer.Tenant)
		}
	}
	if i%4 == 0 {
		r.Tags = crank.Tags{"project": "p" + strconv.Itoa(i/4%8)}
	}
	return crank.Record{Type: crank.TypeClosed, Receipt: &r}
}

// merkle waits until a checkpoint covers every record.
func (c *crowd) merkle(ctx context.Context, n *node, door *client.Client) error {
	_, head, err := n.Receipts.Head(ctx)
	if err != nil {
		return err
	}
	for said := time.Now(); ; {
		note, err := door.Checkpoint(ctx)
		if err != nil && !crank.IsKind(err, crank.KindNotFound) {
			return err
		}
		size := uint64(0)
		if lines := strings.Split(string(note), "\n"); len(lines) > 1 { // C2SP tlog-checkpoint: origin, size, root
			if size, err = strconv.ParseUint(lines[1], 10, 64); err != nil {
				return err
			}
		}
		if size >= head {
			return nil
		}
		if time.Since(said) > 5*time.Second {
			said = time.Now()
			c.say("the Merkle log has %d of %d leaves under a checkpoint", size, head)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// query asks what people ask.
func (c *crowd) query(ctx context.Context, n *node) (err error) {
	if c.report.Resident, err = resident(os.Getpid()); err != nil {
		c.say("resident memory: %v", err)
	}
	door := n.client()
	defer door.Close()
	text, err := os.ReadFile(filepath.Join(c.o.Dir, "keys", "operator"))
	if err != nil {
		return err
	}
	operator := client.New(client.Config{URL: "http://" + *n.Address.Load(), Key: string(text)})
	defer operator.Close()
	ask := func(what string, times int, f func(i int) error) error {
		took, err := often(times, f)
		c.report.Queries = append(c.report.Queries, Query{what, took})
		c.say("%s: p50 %s, p99 %s", what, took.P50, took.P99)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	}
	mine := client.ReceiptQuery{Limit: 100}
	middle := mine
	middle.Until = time.UnixMicro(c.half).UTC().Format(time.RFC3339Nano)
	tagged := mine
	tagged.Tag = "project=p4"
	app := mine
	app.Tenant, app.App = "tenant_3", "app_0"
	list := func(d *client.Client, q client.ReceiptQuery) func(int) error {
		return func(int) error {
			page, _, err := d.Receipts(ctx, q)
			if err == nil && len(page) == 0 {
				err = errors.New("no receipts")
			}
			return err
		}
	}
	usage := func(q client.UsageQuery) func(int) error {
		return func(int) error {
			rows, err := operator.Usage(ctx, q)
			if err == nil && len(rows) == 0 {
				err = errors.New("no rows")
			}
			return err
		}
	}
	if c.report.Proof, err = often(200, c.prove(ctx, door, c.samples)); err != nil {
		return fmt.Errorf("a proof: %w", err)
	}
	err = errors.Join(
		ask("one receipt by its id", 200, func(i int) error { _, err := operator.Receipt(ctx, c.samples[i%len(c.samples)].id); return err }),
		ask("a tenant's newest 100 receipts", 50, list(door, mine)),
		ask("100 from the middle, by time", 50, list(door, middle)),
		ask("100 with a tag", 50, list(door, tagged)),
		ask("100 of one app of another tenant", 50, list(operator, app)),
		ask("usage of a tenant by capability", 50, usage(client.UsageQuery{Tenant: "tenant_3", By: []string{"capability"}})),
		ask("usage of a tenant by app, key and day", 50, usage(client.UsageQuery{Tenant: "tenant_3", By: []string{"app", "key", "day"}})),
		ask("usage of a tenant by tag", 50, usage(client.UsageQuery{Tenant: "tenant_3", By: []string{"tag:project"}})),
	)
	if err != nil {
		return err
	}
	c.report.Bytes, err = parts(c.o.Dir)
	return err
}

// prove asks for the proofs of those of the receipts that are the caller's own.
func (c *crowd) prove(ctx context.Context, door *client.Client, of []sample) func(int) error {
	mine := slices.Clone(of)
	mine = slices.DeleteFunc(mine, func(s sample) bool { _, err := door.Receipt(ctx, s.id); return err != nil })
	return func(i int) error {
		if len(mine) == 0 {
			return errors.New("no sampled receipt is the caller's")
		}
		_, err := door.Proof(ctx, mine[i%len(mine)].id)
		return err
	}
}

func often(times int, f func(i int) error) (Took, error) {
	var h histogram
	for i := range times {
		began := time.Now()
		if err := f(i); err != nil {
			return Took{}, err
		}
		h.add(time.Since(began))
	}
	return Took{h.quantile(0.5), h.quantile(0.99), times}, nil
}

// retain archives and prunes the older half.
func (c *crowd) retain(ctx context.Context, n *node) error {
	before := time.UnixMicro(c.half)
	path := filepath.Join(c.o.Dir, "archive.cborseq")
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	began := time.Now()
	c.report.Archived, err = n.Receipts.Archive(ctx, before, f)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	c.report.Archive = time.Since(began)
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	c.report.ArchiveB = info.Size()
	c.say("archived %d records in %s", c.report.Archived, c.report.Archive.Round(time.Millisecond))
	if err := os.Remove(path); err != nil {
		return err
	}
	began = time.Now()
	if c.report.Pruned, err = n.Receipts.Prune(ctx, before); err != nil {
		return err
	}
	c.report.Prune = time.Since(began)
	c.say("pruned %d records in %s", c.report.Pruned, c.report.Prune.Round(time.Millisecond))
	return nil
}

// after looks again at what is left.
func (c *crowd) after(ctx context.Context, n *node) (err error) {
	door := n.client()
	defer door.Close()
	var young []sample
	for _, s := range c.samples {
		if s.time >= c.half {
			young = append(young, s)
			continue
		}
		if _, err := door.Receipt(ctx, s.id); !crank.IsKind(err, crank.KindNotFound) {
			return fmt.Errorf("the receipt %s was pruned and is still told of: %w", s.id, err)
		}
	}
	if c.report.ProofTwo, err = often(100, c.prove(ctx, door, young)); err != nil {
		return fmt.Errorf("a proof after pruning: %w", err)
	}
	c.report.After, err = parts(c.o.Dir)
	return err
}

// parts sums a directory up by its first level: files that SQLite keeps beside a
// database count to it.
func parts(dir string) (all []Part, err error) {
	sums, order := map[string]int64{}, []string{}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		name, _, _ := strings.Cut(filepath.ToSlash(rel), "/")
		name = strings.TrimSuffix(strings.TrimSuffix(name, "-wal"), "-shm")
		if _, seen := sums[name]; !seen {
			order = append(order, name)
		}
		sums[name] += info.Size()
		return nil
	})
	for _, name := range order {
		if sums[name] >= 1<<20 {
			all = append(all, Part{name, sums[name]})
		}
	}
	return all, err
}
