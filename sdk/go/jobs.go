package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/crank-platform/crank"
)

// Submit hands a call in to run while nobody waits. It is to start by then, or
// it fails; zero means the node's default. Files must be uploaded first (PutBlob)
// and stand in the input as references.
func (c *Client) Submit(ctx context.Context, r CallRequest, startBy time.Time) (job crank.Job, err error) {
	in := struct {
		asked
		StartBy time.Time `json:"start_by,omitzero"`
	}{r.asked(), startBy}
	return job, c.document(ctx, http.MethodPost, "/v1/jobs", nil, r.header("application/json"), in, &job)
}

// Job returns where a job stands.
func (c *Client) Job(ctx context.Context, id string) (crank.Job, error) {
	return get[crank.Job](ctx, c, "/v1/jobs/"+url.PathEscape(id), nil)
}

// JobQuery selects jobs. The zero value selects the newest of the caller's tenant.
type JobQuery struct {
	State      crank.JobState
	Capability crank.Capability
	Limit      int // 0 means the node's default
	Cursor     string
}

// Jobs lists jobs, newest first, and says with which cursor to go on ("": that is all).
func (c *Client) Jobs(ctx context.Context, q JobQuery) ([]crank.Job, string, error) {
	v := values("state", string(q.State), "capability", string(q.Capability), "cursor", q.Cursor)
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	out, err := get[struct {
		Jobs []crank.Job
		Next string
	}](ctx, c, "/v1/jobs", v)
	return out.Jobs, out.Next, err
}

// Watch gives each state of a job to hear, the present one first, and returns
// the last once the job has ended. hear may be nil.
func (c *Client) Watch(ctx context.Context, id string, hear func(crank.Job) error) (crank.Job, error) {
	var job crank.Job
	resp, err := c.send(ctx, http.MethodGet, "/v1/jobs/"+url.PathEscape(id)+"/events", nil, http.Header{"Accept": {eventType}}, nil)
	if err != nil {
		return job, err
	}
	defer resp.Body.Close()
	err = readEvents(resp.Body, func(e event) error {
		if e.Name == "error" {
			if p := parseProblem(e.Data); p != nil {
				return p
			}
		}
		var now struct{ Job *crank.Job }
		if json.Unmarshal(e.Data, &now) != nil || now.Job == nil {
			return nil // a part of the output, or an event of a newer node
		}
		job = *now.Job
		if hear == nil {
			return nil
		}
		return hear(job)
	})
	if err != nil {
		return job, c.broken(ctx, http.MethodGet, err)
	}
	if !job.State.Final() {
		return c.Job(ctx, id)
	}
	return job, nil
}

// CancelJob ends a job that has not ended yet.
func (c *Client) CancelJob(ctx context.Context, id string) (job crank.Job, err error) {
	return job, c.ask(ctx, http.MethodDelete, "/v1/jobs/"+url.PathEscape(id), nil, nil, &job)
}
