package rest

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/receipts"
)

func (d *door) live(r *request) error {
	return r.json(http.StatusOK, map[string]string{"status": "live", "version": d.Version})
}

func (d *door) ready(r *request) error {
	if err := d.Ready(r.Context()); err != nil {
		return err
	}
	return r.json(http.StatusOK, map[string]string{"status": "ready"})
}

// described is a capability with who offers it now.
type described struct {
	crank.Operation
	Offers []crank.Offer `json:"offers,omitempty"`
}

func (d *door) capabilities(r *request) error {
	if _, err := d.Office.Permit(r.Context(), r.principal, "read.capabilities", "", ""); err != nil {
		return err
	}
	ops := d.Catalogue.Snapshot().Capabilities()
	if ops == nil {
		ops = []crank.Operation{}
	}
	return r.json(http.StatusOK, map[string]any{"capabilities": ops})
}

func (d *door) capability(r *request) error {
	if _, err := d.Office.Permit(r.Context(), r.principal, "read.capabilities", "", ""); err != nil {
		return err
	}
	c, err := crank.ParseCapability(r.PathValue("family") + "/" + r.PathValue("verb"))
	if err != nil {
		return err
	}
	snapshot := d.Catalogue.Snapshot()
	op, ok := snapshot.Operation(c)
	if !ok {
		return d.unknown(c)
	}
	return r.json(http.StatusOK, described{op, snapshot.Offers(op.Capability)})
}

func (d *door) unknown(c crank.Capability) error {
	e := crank.E(crank.CodeUnknownCap, "there is no capability %q", c)
	if near := d.Catalogue.Snapshot().Nearest(string(c), 3); len(near) > 0 {
		e.Message += "; did you mean " + strings.Trim(fmt.Sprint(near), "[]") + "?"
	}
	return e
}

// asked is a call as quotes and routes are asked about.
type asked struct {
	Capability  crank.Capability  `json:"capability"`
	Input       json.RawMessage   `json:"input"`
	Constraints crank.Constraints `json:"constraints"`
	Tags        crank.Tags        `json:"tags"`
}

func (d *door) asked(r *request) (crank.Call, error) {
	var a asked
	if err := r.read(&a); err != nil {
		return crank.Call{}, err
	}
	name, err := crank.ParseCapability(string(a.Capability))
	return crank.Call{Principal: r.principal, Capability: name, Input: a.Input, Constraints: a.Constraints, Tags: a.Tags}, err
}

func (d *door) quote(r *request) error {
	c, err := d.asked(r)
	if err != nil {
		return err
	}
	candidates, err := d.Calls.Quote(r.Context(), c)
	if err != nil {
		return err
	}
	return r.json(http.StatusOK, map[string]any{"quote": candidates[0].Quote, "candidates": candidates})
}

func (d *door) explain(r *request) error {
	c, err := d.asked(r)
	if err != nil {
		return err
	}
	candidates, err := d.Calls.Explain(r.Context(), c)
	if err != nil && len(candidates) == 0 {
		return err
	}
	return r.json(http.StatusOK, map[string]any{"candidates": candidates, "error": crank.AsError(err)})
}

func (d *door) listReceipts(r *request) error {
	v := r.URL.Query()
	if err := only(v, "tenant", "team", "app", "key", "capability", "outcome", "since", "until", "tag", "limit", "cursor"); err != nil {
		return err
	}
	q := receipts.Query{
		Tenant: v.Get("tenant"), Team: v.Get("team"), App: v.Get("app"), Key: v.Get("key"),
		Capability: crank.Capability(v.Get("capability")), Outcome: crank.Outcome(v.Get("outcome")),
		Tag: v.Get("tag"), Cursor: v.Get("cursor"),
	}
	var err error
	if q.Since, err = when(v, "since"); err != nil {
		return err
	}
	if q.Until, err = when(v, "until"); err != nil {
		return err
	}
	if s := v.Get("limit"); s != "" {
		if q.Limit, err = strconv.Atoi(s); err != nil || q.Limit < 1 || q.Limit > 1000 {
			return crank.E(crank.CodeConstraint, "limit is %.40q, not 1 to 1000", s)
		}
	}
	page, next, err := d.Books.Receipts(r.Context(), r.principal, q)
	if err != nil {
		return err
	}
	if page == nil {
		page = []crank.Receipt{}
	}
	return r.json(http.StatusOK, map[string]any{"receipts": page, "next": next})
}

