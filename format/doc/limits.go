package doc

import (
	"context"
	"fmt"
)

// Limits bound what a reader accepts. A zero field means its default.
type Limits struct {
	Bytes    int64 // input bytes; default 64 MiB
	Unpacked int64 // bytes of a container after decompression; default 512 MiB
	Entry    int64 // bytes of one container entry after decompression; default 256 MiB
	Ratio    int64 // decompressed to compressed bytes of an entry above 1 MiB; default 200
	Entries  int   // entries of a container; default 10,000
	Depth    int   // nesting of the tree, and of XML or JSON in proportion; default 400
	Nodes    int   // nodes of the tree; default 5,000,000
}

// Or fills the zero fields with the defaults.
func (l Limits) Or() Limits {
	set := func(p *int64, v int64) {
		if *p <= 0 {
			*p = v
		}
	}
	setInt := func(p *int, v int) {
		if *p <= 0 {
			*p = v
		}
	}
	set(&l.Bytes, 64<<20)
	set(&l.Unpacked, 512<<20)
	set(&l.Entry, 256<<20)
	set(&l.Ratio, 200)
	setInt(&l.Entries, 10_000)
	setInt(&l.Depth, 400)
	setInt(&l.Nodes, 5_000_000)
	return l
}

// Reason is what kind of failure an Error is; stable, for machines.
type Reason string

// The reasons.
const (
	TooLarge    Reason = "too-large"
	ZipBomb     Reason = "zip-bomb"
	Malformed   Reason = "malformed"
	Unsupported Reason = "unsupported"
	Encrypted   Reason = "encrypted"
	TooDeep     Reason = "too-deep"
)

// Error is every failure of a reader or writer that is the document's fault.
// Cancellation and failing writers are returned as they are.
type Error struct {
	Reason Reason
	Op     string // e.g. "docx.read"
	What   string // one sentence for people
	Err    error  // the cause, may be nil
}

// Error says what failed, why and the cause.
func (e *Error) Error() string {
	s := e.Op + ": " + e.What + " (" + string(e.Reason) + ")"
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// E makes an Error.
func E(r Reason, op, format string, a ...any) *Error {
	return &Error{Reason: r, Op: op, What: fmt.Sprintf(format, a...)}
}

// Wrap makes an Error with a cause.
func Wrap(r Reason, op, what string, err error) *Error {
	return &Error{Reason: r, Op: op, What: what, Err: err}
}

// Meter is how a reader keeps to its limits while it builds the tree, and how
// it notices cancellation. Its error sticks: after the first one every method
// reports it.
type Meter struct {
	ctx    context.Context
	op     string
	limits Limits
	nodes  int
	depth  int
	err    error
}

// NewMeter starts a meter for one read.
func NewMeter(ctx context.Context, op string, l Limits) *Meter {
	return &Meter{ctx: ctx, op: op, limits: l.Or()}
}

// Err is the first limit broken or the context's error, nil while all is well.
func (m *Meter) Err() error { return m.err }

// Node counts one node and reports whether the reader may go on.
func (m *Meter) Node() bool {
	m.nodes++
	if m.err != nil {
		return false
	}
	if m.nodes > m.limits.Nodes {
		m.err = E(TooLarge, m.op, "more than %d nodes", m.limits.Nodes)
		return false
	}
	if m.nodes&1023 == 0 {
		m.err = m.ctx.Err()
	}
	return m.err == nil
}

// Enter counts one node and goes one level down; call Leave only if it was true.
func (m *Meter) Enter() bool {
	if !m.Node() {
		return false
	}
	if m.depth >= m.limits.Depth {
		m.err = E(TooDeep, m.op, "nested deeper than %d levels", m.limits.Depth)
		return false
	}
	m.depth++
	return true
}

// Leave goes one level up.
func (m *Meter) Leave() { m.depth-- }

// CheckSize refuses input that is larger than the limits allow.
func CheckSize(op string, size int64, l Limits) error {
	if l = l.Or(); size > l.Bytes {
		return E(TooLarge, op, "%d bytes, the limit is %d", size, l.Bytes)
	}
	return nil
}
