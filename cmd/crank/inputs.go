package main

import (
	"context"
	"encoding/json"
	"io"
	"mime"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/api/params"
	client "github.com/crank-platform/crank/sdk/go"
)

// inputs are the flags that say what a call is about.
type inputs struct {
	p        *program
	params   []string
	input    string
	media    string
	key      string
	timeout  time.Duration
	maxPrice string
	prefer   string
	region   string
	provider string
	quote    string
	tags     []string
}

// inputFlags adds the flags that call, quote, jobs submit and route explain share.
func (p *program) inputFlags(c *cobra.Command) *inputs {
	in := &inputs{p: p}
	f := c.Flags()
	f.StringArrayVarP(&in.params, "param", "p", nil, "parameter `name=value`, read as the operation's schema says; may be repeated")
	f.StringVar(&in.input, "input", "", "the input as `JSON`, @FILE, or @- for standard input")
	f.StringVar(&in.media, "media-type", "", "media `type` of the files; without it their names tell")
	f.StringVar(&in.maxPrice, "max-price", "", "refuse any offer above this `amount`, such as \"0.50 USD\"")
	f.StringVar(&in.prefer, "prefer", "", "what matters most: cost, latency, carbon or balanced")
	f.StringVar(&in.region, "residency", "", "serve only in `zones` that begin so, such as eu")
	f.StringVar(&in.provider, "provider", "", "serve only by this provider")
	f.StringArrayVar(&in.tags, "tag", nil, "label `name=value` for chargeback; may be repeated")
	return in
}

// callFlags adds those that only a real call has.
func (in *inputs) callFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&in.key, "idempotency-key", "", "the same key gives the first answer again, for a day")
	f.DurationVar(&in.timeout, "timeout", 0, "give up after this time, such as 30s")
	f.StringVar(&in.quote, "quote", "", "`id` of a quote to honour")
}

// request is what the flags alone say.
func (in *inputs) request(name string) (client.CallRequest, error) {
	r := client.CallRequest{
		IdempotencyKey: in.key, Timeout: in.timeout, Prefer: in.prefer, Residency: in.region, Provider: in.provider, Quote: in.quote,
	}
	var err error
	if r.Capability, err = crank.ParseCapability(name); err != nil {
		return r, err
	}
	if in.maxPrice != "" {
		if r.MaxPrice, err = crank.ParseMoney(in.maxPrice); err != nil {
			return r, err
		}
	}
	for _, t := range in.tags {
		k, v, ok := strings.Cut(t, "=")
		if !ok || k == "" {
			return r, usage("--tag %q is not name=value", t)
		}
		if r.Tags == nil {
			r.Tags = map[string]string{}
		}
		r.Tags[k] = v
	}
	return r, nil
}

// document makes the input, without files, of --input and --param.
func (in *inputs) document(op crank.Operation) (map[string]any, error) {
	input := map[string]any{}
	if in.input != "" {
		text, err := in.text()
		if err != nil {
			return nil, err
		}
		if err := object(text, &input); err != nil {
			return nil, err
		}
	}
	for _, s := range in.params {
		k, v, ok := strings.Cut(s, "=")
		if !ok || k == "" {
			return nil, usage("--param %q is not name=value", s)
		}
		if err := params.Set(op.Input, input, k, v); err != nil {
			return nil, err
		}
	}
	return input, nil
}

func (in *inputs) text() ([]byte, error) {
	path, file := strings.CutPrefix(in.input, "@")
	switch {
	case !file:
		return []byte(in.input), nil
	case path == "-":
		return io.ReadAll(io.LimitReader(in.p.in, crank.MaxInline+1))
	}
	return os.ReadFile(path)
}

// object reads a JSON object, numbers as they stand.
func object(text []byte, into *map[string]any) error {
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.UseNumber()
	if err := dec.Decode(into); err != nil || *into == nil {
		return crank.E(crank.CodeMalformedJSON, "the input is no JSON object").Mending(`Write for example --input '{"name": "world"}'.`)
	}
	if dec.More() {
		return crank.E(crank.CodeMalformedJSON, "the input holds more than one JSON value")
	}
	return nil
}

// mediaTypes are the types of files that systems name differently or not at all.
var mediaTypes = map[string]string{
	".md": "text/markdown", ".markdown": "text/markdown", ".html": "text/html", ".htm": "text/html", ".txt": "text/plain",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".eml":  "message/rfc822", ".mbox": "application/mbox", ".json": "application/json", ".csv": "text/csv", ".pdf": "application/pdf",
	".xhtml": "application/xhtml+xml", ".xml": "application/xml",
}

func (in *inputs) mediaType(name string) string {
	ext := strings.ToLower(filepath.Ext(name))
	switch {
	case in.media != "":
		return in.media
	case mediaTypes[ext] != "":
		return mediaTypes[ext]
	case mime.TypeByExtension(ext) != "":
		return mime.TypeByExtension(ext)
	}
	return "application/octet-stream"
}

// extension is the other way round.
func extension(media string) string {
	media, _, _ = mime.ParseMediaType(media)
	for _, ext := range []string{".md", ".html", ".txt", ".docx", ".eml", ".mbox", ".json", ".csv", ".pdf", ".xml"} {
		if mediaTypes[ext] == media {
			return ext
		}
	}
	if all, err := mime.ExtensionsByType(media); err == nil && len(all) > 0 {
		return all[0]
	}
	return ".out"
}

// with adds a file to a request: as the operation's file, or as its whole input
// where it takes none. The file stays open until the returned function is called.
func (in *inputs) with(r *client.CallRequest, op crank.Operation, input map[string]any, path string) (func(), error) {
	done := func() {}
	if path != "" {
		name, from := filepath.Base(path), in.p.in
		if path == "-" {
			name = ""
		} else {
			f, err := os.Open(path)
			if err != nil {
				return done, fileError(err)
			}
			if info, err := f.Stat(); err == nil && info.IsDir() {
				f.Close()
				return done, usage("%s is a folder", path)
			}
			done = func() { f.Close() }
			from = f
		}
		if op.File.In != "" {
			r.Files = []client.File{{Field: op.File.In, Name: name, MediaType: in.mediaType(name), Content: from}}
		} else {
			text, err := io.ReadAll(io.LimitReader(from, crank.MaxInline+1))
			if err != nil {
				return done, fileError(err)
			}
			whole := map[string]any{}
			if err := object(text, &whole); err != nil {
				return done, crank.E(crank.CodeMediaType, "%s takes no file, and this is no JSON object to be its input", op.Capability)
			}
			for k, v := range input {
				whole[k] = v
			}
			input = whole
		}
	}
	text, err := json.Marshal(input)
	if err != nil {
		return done, crank.Wrap(crank.CodeMalformedJSON, err, "the input cannot be written")
	}
	r.Input = text
	return done, nil
}

// uploaded is with for requests that carry no files: they go ahead as blobs.
func (in *inputs) uploaded(ctx context.Context, x *client.Client, r *client.CallRequest, op crank.Operation, input map[string]any, path string) error {
	done, err := in.with(r, op, input, path)
	defer done()
	if err != nil || len(r.Files) == 0 {
		return err
	}
	f := r.Files[0]
	ref, err := x.PutBlob(ctx, f.Content, f.MediaType, f.Name)
	if err != nil {
		return err
	}
	r.Files = nil
	whole := map[string]any{op.File.In: ref}
	for k, v := range input {
		whole[k] = v
	}
	r.Input, err = json.Marshal(whole)
	return err
}
