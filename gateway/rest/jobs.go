package rest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/jobs"
)

// submitJob takes {"capability", "input", "constraints", "tags", "start_by"}; the
// headers are a call's.
func (d *door) submitJob(r *request) error {
	var in struct {
		asked
		StartBy time.Time `json:"start_by"`
	}
	if err := r.read(&in); err != nil {
		return err
	}
	name, err := crank.ParseCapability(string(in.Capability))
	if err != nil {
		return err
	}
	c := crank.Call{Principal: r.principal, Capability: name, Input: in.Input, Constraints: in.Constraints, Tags: in.Tags}
	if err := envelope(r, &c); err != nil {
		return err
	}
	job, err := d.Jobs.Submit(r.Context(), c, in.StartBy)
	if err != nil {
		return err
	}
	r.w.Header().Set("Location", "/v1/jobs/"+job.ID)
	return r.json(http.StatusAccepted, job)
}

// scope returns the caller's tenant, when it may read jobs.
func (d *door) scope(r *request, act string) (string, error) {
	return d.Office.Permit(r.Context(), r.principal, act, "", r.PathValue("id"))
}

func (d *door) listJobs(r *request) error {
	v := r.URL.Query()
	if err := only(v, "state", "capability", "limit", "cursor"); err != nil {
		return err
	}
	tenant, err := d.scope(r, "read.jobs")
	if err != nil {
		return err
	}
	f := jobs.Filter{Capability: crank.Capability(v.Get("capability")), State: crank.JobState(v.Get("state"))}
	if s := v.Get("limit"); s != "" {
		if f.Limit, err = strconv.Atoi(s); err != nil {
			return crank.E(crank.CodeConstraint, "limit is %.40q, not a number", s)
		}
	}
	page, next, err := d.Jobs.List(r.Context(), tenant, f, v.Get("cursor"))
	if err != nil {
		return err
	}
	if page == nil {
		page = []crank.Job{}
	}
	return r.json(http.StatusOK, map[string]any{"jobs": page, "next": next})
}

func (d *door) getJob(r *request) error {
	tenant, err := d.scope(r, "read.jobs")
	if err != nil {
		return err
	}
	job, err := d.Jobs.Get(r.Context(), tenant, r.PathValue("id"))
	return one(r, http.StatusOK, job, err)
}

func (d *door) cancelJob(r *request) error {
	tenant, err := d.scope(r, "call")
	if err != nil {
		return err
	}
	job, err := d.Jobs.Cancel(r.Context(), tenant, r.PathValue("id"))
	return one(r, http.StatusOK, job, err)
}

// jobEvents streams a job's events; Last-Event-ID goes on where a connection broke.
func (d *door) jobEvents(r *request) error {
	tenant, err := d.scope(r, "read.jobs")
	if err != nil {
		return err
	}
	after := 0
	if s := r.Header.Get("Last-Event-ID"); s != "" {
		if after, err = strconv.Atoi(s); err != nil || after < 0 {
			return crank.E(crank.CodeConstraint, "Last-Event-ID is %.40q, not a number", s)
		}
	}
	feed, err := d.Jobs.Events(r.Context(), tenant, r.PathValue("id"), after)
	if err != nil {
		return err
	}
	out := newEvents(r.w)
	for e := range feed {
		body, err := json.Marshal(e)
		if err != nil {
			return crank.Wrap(crank.CodeInternal, err, "an event cannot be written")
		}
		if out.send(e.ID, string(e.Type), body) != nil {
			return nil
		}
	}
	return nil
}
