package bench

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is what a bench found.
type Report struct {
	Began   time.Time     `json:"began"`
	Took    time.Duration `json:"took_ns"`
	Machine Machine       `json:"machine"`
	Disk    Disk          `json:"disk"`
	Rounds  int           `json:"rounds"`
	Closed  []Closed      `json:"closed_loop"`
	Open    []Open        `json:"open_loop"`
	Start   *StartReport  `json:"start,omitempty"`
	Notes   []string      `json:"notes,omitempty"`
}

// Closed is one target under as many callers as there are connections, each of
// whom calls again once it is answered. Numbers are medians over the rounds.
type Closed struct {
	Target   string        `json:"target"`
	Conns    int           `json:"connections"`
	Rate     float64       `json:"requests_per_second"`
	Spread   [2]float64    `json:"requests_per_second_min_max"`
	P50      time.Duration `json:"p50_ns"`
	P99      time.Duration `json:"p99_ns"`
	CPU      float64       `json:"cpu_us"`           // of a request, in the target's own processes
	Worker   float64       `json:"worker_cpu_us"`    // in the HTTP worker
	Load     float64       `json:"generator_cpu_us"` // in the generator
	Mallocs  float64       `json:"allocations"`      // of a request, in the target's own process; 0 unknown
	Bytes    float64       `json:"allocated_bytes"`
	OfProxy  float64       `json:"ratio_to_reverseproxy,omitempty"` // median of the rounds' ratios
	OfNginx  float64       `json:"ratio_to_nginx,omitempty"`
	Requests uint64        `json:"requests"`
}

// Open is one target at 70 % of what it can do, requests being due at random
// times whether or not it keeps up, and the direct way at the same rate.
type Open struct {
	Target   string           `json:"target"`
	Conns    int              `json:"connections"`
	Rate     float64          `json:"requests_per_second"`
	Reached  float64          `json:"reached_per_second"`
	P50, P99 time.Duration    `json:"-"`
	Of       map[string]int64 `json:"latency_ns"`
	AddedP50 time.Duration    `json:"added_p50_ns"`
	AddedP99 time.Duration    `json:"added_p99_ns"`
	Late     time.Duration    `json:"generator_late_p99_ns"`
}

func (r *Report) note(text string) { r.Notes = append(r.Notes, text) }

func (r *Report) saturation(name string, conns int) float64 {
	for _, c := range r.Closed {
		if c.Target == name && c.Conns == conns {
			return c.Rate
		}
	}
	return 0
}

