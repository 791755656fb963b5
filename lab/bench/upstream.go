package bench

import (
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// upstream is the HTTP worker that everything else is measured against: it gives
// back the JSON that it was given.
type upstream struct{}

var bodies = sync.Pool{New: func() any { return new([64 << 10]byte) }}

func (upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	buffer := bodies.Get().(*[64 << 10]byte)
	defer bodies.Put(buffer)
	n, err := io.ReadFull(r.Body, buffer[:])
	if err != io.ErrUnexpectedEOF && err != io.EOF {
		http.Error(w, "the body does not fit", http.StatusRequestEntityTooLarge)
		return
	}
	w.Header()["Content-Type"] = []string{"application/json"}
	w.Header()["Content-Length"] = []string{strconv.Itoa(n)}
	_, _ = w.Write(buffer[:n])
}

// newProxy is Go's reverse proxy with every connection kept: as good as it gets
// without writing another one.
func newProxy(address string, conns int) http.Handler {
	p := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address})
	p.Transport = &http.Transport{
		MaxIdleConns: 4 * conns, MaxIdleConnsPerHost: 4 * conns, IdleConnTimeout: 5 * time.Minute,
		DisableCompression: true,
	}
	p.BufferPool = &buffers{}
	return p
}

// buffers lends the proxy what it copies bodies with.
type buffers struct{ sync.Pool }

func (b *buffers) Get() []byte {
	if have, ok := b.Pool.Get().(*[]byte); ok {
		return *have
	}
	return make([]byte, 32<<10)
}

func (b *buffers) Put(p []byte) { b.Pool.Put(&p) }
