package bench

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Text writes the report for a terminal.
func (r *JournalReport) Text(w io.Writer) error { return r.write(w, plain{}) }

// Markdown writes the report as Markdown.
func (r *JournalReport) Markdown(w io.Writer) error { return r.write(w, markdown{}) }

func (r *JournalReport) write(w io.Writer, f format) error {
	n := float64(r.Records)
	rate := func(d time.Duration, of float64) string { return fmt.Sprintf("%.0f/s", of/d.Seconds()) }
	took := func(t Took) string {
		return fmt.Sprintf("p50 %s ms, p99 %s ms (%d times)", ms(t.P50), ms(t.P99), t.Times)
	}
	rows := [][]string{
		{"append, with ledger and chains", fmt.Sprintf("%s, %s", r.Append.Round(time.Millisecond), rate(r.Append, n))},
		{"views up to date after the last append", r.Views.Round(time.Millisecond).String()},
		{"Merkle log up to date after the last append", fmt.Sprintf("%s; %s from the first append on", r.Merkle.Round(time.Millisecond), rate(r.Append+r.Merkle, n))},
		{"start of a node, until it serves", r.Start.Round(time.Millisecond).String()},
		{"resident memory of it", fmt.Sprintf("%.0f MiB", float64(r.Resident)/(1<<20))},
		{"inclusion proof, by REST", took(r.Proof)},
	}
	for _, q := range r.Queries {
		rows = append(rows, []string{q.What, took(q.Took)})
	}
	rows = append(rows, disk("on disk", r.Bytes, n)...)
	rows = append(rows,
		[]string{"archive the older half", fmt.Sprintf("%d records, %s, %s; %.0f B each", r.Archived, r.Archive.Round(time.Millisecond), rate(r.Archive, float64(r.Archived)), float64(r.ArchiveB)/float64(r.Archived))},
		[]string{"prune it", fmt.Sprintf("%d records, %s, %s", r.Pruned, r.Prune.Round(time.Millisecond), rate(r.Prune, float64(r.Pruned)))},
		[]string{"start after that", r.Restart.Round(time.Millisecond).String()},
		[]string{"inclusion proof after that", took(r.ProofTwo)},
	)
	rows = append(rows, disk("on disk after that", r.After, n)...)
	var b strings.Builder
	fmt.Fprintf(&b, "%d records.\n%s\n%s\n\n", r.Records, r.Machine, r.Disk)
	f.table(&b, []string{"what", "measured"}, rows)
	_, err := io.WriteString(w, b.String())
	return err
}

func disk(what string, all []Part, n float64) (rows [][]string) {
	total := int64(0)
	for _, p := range all {
		total += p.Bytes
		rows = append(rows, []string{what + ": " + p.Name, fmt.Sprintf("%.1f MB, %.1f B a record", float64(p.Bytes)/1e6, float64(p.Bytes)/n)})
	}
	return append(rows, []string{what + ", all of it", fmt.Sprintf("%.1f MB, %.1f B a record", float64(total)/1e6, float64(total)/n)})
}
