package rest

import (
	"io"
	"net/http"
	"time"
)

// patience is how long the door waits for more of a body: a client may be slow,
// as long as it goes on.
const patience = 30 * time.Second

// patient reads a body under a deadline that each byte moves on.
type patient struct {
	io.ReadCloser
	conn *http.ResponseController
}

func (p *patient) Read(b []byte) (int, error) {
	_ = p.conn.SetReadDeadline(time.Now().Add(patience)) // a writer that knows no deadline has none
	n, err := p.ReadCloser.Read(b)
	if err != nil {
		_ = p.conn.SetReadDeadline(time.Time{}) // what is read now is only whether the client has left
	}
	return n, err
}
