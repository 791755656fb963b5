package document

import (
	"bytes"
	"context"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/format/doc"
	"github.com/crank-platform/crank/format/doc/convert"
)

// What an inventory lists inside the answer: at most so many entries a list, and
// so many bytes a text. The whole of one that is cut goes with it as a blob.
const (
	maxEntries = 300
	maxText    = 200
)

// analysis is the answer of document/analyze.
type analysis struct {
	convert.Analysis
	Full   *crank.BlobRef `json:"full,omitempty"` // all of it, where the lists above are cut
	Engine string         `json:"engine"`
}

// report is the answer of document/validate.
type report struct {
	convert.Report
	Full   *crank.BlobRef `json:"full,omitempty"`
	Engine string         `json:"engine"`
}

func analyze(ctx context.Context, t crank.Task, in input, src *source) (any, error) {
	a, err := convert.Analyze(ctx, in.format(src), src, src.size, doc.ReadOptions{})
	if err != nil {
		return nil, err
	}
	if a.Outline == nil {
		a.Outline = []doc.Heading{}
	}
	whole := analysis{Analysis: a, Engine: Engine}
	full, err := keep(ctx, t, a, rename(in.File.Name, ".analysis.json"))
	if full == nil || err != nil {
		return whole, err
	}
	return analysis{Analysis: cut(a), Full: full, Engine: Engine}, nil
}

func validate(ctx context.Context, t crank.Task, in input, src *source) (any, error) {
	r, err := convert.Validate(ctx, in.format(src), src, src.size, doc.ReadOptions{})
	if err != nil {
		return nil, err
	}
	whole := report{Report: r, Engine: Engine}
	full, err := keep(ctx, t, r, rename(in.File.Name, ".report.json"))
	if full == nil || err != nil {
		return whole, err
	}
	r.Findings = shorten(r.Findings, func(f *doc.Finding) []*string { return []*string{&f.Place, &f.Message} })
	return report{Report: r, Full: full, Engine: Engine}, nil
}

// keep puts what is too large to travel inside the answer into a blob; nil where
// it is not.
func keep(ctx context.Context, t crank.Task, v any, name string) (*crank.BlobRef, error) {
	text, err := encode(v)
	if err != nil || len(text) <= inline {
		return nil, err
	}
	ref, err := t.Blobs.Put(ctx, bytes.NewReader(text), "application/json", name)
	return &ref, err
}

// cut shortens an analysis's lists and texts. The counts stay whole.
func cut(a convert.Analysis) convert.Analysis {
	a.Title = clip(a.Title, maxText)
	metadata := map[string]string{}
	for _, k := range []string{"title", "author", "date", "lang", "subject", "keywords", "description"} {
		if v := a.Metadata[k]; v != "" {
			metadata[k] = clip(v, maxText)
		}
	}
	a.Metadata = metadata
	a.Outline = shorten(a.Outline, func(h *doc.Heading) []*string { return []*string{&h.Text, &h.ID} })
	a.Images = shorten(a.Images, func(i *convert.Image) []*string { return []*string{&i.Target, &i.Alt} })
	a.Links = shorten(a.Links, func(l *convert.Link) []*string { return []*string{&l.Target, &l.Text} })
	return a
}

// shorten copies the first entries of a list, their texts clipped.
func shorten[T any](list []T, texts func(*T) []*string) []T {
	short := append(list[:0:0], list[:min(len(list), maxEntries)]...)
	for i := range short {
		for _, s := range texts(&short[i]) {
			*s = clip(*s, maxText)
		}
	}
	return short
}
