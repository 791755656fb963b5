package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// wire is one kept-alive HTTP/1.1 connection. It reads as much of an answer as it
// needs to find its end and its status, and no more.
type wire struct {
	net.Conn
	r    *bufio.Reader
	size int    // of the last answer's body
	said []byte // the last answer's body, where its status was not 200
	used time.Time
}

func dial(ctx context.Context, address string) (*wire, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &wire{Conn: c, r: bufio.NewReaderSize(c, 8<<10), used: time.Now()}, nil
}

// post writes a request with a JSON body as it goes over the wire.
func post(address, path, bearer string, body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", path, address, len(body))
	if bearer != "" {
		fmt.Fprintf(&b, "Authorization: Bearer %s\r\n", bearer)
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// call sends a request and reads the answer's status.
func (w *wire) call(request []byte) (status int, err error) {
	if _, err := w.Write(request); err != nil {
		return 0, err
	}
	line, err := w.line()
	if err != nil {
		return 0, err
	}
	if len(line) < 12 || string(line[:7]) != "HTTP/1." {
		return 0, fmt.Errorf("%.40q begins no HTTP answer", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, fmt.Errorf("%.40q has no status", line)
	}
	length, err := w.head()
	if err != nil {
		return status, err
	}
	keep := status != 200
	w.said, w.size = w.said[:0], 0
	if length >= 0 {
		return status, w.body(length, keep)
	}
	for {
		if line, err = w.line(); err != nil {
			return status, err
		}
		n, err := strconv.ParseInt(string(line), 16, 32)
		if err != nil || n < 0 {
			return status, fmt.Errorf("%.40q is no chunk's size", line)
		}
		if err := w.body(int(n), keep); err != nil {
			return status, err
		}
		if _, err := w.line(); err != nil {
			return status, err
		}
		if n == 0 {
			return status, nil
		}
	}
}

// head reads the header and returns the body's length, -1 when it is chunked.
func (w *wire) head() (length int, err error) {
	length = -2
	for {
		line, err := w.line()
		if err != nil {
			return 0, err
		}
		if len(line) == 0 {
			break
		}
		switch line[0] {
		case 'C', 'c':
			if v, ok := field(line, "content-length"); ok {
				if length, err = strconv.Atoi(v); err != nil || length < 0 {
					return 0, fmt.Errorf("%.40q is no length", line)
				}
			}
		case 'T', 't':
			if v, ok := field(line, "transfer-encoding"); ok && v == "chunked" {
				length = -1
			}
		}
	}
	if length == -2 {
		return 0, errors.New("the answer does not say where it ends")
	}
	return length, nil
}

func field(line []byte, name string) (string, bool) {
	if len(line) <= len(name) || line[len(name)] != ':' || !strings.EqualFold(string(line[:len(name)]), name) {
		return "", false
	}
	return string(bytes.TrimSpace(line[len(name)+1:])), true
}

func (w *wire) line() ([]byte, error) {
	line, err := w.r.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

const mostSaid = 64 << 10

func (w *wire) body(n int, keep bool) error {
	w.size += n
	if keep && len(w.said)+n <= mostSaid {
		at := len(w.said)
		w.said = append(w.said, make([]byte, n)...)
		_, err := io.ReadFull(w.r, w.said[at:])
		return err
	}
	_, err := w.r.Discard(n)
	return err
}
