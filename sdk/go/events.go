package client

import (
	"bufio"
	"bytes"
	"io"

	"github.com/crank-platform/crank"
)

// event is one server-sent event (WHATWG HTML, section 9.2).
type event struct {
	Name string
	Data []byte
}

// maxLine bounds one line of an event stream.
const maxLine = 64 << 20

// readEvents gives each event to hear until the stream or hear's patience ends.
func readEvents(from io.Reader, hear func(event) error) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	var e event
	var data [][]byte
	for lines.Scan() {
		line := bytes.TrimSuffix(lines.Bytes(), []byte("\r"))
		if len(line) == 0 {
			if data != nil {
				e.Data = bytes.Join(data, []byte("\n"))
				if err := hear(e); err != nil {
					return err
				}
			}
			e, data = event{}, nil
			continue
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(field) {
		case "event":
			e.Name = string(value)
		case "data":
			data = append(data, bytes.Clone(value))
		}
	}
	if err := lines.Err(); err == bufio.ErrTooLong {
		return crank.E(crank.CodeTooLarge, "the node sent an event of more than %d bytes", maxLine)
	}
	return lines.Err()
}
