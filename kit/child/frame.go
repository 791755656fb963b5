package child

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// Framing is how messages are told apart on a Proc's stdin and stdout.
type Framing int

const (
	// Frames: each message is its length in bytes as 4 bytes, big-endian, then
	// its bytes. For copies of our own binary.
	Frames Framing = iota
	// Lines: each message is one JSON value on one line. For scripts.
	Lines
)

// WriteFrame writes p with its length before it, in one Write.
func WriteFrame(w io.Writer, p []byte) error {
	if uint64(len(p)) > 1<<32-1 {
		return ErrTooBig
	}
	b := make([]byte, 4+len(p))
	binary.BigEndian.PutUint32(b, uint32(len(p)))
	copy(b[4:], p)
	_, err := w.Write(b)
	return err
}

// ReadFrame reads one message of at most limit bytes. It returns io.EOF at a
// clean end, io.ErrUnexpectedEOF inside a message, and ErrTooBig (with nothing
// of the message read) for a longer one.
func ReadFrame(r io.Reader, limit int) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if uint64(n) > uint64(limit) {
		return nil, fmt.Errorf("%w: %d bytes, limit %d", ErrTooBig, n, limit)
	}
	// Grow as bytes come: a length alone must not take the memory.
	var buf bytes.Buffer
	buf.Grow(int(min(n, 64<<10)))
	if _, err := io.CopyN(&buf, r, int64(n)); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return buf.Bytes(), nil
}

// WriteLine writes the JSON value p on one line.
func WriteLine(w io.Writer, p []byte) error {
	var buf bytes.Buffer
	buf.Grow(len(p) + 1)
	if err := json.Compact(&buf, p); err != nil {
		return fmt.Errorf("%w: not one JSON value: %w", ErrProtocol, err)
	}
	buf.WriteByte('\n')
	_, err := w.Write(buf.Bytes())
	return err
}

// ReadLine reads one JSON value of at most limit bytes that stands on its own
// line; blank lines are passed over. Errors are io.EOF at a clean end,
// io.ErrUnexpectedEOF inside a line, ErrTooBig, or ErrProtocol with the line's
// beginning.
func ReadLine(r *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if len(bytes.TrimRight(line, "\r\n")) > limit {
			return nil, fmt.Errorf("%w: a line of more than %d bytes", ErrTooBig, limit)
		}
		switch {
		case err == bufio.ErrBufferFull:
			continue
		case err == io.EOF && len(bytes.TrimSpace(line)) > 0:
			return nil, io.ErrUnexpectedEOF
		case err != nil:
			return nil, err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		if !json.Valid(line) {
			return nil, fmt.Errorf("%w: not a JSON value: %.80q", ErrProtocol, line)
		}
		return line, nil
	}
}
