package rest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/api/status"
)

// events writes server-sent events (WHATWG HTML, section 9.2).
type events struct {
	w http.ResponseWriter
	c *http.ResponseController
}

func newEvents(w http.ResponseWriter) events {
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	return events{w, http.NewResponseController(w)}
}

// send writes one event; an error means that nobody listens any more.
func (e events) send(id int, event string, data []byte) error {
	var b strings.Builder
	if id > 0 {
		b.WriteString("id: " + strconv.Itoa(id) + "\n")
	}
	if event != "" {
		b.WriteString("event: " + event + "\n")
	}
	for line := range strings.SplitSeq(string(data), "\n") {
		b.WriteString("data: " + strings.TrimSuffix(line, "\r") + "\n")
	}
	b.WriteString("\n")
	if _, err := io.WriteString(e.w, b.String()); err != nil {
		return err
	}
	return e.c.Flush()
}

// stream runs a call and sends its output as it comes: "chunk" events, then one
// "answer" with output and receipt, or one "error" with problem details.
func (d *door) stream(r *request, c crank.Call) error {
	out := newEvents(r.w)
	a, err := d.Calls.Call(r.Context(), c, func(chunk crank.Chunk) error {
		name := chunk.Event
		if name == "" || name == "answer" || name == "error" { // the last two are ours: they end the stream
			name = "chunk"
		}
		return out.send(0, name, chunk.Data)
	})
	if err != nil {
		e := crank.AsError(err)
		body, marshal := json.Marshal(details{
			Type: "https://crank.dev/errors/" + string(e.Code), Title: e.Code.About().Title, Status: status.Of(e).HTTP,
			Detail: e.Message, Code: e.Code, Kind: e.Kind, Mend: e.Mend, Faults: e.Faults, Receipt: a.Receipt.ID,
		})
		if marshal != nil {
			return marshal
		}
		return ended(out.send(0, "error", body))
	}
	body, err := json.Marshal(a)
	if err != nil {
		return crank.Wrap(crank.CodeInternal, err, "the answer cannot be written")
	}
	return ended(out.send(0, "answer", body))
}

// ended drops the error of a listener who has left.
func ended(error) error { return nil }

func (d *door) putBlob(r *request) error {
	tenant, err := d.Office.Permit(r.Context(), r.principal, "quote", "", "")
	if err != nil {
		return err
	}
	want, err := crank.ParseDigest(r.Header.Get("Crank-Digest"))
	if err != nil {
		return err
	}
	ref, err := d.Files.Put(r.Context(), tenant, http.MaxBytesReader(r.w, r.Body, d.MaxBody), want)
	if err != nil {
		return tooLargeOr(err)
	}
	ref.MediaType = r.Header.Get("Content-Type")
	return r.json(http.StatusCreated, ref)
}

func (d *door) getBlob(r *request) error {
	if _, err := d.Office.Permit(r.Context(), r.principal, "read.blob", "", r.PathValue("digest")); err != nil {
		return err
	}
	digest, err := crank.ParseDigest(r.PathValue("digest"))
	if err != nil {
		return err
	}
	return d.sendBlob(r, digest, "application/octet-stream")
}

func (d *door) sendBlob(r *request, digest crank.Digest, media string) error {
	from, ref, err := d.Files.Open(r.Context(), r.principal.Tenant, digest)
	if err != nil {
		return err
	}
	defer from.Close()
	h := r.w.Header()
	h.Set("Content-Type", media)
	h.Set("Content-Length", strconv.FormatInt(ref.Size, 10))
	h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", strings.TrimPrefix(digest.String(), "sha256:")[:16]))
	if _, err := io.Copy(r.w, from); err != nil {
		panic(http.ErrAbortHandler) // the only way to tell a client that the bytes it has are not all
	}
	return nil
}