func median[T cmp.Ordered](all []T) T {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

func each[T cmp.Ordered](all []measured, f func(measured) T) []T {
	out := make([]T, len(all))
	for i, m := range all {
		out[i] = f(m)
	}
	return out
}

func summarise(name string, conns int, all, proxy, nginx []measured) Closed {
	rates := each(all, measured.rate)
	per := func(f func(measured) float64) float64 {
		return median(each(all, func(m measured) float64 { return f(m) / float64(m.Requests) }))
	}
	us := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
	c := Closed{
		Target: name, Conns: conns, Rate: median(rates), Spread: [2]float64{slices.Min(rates), slices.Max(rates)},
		P50:     median(each(all, func(m measured) time.Duration { return m.P50 })),
		P99:     median(each(all, func(m measured) time.Duration { return m.P99 })),
		CPU:     per(func(m measured) float64 { return us(m.own.CPU) }),
		Worker:  per(func(m measured) float64 { return us(m.upstream.CPU) }),
		Load:    per(func(m measured) float64 { return us(m.load.CPU) }),
		Mallocs: per(func(m measured) float64 { return float64(m.own.Mallocs) }),
		Bytes:   per(func(m measured) float64 { return float64(m.own.Bytes) }),
	}
	for _, m := range all {
		c.Requests += m.Requests
	}
	ratio := func(of []measured) float64 {
		var ratios []float64
		for i := range min(len(of), len(all)) { // of the same round
			ratios = append(ratios, all[i].rate()/of[i].rate())
		}
		if len(ratios) == 0 {
			return 0
		}
		return median(ratios)
	}
	c.OfProxy, c.OfNginx = ratio(proxy), ratio(nginx)
	return c
}

func compare(name string, conns int, direct, all []measured) Open {
	of := func(m []measured, f func(measured) time.Duration) time.Duration { return median(each(m, f)) }
	p50, p99 := func(m measured) time.Duration { return m.P50 }, func(m measured) time.Duration { return m.P99 }
	added := func(f func(measured) time.Duration) time.Duration {
		var d []time.Duration
		for i := range all {
			d = append(d, f(all[i])-f(direct[i]))
		}
		return median(d)
	}
	o := Open{
		Target: name, Conns: conns, Reached: median(each(all, measured.rate)),
		P50: of(all, p50), P99: of(all, p99), AddedP50: added(p50), AddedP99: added(p99),
		Late: of(all, func(m measured) time.Duration { return m.Late }),
	}
	o.Rate = median(each(all, func(m measured) float64 { return m.due }))
	o.Of = map[string]int64{
		"p50": int64(o.P50), "p99": int64(o.P99), "direct_p50": int64(of(direct, p50)), "direct_p99": int64(of(direct, p99)),
	}
	return o
}

// Text writes the report for a terminal.
func (r *Report) Text(w io.Writer) error { return r.write(w, plain{}) }

// Markdown writes the report as Markdown.
func (r *Report) Markdown(w io.Writer) error { return r.write(w, markdown{}) }

func (r *Report) write(w io.Writer, f format) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d rounds, %s.\n%s\n%s\n\n", r.Began.Format("2006-01-02 15:04 UTC"), r.Rounds, r.Took, r.Machine, r.Disk)
	head := []string{"way", "conns", "req/s", "min-max", "p50 ms", "p99 ms", "own CPU us", "worker CPU us", "generator CPU us", "allocs", "KiB", "of ReverseProxy", "of nginx"}
	var rows [][]string
	for _, c := range r.Closed {
		rows = append(rows, []string{
			c.Target, fmt.Sprint(c.Conns), fmt.Sprintf("%.0f", c.Rate), fmt.Sprintf("%.0f-%.0f", c.Spread[0], c.Spread[1]),
			ms(c.P50), ms(c.P99), some(c.CPU, "%.1f"), some(c.Worker, "%.1f"), some(c.Load, "%.1f"),
			some(c.Mallocs, "%.0f"), some(c.Bytes/1024, "%.1f"), some(c.OfProxy, "%.2f"), some(c.OfNginx, "%.2f"),
		})
	}
	f.table(&b, head, rows)
	if len(r.Open) > 0 {
		b.WriteString("\nOpen loop at 70 % of each way's saturation, waiting counted from when a request was due:\n\n")
		rows = nil
		for _, o := range r.Open {
			rows = append(rows, []string{
				o.Target, fmt.Sprintf("%.0f", o.Rate), fmt.Sprintf("%.0f", o.Reached), ms(o.P50), ms(o.P99),
				ms(time.Duration(o.Of["direct_p50"])), ms(time.Duration(o.Of["direct_p99"])), ms(o.AddedP50), ms(o.AddedP99), ms(o.Late),
			})
		}
		f.table(&b, []string{"way", "req/s due", "reached", "p50 ms", "p99 ms", "direct p50", "direct p99", "added p50", "added p99", "generator late p99"}, rows)
	}
	if r.Start != nil {
		b.WriteString("\n")
		r.Start.table(&b, f)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "\nNote: %s.\n", n)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d.Microseconds())/1e3) }

// some writes a number, or a dash for what is not known or does not apply.
func some(v float64, format string) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf(format, v)
}

// format is how a table is written.
type format interface {
	table(w io.Writer, head []string, rows [][]string)
}

type plain struct{}

func (plain) table(w io.Writer, head []string, rows [][]string) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{head}, rows...) {
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	_ = t.Flush() // a Builder takes everything
}

type markdown struct{}

func (markdown) table(w io.Writer, head []string, rows [][]string) {
	fmt.Fprintf(w, "| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	for _, row := range rows {
		fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
	}
}
