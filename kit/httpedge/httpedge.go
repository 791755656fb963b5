// Package httpedge refuses, before net/http reads it, what HTTP/1 servers and
// proxies read in different ways.
//
// It owns a strict reading of message framing (RFC 9112): where a head ends,
// where a body ends. What it refuses never reaches net/http as it was sent:
// a line that ends in a bare LF or CR, a folded line (obs-fold), a
// Content-Length that comes twice, is no plain number or stands beside
// Transfer-Encoding, a coding other than chunked, two Host fields, a space
// before a colon, control characters, chunk extensions, trailers and chunk sizes
// that are no plain hex number, empty lines before a request, any version but
// HTTP/1.0 and HTTP/1.1. It does not own limits of size and time (net/http's
// MaxHeaderBytes and timeouts hold: nothing is buffered here), TLS or HTTP/2:
// put it above TLS, and offer "http/1.1" alone there.
package httpedge

import (
	"errors"
	"net"
)

// Listener is a net.Listener whose connections are inspected.
type Listener struct {
	net.Listener
	refused func(why string)
}

// New wraps a listener. Refused hears why a connection was refused, once for
// each; it may be nil, and must be quick.
func New(l net.Listener, refused func(why string)) *Listener {
	return &Listener{l, refused}
}

// Accept waits for the next connection.
func (l *Listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &Conn{Conn: c, refused: l.refused}, nil
}

// ErrRefused is what a connection reads after a message that was refused.
var ErrRefused = errors.New("httpedge: the message is framed in a way that is refused")

// Conn passes on what a client sends, as long as it is well framed. It keeps the
// order of answers: a fault in a head becomes a byte that no HTTP/1 head may
// have, so net/http itself answers 400 once it has answered what came before. A
// fault in a body ends the reading with ErrRefused.
type Conn struct {
	net.Conn
	refused func(string)
	scan    scanner
	poison  string // what is left of it
	over    bool
}

// poison spoils every head that it ends, wherever it cuts it: NUL stands in no
// request line, field name or value, and does not join a CR before it to a line's end.
const poison = "\x00\r\n\r\n"

// Read reads what may be passed on.
func (c *Conn) Read(p []byte) (int, error) {
	if c.over {
		if c.poison == "" {
			return 0, ErrRefused
		}
		n := copy(p, c.poison)
		c.poison = c.poison[n:]
		return n, nil
	}
	n, err := c.Conn.Read(p)
	ok := c.scan.feed(p[:n])
	if ok == n {
		return n, err
	}
	c.over = true
	if c.refused != nil {
		c.refused(c.scan.why)
	}
	if c.scan.inHead() {
		c.poison = poison
	}
	if ok > 0 || len(p) == 0 {
		return ok, nil
	}
	return c.Read(p)
}

// CloseWrite ends what is sent, where the connection can: net/http closes in two
// steps, so that the last answer arrives.
func (c *Conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
