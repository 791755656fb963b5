package child

import (
	"bytes"
	"io"
	"os"
	"sync"
)

// capped takes a child's stdout up to a bound.
type capped struct {
	buf  bytes.Buffer
	to   io.Writer // nil: buf
	left int64
}

// drain reads until the last writer is gone; what is over the bound stops the
// child and is thrown away.
func (c *capped) drain(r *running) {
	chunk := make([]byte, 32<<10)
	w := c.to
	if w == nil {
		w = &c.buf
	}
	over := false
	for {
		n, err := r.stdout.Read(chunk)
		if !over && n > 0 {
			take := min(int64(n), c.left)
			c.left -= take
			if _, werr := w.Write(chunk[:take]); werr != nil {
				over = true
				r.stop(ByOutput, werr)
			} else if take < int64(n) {
				over = true
				r.stop(ByFlood, ErrFlooded)
			}
		}
		if err != nil {
			return
		}
	}
}

// feed copies from into a child's stdin and closes it. A child that does not
// read to the end is no fault.
func feed(stdin *os.File, from io.Reader) {
	if from != nil {
		io.Copy(stdin, from)
	}
	stdin.Close()
}

// tail keeps the last bytes written to it.
type tail struct {
	mu   sync.Mutex
	most int
	buf  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(p) >= t.most {
		t.buf = append(t.buf[:0], p[len(p)-t.most:]...)
		return len(p), nil
	}
	if over := len(t.buf) + len(p) - t.most; over > 0 {
		t.buf = t.buf[:copy(t.buf, t.buf[over:])]
	}
	t.buf = append(t.buf, p...)
	return len(p), nil
}

func (t *tail) bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Clone(t.buf)
}
