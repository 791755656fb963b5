package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/api/params"
)

// call serves POST /v1/call/{family}/{verb}[@{major}].
func (d *door) call(r *request) error {
	name := r.PathValue("family") + "/" + r.PathValue("verb")
	c, err := d.readCall(r, name)
	if err != nil {
		return err
	}
	return d.answer(r, c)
}

// process serves the universal form.
func (d *door) process(r *request) error {
	var form struct {
		Service       string                     `json:"service"`
		Operation     string                     `json:"operation"`
		Input         json.RawMessage            `json:"input"`
		Parameters    map[string]json.RawMessage `json:"parameters"`
		PolicyProfile string                     `json:"policy_profile"`
	}
	if err := r.read(&form); err != nil {
		return err
	}
	if form.PolicyProfile != "" && form.PolicyProfile != "default" {
		return crank.E(crank.CodeUnsupported, "there is no policy profile %.80q; the one there is is called default", form.PolicyProfile)
	}
	c, _, err := d.begin(r, form.Service+"/"+form.Operation)
	if err != nil {
		return err
	}
	input := map[string]json.RawMessage{}
	if len(form.Input) > 0 {
		if err := decode(form.Input, &input); err != nil {
			return err
		}
	}
	for k, v := range form.Parameters {
		if _, twice := input[k]; twice {
			return crank.E(crank.CodeInvalidInput, "%s is given in input and in parameters", k)
		}
		input[k] = v
	}
	if c.Input, err = json.Marshal(input); err != nil {
		return crank.Wrap(crank.CodeMalformedJSON, err, "the input cannot be read")
	}
	return d.answer(r, c)
}

// begin makes a call of what stands in headers.
func (d *door) begin(r *request, name string) (crank.Call, crank.Operation, error) {
	capability, err := crank.ParseCapability(name)
	if err != nil {
		return crank.Call{}, crank.Operation{}, err
	}
	c := crank.Call{Principal: r.principal, Capability: capability}
	if err := envelope(r, &c); err != nil {
		return c, crank.Operation{}, err
	}
	op, _ := d.Catalogue.Snapshot().Operation(capability) // an unknown one is dispatch's to tell
	return c, op, nil
}

// envelope reads the headers that go with a call.
func envelope(r *request, c *crank.Call) error {
	h := r.Header
	c.Key, c.Parent, c.Quote, c.Trace = h.Get("Idempotency-Key"), h.Get("Crank-Parent"), h.Get("Crank-Quote"), h.Get("Traceparent")
	if v := h.Get("Crank-Timeout"); v != "" {
		t, err := time.ParseDuration(v)
		if err != nil {
			return crank.E(crank.CodeConstraint, "Crank-Timeout is %.40q, not a duration such as 30s", v)
		}
		c.Deadline = time.Now().Add(t)
	}
	if v := h.Get("Crank-Max-Price"); v != "" {
		m, err := crank.ParseMoney(v)
		if err != nil {
			return err
		}
		c.Constraints.MaxPrice = m
	}
	c.Constraints.Prefer, c.Constraints.Residency, c.Constraints.Provider = h.Get("Crank-Prefer"), h.Get("Crank-Residency"), h.Get("Crank-Provider")
	for name, to := range map[string]*int64{"Crank-Max-Carbon-Ug": &c.Constraints.MaxCarbon} {
		if v := h.Get(name); v != "" {
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil {
				return crank.E(crank.CodeConstraint, "%s is %.40q, not a number", name, v)
			}
			*to = n
		}
	}
	for _, line := range h.Values("Crank-Tag") {
		for tag := range strings.SplitSeq(line, ",") {
			k, v, ok := strings.Cut(strings.TrimSpace(tag), "=")
			if !ok {
				return crank.E(crank.CodeConstraint, "Crank-Tag %.80q is not name=value", tag)
			}
			if c.Tags == nil {
				c.Tags = map[string]string{}
			}
			c.Tags[k] = v
		}
	}
	return nil
}

// readCall reads a call whose body is JSON, a form with files, or raw bytes.
func (d *door) readCall(r *request, name string) (crank.Call, error) {
	c, op, err := d.begin(r, name)
	if err != nil {
		return c, err
	}
	media, attrs, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil && r.Header.Get("Content-Type") != "" {
		return c, crank.E(crank.CodeMediaType, "the Content-Type cannot be read: %v", err)
	}
	r.Body = http.MaxBytesReader(r.w, r.Body, d.MaxBody)
	input := map[string]any{}
	switch {
	case media == "application/json" || media == "" && r.ContentLength == 0:
		body, err := io.ReadAll(io.LimitReader(r.Body, crank.MaxInline+1))
		if err != nil {
			return c, tooLarge(err)
		}
		if len(body) > crank.MaxInline {
			return c, crank.E(crank.CodeTooLarge, "the input has more than %d bytes of JSON", crank.MaxInline).Mending("Send the large part as a file: raw, or in a form.")
		}
		if len(r.URL.Query()) == 0 {
			c.Input = body
			return c, nil
		}
		if len(body) > 0 {
			if err := decode(body, &input); err != nil {
				return c, err
			}
		}
	case media == "multipart/form-data":
		if err := d.readForm(r, op, attrs["boundary"], input); err != nil {
			return c, err
		}
	case op.Capability == "":
		return c, d.unknown(c.Capability)
	default:
		if op.File.In == "" {
			return c, crank.E(crank.CodeMediaType, "%s reads application/json, not %s", name, media)
		}
		ref, err := d.keep(r.Context(), r.principal, op, r.Body, media, "")
		if err != nil {
			return c, err
		}
		input[op.File.In] = ref
	}
	query := r.URL.Query()
	for _, k := range slices.Sorted(maps.Keys(query)) {
		if err := params.Set(op.Input, input, k, query[k][0]); err != nil {
			return c, err
		}
	}
	c.Input, err = json.Marshal(input)
	if err != nil {
		return c, crank.Wrap(crank.CodeMalformedJSON, err, "the input cannot be read")
	}
	return c, nil
}

