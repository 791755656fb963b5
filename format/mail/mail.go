// Package mail reads mail as it is really found and gives it the shape of a
// JMAP Email object (RFC 8621 section 4).
//
// It owns archives (a single message, or an mbox of any length), the headers
// and their broken forms, the MIME tree, charsets and transfer encodings, the
// lists of bodies and attachments, and threads. It does not own storage (the
// caller takes each part from a Sink), nor verification, classification or
// the cleaning of HTML.
//
// Everything is read in one pass and in bounded memory: what is kept is the
// headers and the text of text parts, each up to a limit in Limits. A message
// always yields an Email; what was wrong with it is listed in Email.Defects.
package mail

import (
	"fmt"
	"io"
	"time"
)

// Email is one message, after RFC 8621 section 4.1. Properties that the
// message lacks are absent from its JSON where JMAP would write null.
type Email struct {
	Size       int64      `json:"size"` // octets read, undecoded
	MessageID  []string   `json:"messageId,omitempty"`
	InReplyTo  []string   `json:"inReplyTo,omitempty"`
	References []string   `json:"references,omitempty"`
	Sender     []Address  `json:"sender,omitempty"`
	From       []Address  `json:"from,omitempty"`
	To         []Address  `json:"to,omitempty"`
	CC         []Address  `json:"cc,omitempty"`
	BCC        []Address  `json:"bcc,omitempty"`
	ReplyTo    []Address  `json:"replyTo,omitempty"`
	Subject    string     `json:"subject,omitempty"`
	SentAt     *time.Time `json:"sentAt,omitempty"` // with the sender's offset
	Headers    []Header   `json:"headers,omitempty"`

	BodyStructure *Part                `json:"bodyStructure,omitempty"`
	BodyValues    map[string]BodyValue `json:"bodyValues,omitempty"` // by partId: every text part
	TextBody      []*Part              `json:"textBody,omitempty"`
	HTMLBody      []*Part              `json:"htmlBody,omitempty"`
	Attachments   []*Part              `json:"attachments,omitempty"`
	HasAttachment bool                 `json:"hasAttachment"`
	Preview       string               `json:"preview,omitempty"` // at most 256 characters

	Defects []Defect `json:"defects,omitempty"`
}

// Address is one mailbox. Groups are flattened to their members.
type Address struct {
	Name  string `json:"name,omitempty"`
	Email string `json:"email"` // as written; may lack an @ in broken mail
}

// Header is one field as it stood: Value is what followed the colon, folds and
// all, in valid UTF-8.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Part is one node of the MIME tree (EmailBodyPart of RFC 8621).
type Part struct {
	// PartID is the IMAP section number (RFC 9051 section 6.4.5), such as "2.1";
	// empty for multipart nodes.
	PartID string `json:"partId,omitempty"`
	// BlobID is left to the caller, who stores the content given to its Sink.
	BlobID      string   `json:"blobId,omitempty"`
	Size        int64    `json:"size"` // octets after transfer decoding
	Name        string   `json:"name,omitempty"`
	Type        string   `json:"type"` // lower case, without parameters
	Charset     string   `json:"charset,omitempty"`
	Disposition string   `json:"disposition,omitempty"` // lower case, without parameters
	CID         string   `json:"cid,omitempty"`
	Language    []string `json:"language,omitempty"`
	Location    string   `json:"location,omitempty"`
	// SubParts are the children of a multipart, or the single root of an
	// enclosed message when Options.Nested asked for it.
	SubParts []*Part `json:"subParts,omitempty"`
	// Email holds the header properties of an enclosed message under
	// Options.Nested; its bodies are in SubParts and in the outer BodyValues.
	Email *Email `json:"email,omitempty"`
}

// BodyValue is the decoded text of a text part, line ends as LF.
type BodyValue struct {
	Value string `json:"value"`
	// IsEncodingProblem says that the charset was unknown or its bytes invalid.
	IsEncodingProblem bool `json:"isEncodingProblem"`
	IsTruncated       bool `json:"isTruncated"`
}

// Defect is one thing wrong with a message.
type Defect struct {
	Code   string `json:"code"`             // stable, such as "missing-close-boundary"
	Detail string `json:"detail,omitempty"` // for people
	Part   string `json:"part,omitempty"`   // partId or header name it was found in
}

// Sink takes the decoded content of one leaf part. What it does not read is
// skipped. It may set part.BlobID; other fields are final but for Size, which
// is known only after content is read to its end.
type Sink func(part *Part, content io.Reader) error

// Options say how to read one message. The zero value is good for any mail.
type Options struct {
	Nested bool // parse message/rfc822 parts into SubParts instead of giving them to Sink
	Sink   Sink // nil: attachments are measured and skipped
	// Guess reads 8-bit text that names no charset and is no UTF-8 by what is
	// likely: a header in the charset of the body, else windows-1252. Without
	// it such bytes become U+FFFD, as RFC 8621 section 4.1.2.1 has it.
	Guess  bool
	Limits Limits
}

// Limits bound the work and memory one message may cost. Zero takes the
// default in brackets. What is over a limit is left out and named in Defects.
type Limits struct {
	HeaderBytes     int   // of one header section [1 MiB]
	HeaderCount     int   // fields of one header section [2,000]
	Depth           int   // nesting of multiparts and enclosed messages [50]
	Parts           int   // nodes of the tree [5,000]
	BodyValueBytes  int   // of one text part, before charset decoding [1 MiB]
	BodyValuesBytes int   // of all text parts together [16 MiB]
	MessageBytes    int64 // of the whole message [8 GiB]
}

func (l Limits) orDefaults() Limits {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&l.HeaderBytes, 1<<20)
	set(&l.HeaderCount, 2000)
	set(&l.Depth, 50)
	set(&l.Parts, 5000)
	set(&l.BodyValueBytes, 1<<20)
	set(&l.BodyValuesBytes, 16<<20)
	if l.MessageBytes <= 0 {
		l.MessageBytes = 8 << 30
	}
	return l
}

// Reasons of an Error.
const (
	Malformed  = "malformed"  // not an mbox at all
	Unreadable = "unreadable" // the source failed
	SinkFailed = "sink"       // the caller's Sink failed
)

// Error is a failure that stopped the reading. Mere faults of a message are
// Defects, never an Error.
type Error struct {
	Reason string // Malformed, Unreadable or SinkFailed
	Detail string
	Err    error // the cause; may be nil
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("mail: %s: %s: %v", e.Reason, e.Detail, e.Err)
	}
	return fmt.Sprintf("mail: %s: %s", e.Reason, e.Detail)
}

func (e *Error) Unwrap() error { return e.Err }
