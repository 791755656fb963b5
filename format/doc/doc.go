// Package doc is the document tree in the middle of every conversion.
//
// It owns the tree (blocks and inlines after pandoc's model), its metadata and
// media, the list of losses a reader or writer had to accept, the limits that
// untrusted bytes meet before a parser, and the one error type of all readers
// and writers. It does not own any format: each stands in its own package
// beside it, and package convert holds the list of them.
package doc

// Document is one document as read from some format. The zero value is an
// empty document. It is not safe for concurrent change.
type Document struct {
	Meta   Meta
	Blocks []Block
	Media  map[string]Media // by the name an Image's Target uses
	Losses []Loss           // what the reader could not keep
}

// Media is an image or other resource that travels with the document.
type Media struct {
	Type string // media type, "" = unknown
	Data []byte
}

// Loss is something a reader or writer could not keep.
type Loss struct {
	By    string `json:"by"`              // the reader or writer, e.g. "docx reader"
	What  string `json:"what"`            // a stable word, e.g. "comment", "macro"
	Note  string `json:"note,omitempty"`  // one sentence for people
	Count int    `json:"count,omitempty"` // how often; at least 1
}

// Losses gathers losses by what was lost. The zero value is ready.
type Losses struct {
	By   string
	list []Loss
}

// Add counts one loss of what; the first note given is kept.
func (l *Losses) Add(what, note string) {
	for i := range l.list {
		if l.list[i].What == what {
			l.list[i].Count++
			return
		}
	}
	l.list = append(l.list, Loss{By: l.By, What: what, Note: note, Count: 1})
}

// List returns the losses in the order they were first met; nil if none.
func (l *Losses) List() []Loss { return l.list }

// Format names a document format, e.g. "markdown".
type Format string

// The formats that have a reader or a writer in this library.
const (
	Markdown   Format = "markdown"
	HTML       Format = "html"
	DOCX       Format = "docx"
	Text       Format = "text"
	PandocJSON Format = "pandoc-json"
)

// ReadOptions steer a reader. The zero value reads with default limits.
type ReadOptions struct {
	Limits Limits
}

// WriteOptions steer a writer. The zero value writes a fragment and keeps raw
// content of the target's own format.
type WriteOptions struct {
	Standalone  bool // html: a whole page with head and title; markdown: a YAML block with the metadata
	DropRaw     bool // drop raw blocks and inlines and unsafe link schemes, recording a loss
	EmbedImages bool // html: images that travel with the document become data: URLs
}
