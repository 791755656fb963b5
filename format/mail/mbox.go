package mail

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"time"
)

const archiveBuffer = 64 << 10

// Archive hands out the messages of a source one after the other, holding no
// more than a buffer of it: a single message is an archive of one.
//
// An mbox line is a separator when it starts with "From ", carries a date and
// a header field follows it; a Content-Length field is not believed. The first
// line of an mbox needs no date. Quoted lines are restored as mboxrd has it:
// one ">" is taken from ">From ", ">>From " and so on, which is right for
// mboxo as well but for a text that itself began with ">From ".
type Archive struct {
	br      *bufio.Reader
	mbox    bool
	offset  int64  // of br's next octet in the source
	next    []byte // the separator line that is due
	nextAt  int64  // where it stands
	started bool
	defect  []Defect // for the message that next begins
	current *Entry
	err     error
}

// Entry is one message of an Archive, read as an io.Reader. It lasts until the
// archive's next call.
type Entry struct {
	Index  int    // from 0
	Offset int64  // of its first octet in the source: the separator, where there is one
	Length int64  // octets in the source, separator included; final at the message's end
	From   string // what the separator holds after "From "; "" for a single message

	// Defects of the archive at this message: "mbox-cut" when the source ends
	// within a line, "no-blank-before-separator". Final at the message's end.
	Defects []Defect

	a     *Archive
	mid   bool   // the last line read had no end
	lead  []byte // given before queue
	queue []byte
	held  []byte // an empty line held back: it may belong to the next separator
	done  bool
}

// Open tells an mbox from a single message by its first line.
func Open(r io.Reader) *Archive {
	a := &Archive{br: bufio.NewReaderSize(r, archiveBuffer)}
	start, _ := a.br.Peek(1024)
	a.mbox = IsMbox(start)
	return a
}

// OpenMbox reads r as an mbox and nothing else; base is where r begins in the
// whole source, so that offsets are those of a reading resumed there.
func OpenMbox(r io.Reader, base int64) *Archive {
	return &Archive{br: bufio.NewReaderSize(r, archiveBuffer), mbox: true, offset: base}
}

// IsMbox says whether a source that begins with start is an mbox.
func IsMbox(start []byte) bool {
	start = bytes.TrimLeft(bytes.TrimPrefix(start, []byte("\xEF\xBB\xBF")), "\r\n")
	line, rest, _ := bytes.Cut(start, []byte("\n"))
	return isFromLine(line) && (hasDate(line) || fieldFollows(rest))
}

// Next gives the next message, having skipped what was not read of the last
// one. It ends with io.EOF; an *Error of reason Malformed says that the source
// is no mbox, one of reason Unreadable that it failed.
func (a *Archive) Next() (*Entry, error) {
	index := 0
	if a.current != nil {
		io.Copy(io.Discard, a.current) //nolint:errcheck // its failure is a.err
		index = a.current.Index + 1
	}
	if a.err != nil {
		return nil, &Error{Reason: Unreadable, Detail: "archive", Err: a.err}
	}
	if !a.mbox {
		if a.started {
			return nil, io.EOF
		}
		a.started = true
		a.current = &Entry{a: a, Offset: a.offset}
		return a.current, nil
	}
	if !a.started {
		if err := a.start(); err != nil {
			return nil, err
		}
	}
	if a.next == nil {
		return nil, io.EOF
	}
	a.current = &Entry{
		a: a, Index: index, Offset: a.nextAt, Length: int64(len(a.next)),
		From: strings.TrimSpace(string(a.next[len("From "):])), Defects: a.defect,
	}
	a.next, a.defect = nil, nil
	return a.current, nil
}

// start finds the first separator.
func (a *Archive) start() error {
	a.started = true
	for {
		at := a.offset
		line, err := a.readLine()
		if len(line) == 0 {
			if err != nil && !errors.Is(err, io.EOF) {
				return &Error{Reason: Unreadable, Detail: "archive", Err: err}
			}
			return nil // empty: no messages
		}
		line = bytes.TrimPrefix(line, []byte("\xEF\xBB\xBF"))
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			continue
		}
		if !isFromLine(line) || line[len(line)-1] != '\n' && err == nil {
			return &Error{Reason: Malformed, Detail: "an mbox begins with a line \"From ...\"; this is none"}
		}
		a.next, a.nextAt = append([]byte{}, line...), at
		return nil
	}
}