// maxField bounds a text field of a form.
const maxField = crank.MaxInline

// readForm reads multipart/form-data: "input" is JSON, other fields are
// parameters, files are kept as blobs under their field's name ("file" stands for
// the operation's own).
func (d *door) readForm(r *request, op crank.Operation, boundary string, input map[string]any) error {
	if boundary == "" {
		return crank.E(crank.CodeMediaType, "the form names no boundary")
	}
	parts := multipart.NewReader(r.Body, boundary)
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return tooLarge(err)
		}
		if part.FileName() == "" {
			text, err := io.ReadAll(io.LimitReader(part, maxField+1))
			if err != nil {
				return tooLarge(err)
			}
			if len(text) > maxField {
				return crank.E(crank.CodeTooLarge, "the field %.80q has more than %d bytes", part.FormName(), maxField)
			}
			if part.FormName() == "input" {
				err = decode(text, &input)
			} else {
				err = params.Set(op.Input, input, part.FormName(), string(text))
			}
			if err != nil {
				return err
			}
			continue
		}
		field := part.FormName()
		if field == "" || field == "file" && op.File.In != "" {
			field = op.File.In
		}
		ref, err := d.keep(r.Context(), r.principal, op, part, part.Header.Get("Content-Type"), path.Base(part.FileName()))
		if err != nil {
			return err
		}
		input[field] = ref
	}
}

// keep puts an upload into the caller's own store.
func (d *door) keep(ctx context.Context, p crank.Principal, op crank.Operation, from io.Reader, media, name string) (crank.BlobRef, error) {
	if limit := op.Limits.InputBytes; limit > 0 {
		from = &bounded{from: from, left: limit, most: limit}
	}
	ref, err := d.Files.Put(ctx, p.Tenant, from, crank.Digest{})
	if err != nil {
		return ref, tooLargeOr(err)
	}
	ref.MediaType, ref.Name = media, name
	return ref, nil
}

type bounded struct {
	from       io.Reader
	left, most int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, crank.E(crank.CodeTooLarge, "the file has more than the %d bytes that the capability takes", b.most)
	}
	return n, err
}

func tooLargeOr(err error) error {
	if e := tooLarge(err); crank.AsError(e).Code == crank.CodeTooLarge {
		return e
	}
	return crank.Wrap(crank.CodeStore, err, "the upload cannot be kept")
}

// answer runs a call and writes its outcome in the form that was asked for: raw
// bytes, a stream of events, the whole answer, or the output alone.
func (d *door) answer(r *request, c crank.Call) error {
	accept := r.Header.Get("Accept")
	if strings.HasPrefix(accept, "text/event-stream") {
		return d.stream(r, c)
	}
	a, err := d.Calls.Call(r.Context(), c, nil)
	headers(r.w.Header(), a)
	if err != nil {
		return err
	}
	switch {
	case strings.HasPrefix(accept, "application/vnd.crank.answer+json"):
		return r.json(http.StatusOK, a)
	case accept == "" || strings.Contains(accept, "application/json") || strings.Contains(accept, "*/*"):
		return r.output(a.Output)
	}
	return d.raw(r, c, a)
}

// headers tells price, receipt and replay.
func headers(h http.Header, a crank.Answer) {
	if a.Receipt.ID == "" {
		return
	}
	h.Set("Crank-Call", a.Receipt.Call)
	h.Set("Crank-Receipt", a.Receipt.ID)
	h.Set("Crank-Price", a.Receipt.Price.String())
	h.Set("Crank-Outcome", string(a.Receipt.Outcome))
	if a.Receipt.Carbon.Micrograms > 0 {
		h.Set("Crank-Carbon", fmt.Sprintf("%d ugCO2e (%s)", a.Receipt.Carbon.Micrograms, a.Receipt.Carbon.Method))
	}
	if a.Replayed {
		h.Set("Crank-Replayed", "true")
	}
}

func (r *request) output(output json.RawMessage) error {
	r.w.Header().Set("Content-Type", "application/json")
	r.w.WriteHeader(http.StatusOK)
	_, _ = r.w.Write(append(output, '\n'))
	return nil
}

// raw writes the bytes that the operation says are its answer.
func (d *door) raw(r *request, c crank.Call, a crank.Answer) error {
	op, ok := d.Catalogue.Snapshot().Operation(c.Capability)
	if !ok || op.File.Out == "" {
		return r.output(a.Output)
	}
	var output map[string]json.RawMessage
	if err := json.Unmarshal(a.Output, &output); err != nil {
		return r.output(a.Output)
	}
	content := output[op.File.Out]
	media := "application/octet-stream"
	var named struct {
		MediaType string `json:"media_type"`
	}
	if json.Unmarshal(a.Output, &named) == nil && named.MediaType != "" {
		media = named.MediaType
	}
	var text string
	if json.Unmarshal(content, &text) == nil {
		r.w.Header().Set("Content-Type", media)
		r.w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(r.w, text)
		return nil
	}
	var ref crank.BlobRef
	if json.Unmarshal(content, &ref) != nil || ref.Digest.IsZero() {
		return r.output(a.Output)
	}
	if ref.MediaType != "" {
		media = ref.MediaType
	}
	return d.sendBlob(r, ref.Digest, media)
}
