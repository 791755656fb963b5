package client

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"time"

	"github.com/crank-platform/crank"
)

// CallRequest asks for a call. Only Capability is needed.
type CallRequest struct {
	Capability     crank.Capability
	Input          json.RawMessage   // an object; nil means {}
	Params         map[string]string // parameters as text: the node reads them as the operation's schema says
	Files          []File
	IdempotencyKey string
	Timeout        time.Duration // 0: the operation's own
	MaxPrice       crank.Money   // zero: any
	MaxCarbon      int64         // micrograms CO2e; 0: any
	Prefer         string        // cost, latency, carbon, balanced
	Residency      string
	Provider       string
	Quote          string // id of a quote to honour
	Parent         string // id of the call that makes this one
	Trace          string // W3C traceparent
	Tags           map[string]string
}

// File is bytes that go along with a call, read once.
type File struct {
	Field     string // property of the input; "" means the operation's own
	Name      string // as the sender calls it
	MediaType string // "" means application/octet-stream
	Content   io.Reader
}

// constraints are those of the request, for quotes.
func (r CallRequest) constraints() crank.Constraints {
	return crank.Constraints{
		MaxPrice: r.MaxPrice, MaxCarbon: r.MaxCarbon, Residency: r.Residency, Prefer: r.Prefer, Provider: r.Provider,
	}
}

// header writes what goes beside the input.
func (r CallRequest) header(accept string) http.Header {
	h := http.Header{"Accept": {accept}}
	set := func(name, value string) {
		if value != "" {
			h.Set(name, value)
		}
	}
	set("Idempotency-Key", r.IdempotencyKey)
	set("Crank-Parent", r.Parent)
	set("Crank-Quote", r.Quote)
	set("Traceparent", r.Trace)
	set("Crank-Prefer", r.Prefer)
	set("Crank-Residency", r.Residency)
	set("Crank-Provider", r.Provider)
	if r.Timeout > 0 {
		set("Crank-Timeout", r.Timeout.String())
	}
	if r.MaxPrice != (crank.Money{}) {
		set("Crank-Max-Price", r.MaxPrice.String())
	}
	if r.MaxCarbon > 0 {
		set("Crank-Max-Carbon-Ug", strconv.FormatInt(r.MaxCarbon, 10))
	}
	for _, k := range slices.Sorted(maps.Keys(r.Tags)) {
		h.Add("Crank-Tag", k+"="+r.Tags[k])
	}
	return h
}

// body writes the input: JSON, or a form where parameters or files go along.
func (r CallRequest) body() (io.Reader, string) {
	input := r.Input
	if len(input) == 0 {
		input = json.RawMessage("{}")
	}
	if len(r.Files) == 0 && len(r.Params) == 0 {
		return bytes.NewReader(input), "application/json"
	}
	from, to := io.Pipe()
	form := multipart.NewWriter(to)
	go func() { to.CloseWithError(r.write(form, input)) }() // ends when the transport closes from, which it always does
	return from, form.FormDataContentType()
}

func (r CallRequest) write(form *multipart.Writer, input []byte) error {
	if err := form.WriteField("input", string(input)); err != nil {
		return err
	}
	for _, k := range slices.Sorted(maps.Keys(r.Params)) {
		if err := form.WriteField(k, r.Params[k]); err != nil {
			return err
		}
	}
	for _, f := range r.Files {
		field, name, media := f.Field, f.Name, f.MediaType
		if field == "" {
			field = "file"
		}
		if name == "" {
			name = "file"
		}
		if media == "" {
			media = "application/octet-stream"
		}
		part, err := form.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {mime.FormatMediaType("form-data", map[string]string{"name": field, "filename": name})},
			"Content-Type":        {media},
		})
		if err != nil {
			return err
		}
		if _, err := io.Copy(part, f.Content); err != nil {
			return crank.Wrap(crank.CodeMalformedFile, err, "%s cannot be read", name)
		}
	}
	return form.Close()
}

const (
	answerType = "application/vnd.crank.answer+json"
	eventType  = "text/event-stream"
)

// Call calls a capability and waits for the answer. With an error, the answer
// holds what is known of the receipt (id, call, price, outcome), if there is one.
func (c *Client) Call(ctx context.Context, r CallRequest) (crank.Answer, error) {
	resp, err := c.begin(ctx, r, answerType)
	if err != nil {
		return partial(resp), err
	}
	defer resp.Body.Close()
	var a crank.Answer
	err = c.read(ctx, resp, &a)
	return a, err
}

// Stream is Call whose output comes in parts: emit gets each in order, and its
// error ends the call.
func (c *Client) Stream(ctx context.Context, r CallRequest, emit func(crank.Chunk) error) (crank.Answer, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // tells the node when emit wants no more
	resp, err := c.begin(ctx, r, eventType)
	if err != nil {
		return partial(resp), err
	}
	defer resp.Body.Close()
	var a crank.Answer
	ended := false
	err = readEvents(resp.Body, func(e event) error {
		switch e.Name {
		case "answer":
			ended = true
			return json.Unmarshal(e.Data, &a)
		case "error":
			ended = true
			var d details
			if json.Unmarshal(e.Data, &d) == nil {
				a.Receipt.ID = d.Receipt
			}
			if p := parseProblem(e.Data); p != nil {
				return p
			}
			return crank.E(crank.CodeInternal, "the node sent an error that cannot be read")
		case "chunk":
			e.Name = ""
		}
		return emit(crank.Chunk{Event: e.Name, Data: e.Data})
	})
	if err != nil {
		return a, c.broken(ctx, http.MethodPost, err)
	}
	if !ended {
		return a, c.broken(ctx, http.MethodPost, io.ErrUnexpectedEOF)
	}
	return a, nil
}

// begin sends a call. A deadline in Timeout is the node's to keep, one of ctx
// the client's.
func (c *Client) begin(ctx context.Context, r CallRequest, accept string) (*http.Response, error) {
	if _, err := crank.ParseCapability(string(r.Capability)); err != nil {
		return nil, err
	}
	body, media := r.body()
	h := r.header(accept)
	h.Set("Content-Type", media)
	return c.send(ctx, http.MethodPost, "/v1/call/"+string(r.Capability), nil, h, body)
}

// partial is what the headers of a failed call tell.
func partial(resp *http.Response) (a crank.Answer) {
	if resp == nil {
		return a
	}
	a.Receipt.ID, a.Receipt.Call = resp.Header.Get("Crank-Receipt"), resp.Header.Get("Crank-Call")
	a.Receipt.Outcome = crank.Outcome(resp.Header.Get("Crank-Outcome"))
	a.Replayed = resp.Header.Get("Crank-Replayed") == "true"
	if price, err := crank.ParseMoney(resp.Header.Get("Crank-Price")); err == nil {
		a.Receipt.Price = price
	}
	return a
}
