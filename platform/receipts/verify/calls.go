package verify

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/crank-platform/crank"
)

// calls checks that each call is closed once and opened at most once, before it
// is closed. It holds what it has seen in memory up to spillAt events, then on
// disk in parts by the call's hash, so that a long journal needs little memory.
type calls struct {
	spillAt int    // 0 means 1<<20
	dir     string // where the parts go, "" for the system's
	events  []event
	parts   []*part
}

// event is that a call was opened or closed by a record.
type event struct {
	call [16]byte // hash of its id
	seq  uint64
	shut bool
}

const (
	eventSize = 25
	partCount = 64
)

type part struct {
	file *os.File
	w    *bufio.Writer
	gone bool // it has no name any more, so that nothing is left if the program dies
}

func (c *calls) add(id string, seq uint64, shut bool) error {
	d := crank.DigestOf("crank/verify/call", []byte(id))
	c.events = append(c.events, event{[16]byte(d[:16]), seq, shut})
	limit := c.spillAt
	if limit == 0 {
		limit = 1 << 20
	}
	if len(c.events) < limit {
		return nil
	}
	return c.spill()
}

// spill moves the events to disk; close removes them.
func (c *calls) spill() error {
	for len(c.parts) < partCount {
		f, err := os.CreateTemp(c.dir, "crank-verify-*")
		if err != nil {
			return crank.Wrap(crank.CodeStore, err, "no room for the calls of a long journal")
		}
		c.parts = append(c.parts, &part{f, bufio.NewWriterSize(f, 32<<10), os.Remove(f.Name()) == nil})
	}
	var b [eventSize]byte
	for _, e := range c.events {
		copy(b[:16], e.call[:])
		binary.BigEndian.PutUint64(b[16:], e.seq)
		b[24] = 0
		if e.shut {
			b[24] = 1
		}
		if _, err := c.parts[int(e.call[0])%partCount].w.Write(b[:]); err != nil {
			return crank.Wrap(crank.CodeStore, err, "no room for the calls of a long journal")
		}
	}
	c.events = c.events[:0]
	return nil
}

// finish reports each fault, and how many calls are open still.
func (c *calls) finish(fault func(seq uint64, why string)) (open uint64, err error) {
	if len(c.parts) == 0 {
		return judge(c.events, fault), nil
	}
	if err := c.spill(); err != nil {
		return 0, err
	}
	for _, p := range c.parts {
		events, err := p.read()
		if err != nil {
			return 0, crank.Wrap(crank.CodeStore, err, "the calls of a long journal cannot be read back")
		}
		open += judge(events, fault)
	}
	return open, nil
}

func (p *part) read() ([]event, error) {
	if err := p.w.Flush(); err != nil {
		return nil, err
	}
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(p.file)
	if err != nil {
		return nil, err
	}
	events := make([]event, 0, len(data)/eventSize)
	for b := range slices.Chunk(data, eventSize) {
		events = append(events, event{[16]byte(b[:16]), binary.BigEndian.Uint64(b[16:]), b[24] == 1})
	}
	return events, nil
}

func (c *calls) close() (err error) {
	for _, p := range c.parts {
		err = errors.Join(err, p.file.Close())
		if !p.gone { // Windows keeps the name of an open file
			err = errors.Join(err, os.Remove(p.file.Name()))
		}
	}
	return err
}

func judge(events []event, fault func(seq uint64, why string)) (open uint64) {
	slices.SortFunc(events, func(a, b event) int {
		return cmp.Or(bytes.Compare(a.call[:], b.call[:]), cmp.Compare(a.seq, b.seq))
	})
	for len(events) > 0 {
		n := 1
		for n < len(events) && events[n].call == events[0].call {
			n++
		}
		opened, closed := uint64(0), uint64(0)
		for _, e := range events[:n] {
			switch {
			case e.shut && closed != 0:
				fault(e.seq, fmt.Sprintf("it closes a call that record %d closed before", closed))
			case e.shut:
				closed = e.seq
			case closed != 0:
				fault(e.seq, fmt.Sprintf("it opens a call that record %d closed before", closed))
			case opened != 0:
				fault(e.seq, fmt.Sprintf("it opens a call that record %d opened before", opened))
			default:
				opened = e.seq
			}
		}
		if closed == 0 {
			open++
		}
		events = events[n:]
	}
	return open
}
