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

// submitted is a call that is to run later.
type submitted struct {
	asked
	IdempotencyKey string    `json:"idempotency_key,omitempty"`
	Quote          string    `json:"quote,omitempty"`
	Parent         string    `json:"parent,omitempty"`
	Deadline       time.Time `json:"deadline,omitzero"`
}

// Submit hands a call in to run while nobody waits. Files must be uploaded first
// (PutBlob) and stand in the input as references.
func (c *Client) Submit(ctx context.Context, r CallRequest) (job crank.Job, err error) {
	in := submitted{asked: r.asked(), IdempotencyKey: r.IdempotencyKey, Quote: r.Quote, Parent: r.Parent}
	if r.Timeout > 0 {
		in.Deadline = time.Now().Add(r.Timeout)
	}
	return job, c.ask(ctx, http.MethodPost, "/v1/jobs", nil, in, &job)
}

// Job returns where a job stands.
func (c *Client) Job(ctx context.Context, id string) (crank.Job, error) {
	return get[crank.Job](ctx, c, "/v1/jobs/"+url.PathEscape(id), nil)
}

// JobQuery selects jobs. The zero value selects the newest of the caller's tenant.
type JobQuery struct {
	State  crank.JobState
	Limit  int
	Cursor string
}

// Jobs lists jobs, newest first, and says with which cursor to go on ("": that is all).
func (c *Client) Jobs(ctx context.Context, q JobQuery) ([]crank.Job, string, error) {
	v := values("state", string(q.State), "cursor", q.Cursor)
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
		var now crank.Job
		if json.Unmarshal(e.Data, &now) != nil || now.ID == "" {
			return nil // an event of a newer node, or a chunk of output
		}
		job = now
		if hear == nil {
			return nil
		}
		return hear(now)
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