func (d *door) getReceipt(r *request) error {
	receipt, err := d.Books.Receipt(r.Context(), r.principal, r.PathValue("id"))
	if err != nil {
		return err
	}
	return r.json(http.StatusOK, receipt)
}

func (d *door) proveReceipt(r *request) error {
	bundle, err := d.Books.Bundle(r.Context(), r.principal, r.PathValue("id"))
	if err != nil {
		return err
	}
	r.w.Header().Set("Content-Type", "application/json")
	r.w.WriteHeader(http.StatusOK)
	_, _ = r.w.Write(bundle)
	return nil
}

func (d *door) checkpoint(r *request) error {
	note, err := d.Books.Checkpoint(r.Context())
	if err != nil {
		return err
	}
	r.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	r.w.WriteHeader(http.StatusOK)
	_, _ = r.w.Write(note)
	return nil
}

func (d *door) usage(r *request) error {
	v := r.URL.Query()
	if err := only(v, "tenant", "since", "until", "by", "format"); err != nil {
		return err
	}
	q := receipts.UsageQuery{Tenant: v.Get("tenant")}
	for by := range strings.SplitSeq(v.Get("by"), ",") {
		if by != "" {
			q.By = append(q.By, by)
		}
	}
	var err error
	if q.Since, err = when(v, "since"); err != nil {
		return err
	}
	if q.Until, err = when(v, "until"); err != nil {
		return err
	}
	rows, err := d.Books.Usage(r.Context(), r.principal, q)
	if err != nil {
		return err
	}
	if rows == nil {
		rows = []receipts.UsageRow{}
	}
	if v.Get("format") == "csv" {
		return usageCSV(r, q.By, rows)
	}
	return r.json(http.StatusOK, map[string]any{"usage": rows})
}

// usageCSV writes a chargeback file (RFC 4180): amounts are decimals.
func usageCSV(r *request, by []string, rows []receipts.UsageRow) error {
	r.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	r.w.WriteHeader(http.StatusOK)
	meters := map[string]bool{}
	for _, row := range rows {
		for m := range row.Meters {
			meters[m] = m != crank.MeterCalls // which has a column already
		}
	}
	maps.DeleteFunc(meters, func(_ string, shown bool) bool { return !shown })
	names := slices.Sorted(maps.Keys(meters))
	w := csv.NewWriter(r.w)
	_ = w.Write(slices.Concat(by, []string{"calls", "price", "asset"}, names))
	for _, row := range rows {
		line := make([]string, 0, len(by)+3+len(names))
		for _, g := range by {
			line = append(line, safeCell(row.Group[g]))
		}
		line = append(line, strconv.FormatInt(row.Calls, 10), row.Price.String(), string(row.Asset))
		for _, m := range names {
			line = append(line, strconv.FormatInt(row.Meters[m], 10))
		}
		_ = w.Write(line)
	}
	w.Flush()
	return nil
}

// safeCell keeps a spreadsheet from running a caller's tag as a formula.
func safeCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// only refuses query parameters that are not known.
func only(v url.Values, known ...string) error {
	for k := range v {
		if !slices.Contains(known, k) {
			return crank.E(crank.CodeUsage, "there is no parameter %.80q; there are %s", k, strings.Join(known, ", "))
		}
	}
	return nil
}

// when reads a day or an instant in UTC.
func when(v url.Values, key string) (time.Time, error) {
	s := v.Get(key)
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly, "2006-01"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, crank.E(crank.CodeConstraint, "%s is %.40q, not a day such as 2026-01-31 or an instant of RFC 3339", key, s)
}
