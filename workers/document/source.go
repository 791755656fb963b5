package document

import (
	"bytes"
	"context"
	"io"
	"mime"
	"os"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/format/doc"
	"github.com/crank-platform/crank/format/doc/convert"
)

// source is the file of a call, to be read at any place.
type source struct {
	io.ReaderAt
	io.Closer
	size int64
}

// open gives the file of a call, of at most `most` bytes. In a child the blob is
// a file already; elsewhere its bytes are taken into memory, which also checks
// them against their digest before a parser sees one.
func open(ctx context.Context, blobs crank.Blobs, ref crank.BlobRef, most int64) (*source, error) {
	r, err := blobs.Open(ctx, ref)
	if err != nil {
		return nil, crank.Wrap(crank.CodeBlobUnknown, err, "the file cannot be opened")
	}
	if f, ok := r.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Size() <= most {
			return &source{f, f, info.Size()}, nil
		}
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, crank.Wrap(crank.CodeStore, err, "the file cannot be read")
	}
	if int64(len(b)) > most {
		return nil, crank.E(crank.CodeTooLarge, "the file has more than %d bytes", most)
	}
	return &source{bytes.NewReader(b), io.NopCloser(nil), int64(len(b))}, nil
}

// format is what to read the file as, "" where the content alone decides. Any
// text can be Markdown, HTML or plain text, so among these the sender's media
// type knows better than a look at the bytes; text/plain says nothing, since
// that is what all three are sent as.
func (in input) format(src *source) doc.Format {
	if in.From != "" {
		return in.From
	}
	declared, _, _ := mime.ParseMediaType(in.File.MediaType) // one that cannot be read declares nothing
	said, ok := map[string]doc.Format{"text/markdown": doc.Markdown, "text/html": doc.HTML}[declared]
	if !ok {
		return ""
	}
	switch seen, _ := convert.Detect(src, src.size); seen { // its error comes again when the file is read
	case doc.Markdown, doc.HTML, doc.Text:
		return said
	}
	return ""
}