// readLine gives a line, or a buffer's length of one.
func (a *Archive) readLine() ([]byte, error) {
	line, err := a.br.ReadSlice('\n')
	a.offset += int64(len(line))
	if errors.Is(err, bufio.ErrBufferFull) {
		err = nil
	}
	if err != nil && !errors.Is(err, io.EOF) {
		a.err = err
	}
	return line, err
}

// Read gives the message's octets, without separator and quoting.
func (e *Entry) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(e.lead) > 0 {
			k := copy(p[n:], e.lead)
			e.lead, n = e.lead[k:], n+k
			continue
		}
		if len(e.queue) == 0 {
			if e.done || n > 0 && e.a.br.Buffered() == 0 || !e.fetch() {
				break
			}
			continue
		}
		k := copy(p[n:], e.queue)
		e.queue, n = e.queue[k:], n+k
	}
	if n == 0 && len(p) > 0 && e.done {
		if e.a.err != nil {
			return 0, e.a.err
		}
		return 0, io.EOF
	}
	return n, nil
}

// fetch takes the next line in, or sets done at the message's end. An empty
// line before a separator is the archive's, not the message's.
func (e *Entry) fetch() bool {
	if e.a.current != e {
		e.done = true
		return false
	}
	at := e.a.offset
	line, err := e.a.readLine()
	if len(line) == 0 {
		return e.finish(err)
	}
	bol := !e.mid
	if e.a.mbox && bol && isFromLine(line) {
		line = append([]byte{}, line...)
		if e.separator(line, at) {
			e.done = true
			return false
		}
	}
	e.Length += int64(len(line))
	e.mid = line[len(line)-1] != '\n'
	if e.a.mbox && bol && isQuotedFrom(line) {
		line = line[1:]
	}
	e.lead, e.held = e.held, nil
	if text, eol := cutEOL(line); e.a.mbox && bol && len(text) == 0 {
		e.held = eol
		return true
	}
	e.queue = line
	return true
}

// finish ends the message at the end of the source.
func (e *Entry) finish(err error) bool {
	e.done = true
	if e.a.mbox && (e.mid || err != nil && !errors.Is(err, io.EOF)) {
		e.Defects = append(e.Defects, Defect{Code: "mbox-cut", Detail: "the source ends within a line"})
	}
	return false
}

// separator says whether line begins the next message, and if so notes it.
func (e *Entry) separator(line []byte, at int64) bool {
	if !hasDate(line) {
		return false
	}
	ahead, _ := e.a.br.Peek(1024)
	if bytes.HasPrefix(ahead, []byte(">From ")) { // an older envelope kept by some mailers
		_, ahead, _ = bytes.Cut(ahead, []byte("\n"))
	}
	if !fieldFollows(ahead) {
		return false
	}
	e.a.next, e.a.nextAt = line, at
	if e.held == nil {
		e.a.defect = []Defect{{Code: "no-blank-before-separator"}}
	}
	return true
}

// Date is the separator's date in UTC; ok is false where there is none.
func (e *Entry) Date() (t time.Time, ok bool) { return fromDate(e.From) }

// Sender is the separator's first word: the envelope sender.
func (e *Entry) Sender() string {
	sender, _, _ := strings.Cut(e.From, " ")
	return sender
}

func isFromLine(line []byte) bool { return bytes.HasPrefix(line, []byte("From ")) }

// isQuotedFrom says whether line is ">From ", ">>From " and so on.
func isQuotedFrom(line []byte) bool {
	rest := bytes.TrimLeft(line, ">")
	return len(rest) < len(line) && isFromLine(rest)
}

// hasDate says whether a separator line holds a date such as asctime writes.
func hasDate(line []byte) bool {
	_, ok := fromDate(string(line[len("From "):min(len(line), 500)]))
	return ok
}

// fromDate reads the date in what follows "From ": after a sender, which may
// hold blanks, from the first word that is a weekday or a month's name.
func fromDate(s string) (time.Time, bool) {
	words := strings.Fields(s)
	for i, word := range words {
		upper := strings.ToUpper(strings.TrimRight(word, ","))
		if len(upper) == 3 && (strings.Contains(" MON TUE WED THU FRI SAT SUN ", " "+upper+" ") || monthOf(upper) != 0) {
			rest := strings.Join(words[i:], " ")
			if !strings.Contains(rest, ":") {
				continue
			}
			if t, ok := parseDate(rest); ok {
				return t, true
			}
		}
	}
	return time.Time{}, false
}
