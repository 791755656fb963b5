package document

import (
	"bytes"
	"context"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/format/doc"
	"github.com/crank-platform/crank/format/doc/convert"
)

// converted is the answer of document/convert. From and To are the formats'
// full names, which the input takes as well.
type converted struct {
	Content   any          `json:"content"` // a string, or a crank.BlobRef
	MediaType string       `json:"media_type"`
	From      doc.Format   `json:"from"`
	To        doc.Format   `json:"to"`
	Losses    []doc.Loss   `json:"losses"`
	Media     []attachment `json:"media"`
	Engine    string       `json:"engine"`
}

// attachment is an image of the document; Name is what the content calls it.
type attachment struct {
	Name string        `json:"name"`
	File crank.BlobRef `json:"file"`
}

// maxMedia and maxNames bound what one answer can name: so many images, and so
// many bytes of their names.
const (
	maxMedia = 2000
	maxNames = 256 << 10
)

func toFormat(ctx context.Context, t crank.Task, op crank.Operation, in input, src *source) (converted, error) {
	out := &output{most: op.Limits.OutputBytes, dir: t.Dir}
	defer out.Close()
	r, err := convert.Convert(ctx, convert.Request{
		From: in.format(src), To: in.To, Src: src, Size: src.size,
		Read:  doc.ReadOptions{Limits: doc.Limits{Bytes: op.Limits.InputBytes}},
		Write: doc.WriteOptions{Standalone: in.Standalone, EmbedImages: in.EmbedImages, DropRaw: !in.RawHTML},
	}, out)
	if err != nil {
		return converted{}, err
	}
	to, _ := convert.Lookup(string(r.To)) // r.To is a format that has just written
	answer := converted{
		MediaType: to.Media, From: r.From, To: r.To, Losses: r.Losses, Media: []attachment{}, Engine: Engine,
	}
	if answer.Losses == nil {
		answer.Losses = []doc.Loss{}
	}
	if answer.Content, err = out.content(ctx, t, to.Media, rename(in.File.Name, to.Ext)); err != nil {
		return converted{}, err
	}
	if in.EmbedImages && r.To == doc.HTML {
		return answer, nil // they are inside the content
	}
	if len(r.Media) > maxMedia {
		return converted{}, doc.E(doc.TooLarge, "document.convert", "it holds %d images, the limit is %d", len(r.Media), maxMedia)
	}
	names := slices.Sorted(maps.Keys(r.Media))
	if n := len(strings.Join(names, "")); n > maxNames {
		return converted{}, doc.E(doc.TooLarge, "document.convert", "the names of its images have %d bytes, the limit is %d", n, maxNames)
	}
	for _, name := range names {
		ref, err := t.Blobs.Put(ctx, bytes.NewReader(r.Media[name].Data), r.Media[name].Type, clip(path.Base(name), 200))
		if err != nil {
			return converted{}, err
		}
		answer.Media = append(answer.Media, attachment{name, ref})
	}
	return answer, nil
}
