package httpedge

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// serve answers each request with its method, path and body, and counts them.
func serve(t *testing.T, refused func(string)) (addr string, served *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served = new(atomic.Int64)
	s := &http.Server{
		ReadHeaderTimeout: 2 * time.Second, ErrorLog: log.New(io.Discard, "", 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				w.WriteHeader(http.StatusUnprocessableEntity)
				return
			}
			served.Add(1)
			fmt.Fprintf(w, "%s %s %q", r.Method, r.URL.Path, body)
		}),
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.Serve(New(l, refused))
	}()
	t.Cleanup(func() { s.Close(); <-ended })
	return l.Addr().String(), served
}

// talk sends raw bytes, in pieces, and returns all that is answered.
func talk(t *testing.T, addr string, pieces ...string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for _, p := range pieces {
		if _, err := io.WriteString(c, p); err != nil {
			break // it was refused already
		}
		if len(pieces) > 1 {
			time.Sleep(time.Millisecond)
		}
	}
	if half, ok := c.(*net.TCPConn); ok {
		_ = half.CloseWrite()
	}
	answer, _ := io.ReadAll(c)
	return string(answer)
}

const host = "Host: x\r\n"

// wellFramed are messages that pass, and how many requests each holds.
var wellFramed = map[string]int{
	"GET / HTTP/1.1\r\n" + host + "\r\n":                                                                1,
	"GET /a HTTP/1.0\r\n\r\n":                                                                           1,
	"GET /\xc3\xa4 HTTP/1.1\r\nHost:x\r\nX: \t a b \xff\t\r\nY:\r\n\r\n":                                1,
	"POST /b HTTP/1.1\r\n" + host + "content-LENGTH: \t5 \r\n\r\nhello":                                 1,
	"POST /c HTTP/1.1\r\n" + host + "Transfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n":         1,
	"POST /d HTTP/1.1\r\n" + host + "Content-Length: 003\r\n\r\nabcGET /e HTTP/1.1\r\n" + host + "\r\n": 2,
	"POST /f HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n00a\r\n0123456789\r\n1\r\n!\r\n000\r\n\r\nGET /g HTTP/1.1\r\n" + host + "\r\n": 2,
	"GET /h HTTP/1.1\r\n" + host + "Content-Length: 0\r\n\r\nGET /i HTTP/1.1\r\n" + host + "\r\n":                                                     2,
	"POST /j HTTP/1.1\r\n" + host + "Content-Length: 2\r\n\r\n\r\nGET /k HTTP/1.1\r\n" + host + "\r\n":                                                2,
}

// badHeads are refused with 400, whatever net/http makes of them.
var badHeads = map[string]string{
	"both lengths":             "POST / HTTP/1.1\r\n" + host + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"both lengths, turned":     "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
	"two lengths":              "POST / HTTP/1.1\r\n" + host + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
	"the same length twice":    "POST / HTTP/1.1\r\n" + host + "Content-Length: 3\r\ncontent-length: 3\r\n\r\nabc",
	"a list of lengths":        "POST / HTTP/1.1\r\n" + host + "Content-Length: 3, 3\r\n\r\nabc",
	"a signed length":          "POST / HTTP/1.1\r\n" + host + "Content-Length: +3\r\n\r\nabc",
	"a negative length":        "POST / HTTP/1.1\r\n" + host + "Content-Length: -3\r\n\r\nabc",
	"a length beyond numbers":  "POST / HTTP/1.1\r\n" + host + "Content-Length: 9999999999999999999\r\n\r\nabc",
	"an empty length":          "POST / HTTP/1.1\r\n" + host + "Content-Length: \r\n\r\n",
	"bare LF in the head":      "GET / HTTP/1.1\r\nHost: x\nX: y\r\n\r\n",
	"bare LF after the line":   "GET / HTTP/1.1\nHost: x\r\n\r\n",
	"bare LF all over":         "GET / HTTP/1.1\nHost: x\n\n",
	"bare LF at the end":       "GET / HTTP/1.1\r\nHost: x\r\n\n",
	"a bare CR":                "GET / HTTP/1.1\r\nHost: x\rX: y\r\n\r\n",
	"a folded line":            "GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
	"a line folded with a tab": "GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n\tb\r\n\r\n",
	"a fold first":             "GET / HTTP/1.1\r\n Host: x\r\n\r\n",
	"a folded length":          "POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n 3\r\n\r\nabc",
	"two hosts":                "GET / HTTP/1.1\r\nHost: x\r\nhost: y\r\n\r\n",
	"a space before the colon": "POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 3\r\n\r\nabc",
	"no name":                  "GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n",
	"no colon":                 "GET / HTTP/1.1\r\nHost: x\r\nX\r\n\r\n",
	"NUL in a value":           "GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
	"another coding":           "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
	"identity":                 "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: identity\r\n\r\n",
	"a coding with a tail":     "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked \x0b\r\n\r\n0\r\n\r\n",
	"two codings":              "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"a coding in HTTP/1.0":     "POST / HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"HTTP/0.9":                 "GET /\r\n\r\n",
	"HTTP/1.2":                 "GET / HTTP/1.2\r\n" + host + "\r\n",
	"HTTP/2 without TLS":       "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	"two spaces":               "GET  / HTTP/1.1\r\n" + host + "\r\n",
	"a space in the target":    "GET /a b HTTP/1.1\r\n" + host + "\r\n",
	"an empty line first":      "\r\nGET / HTTP/1.1\r\n" + host + "\r\n",
	"TLS":                      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}

func TestWellFramedRequestsPassHoweverTheyAreCut(t *testing.T) {
	addr, served := serve(t, func(why string) { t.Errorf("refused: %s", why) })
	for text, n := range wellFramed {
		whole := talk(t, addr, text)
		if got := strings.Count(whole, "HTTP/1.1 200") + strings.Count(whole, "HTTP/1.0 200"); got != n {
			t.Errorf("%q is answered %q", text, whole)
		}
		before := served.Load()
		talk(t, addr, strings.Split(text, "")...)
		if served.Load()-before != int64(n) {
			t.Errorf("%q, byte by byte, is %d requests", text, served.Load()-before)
		}
	}
}

func TestABadHeadIsAnsweredWith400AndNothingIsServed(t *testing.T) {
	var whys atomic.Int64
	addr, served := serve(t, func(string) { whys.Add(1) })
	for name, text := range badHeads {
		for _, pieces := range [][]string{{text}, {text[:len(text)/2], text[len(text)/2:]}} {
			answer := talk(t, addr, pieces...)
			if !strings.HasPrefix(answer, "HTTP/1.1 400 ") || strings.Count(answer, "HTTP/1.") != 1 {
				t.Errorf("%s: answered %q", name, answer)
			}
		}
	}
	if served.Load() != 0 || whys.Load() != int64(2*len(badHeads)) {
		t.Errorf("%d requests were served, %d connections refused of %d", served.Load(), whys.Load(), 2*len(badHeads))
	}
}

func TestWhatCameBeforeABadHeadIsAnsweredFirst(t *testing.T) {
	addr, _ := serve(t, nil)
	for name, bad := range badHeads {
		answer := talk(t, addr, "POST /first HTTP/1.1\r\n"+host+"Content-Length: 2\r\n\r\nhi"+bad)
		first, second := strings.Index(answer, `POST /first "hi"`), strings.Index(answer, "HTTP/1.1 400 ")
		if first < 0 || second < first {
			t.Errorf("%s: answered %q", name, answer)
		}
	}
}

func TestABadBodyNeverCountsAsWhole(t *testing.T) {
	addr, served := serve(t, nil)
	for _, body := range []string{
		"5;x=y\r\nhello\r\n0\r\n\r\n", "5\nhello\r\n0\r\n\r\n", "5\r\nhelloX\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n", "\r\n\r\n",
		"0x5\r\nhello\r\n0\r\n\r\n", "-1\r\n", "0000000000000005\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n0\r\nTrailer: x\r\n\r\n", "5\r\nhello\r\n0\r\n\n",
		"5\r\nhello\r\n0\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		answer := talk(t, addr, "POST / HTTP/1.1\r\n"+host+"Transfer-Encoding: chunked\r\n\r\n"+body)
		if strings.Contains(answer, " 200 ") || strings.Contains(answer, "smuggled") {
			t.Errorf("%q: answered %q", body, answer)
		}
	}
	if served.Load() != 0 {
		t.Errorf("%d requests were served", served.Load())
	}
}

// source is a connection that gives bytes in pieces.
type source struct {
	net.Conn
	data  []byte
	piece int
}

func (s *source) Read(p []byte) (int, error) {
	if len(s.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), s.piece)], s.data)
	s.data = s.data[n:]
	return n, nil
}

// agree reads what the edge lets through as net/http does, and fails when a
// message that both take ends elsewhere.
func agree(t *testing.T, data []byte, piece int) {
	t.Helper()
	var ends []int
	fed := 0
	whole := scanner{}
	whole.ended = func(offset int) { ends = append(ends, fed+offset) }
	passed := 0
	for rest := data; len(rest) > 0; {
		n := min(piece, len(rest))
		ok := whole.feed(rest[:n])
		passed += ok
		if ok < n {
			break
		}
		fed, rest = fed+n, rest[n:]
	}
	c := &Conn{Conn: &source{data: data, piece: piece}}
	var got bytes.Buffer
	r := bufio.NewReader(io.TeeReader(c, &got))
	for i := 0; ; i++ {
		req, err := http.ReadRequest(r)
		if err == nil {
			_, err = io.Copy(io.Discard, req.Body)
		}
		end := got.Len() - r.Buffered()
		if err != nil {
			break
		}
		if i >= len(ends) || ends[i] != end {
			t.Fatalf("request %d of %q ends at %d for net/http, the edge says %v", i, data, end, ends)
		}
	}
	if !bytes.HasPrefix(data, got.Bytes()[:min(passed, got.Len())]) {
		t.Fatalf("%q became %q", data, got.Bytes())
	}
}

func FuzzTheEdgeAndNetHTTPAgreeWhereMessagesEnd(f *testing.F) {
	for text := range wellFramed {
		f.Add([]byte(text), 7)
	}
	for _, text := range badHeads {
		f.Add([]byte(text), 64)
		f.Add([]byte("POST / HTTP/1.1\r\n"+host+"Content-Length: 1\r\n\r\nx"+text), 3)
	}
	f.Fuzz(func(t *testing.T, data []byte, piece int) {
		agree(t, data, max(1, piece&0xff))
	})
}

// request is a head as clients send it, with a body of 1 KiB.
var request = []byte("POST /v1/call/document/convert?to=md HTTP/1.1\r\nHost: 127.0.0.1:7272\r\nUser-Agent: Go-http-client/1.1\r\n" +
	"Content-Length: 1024\r\nAccept: text/html,application/json\r\nAuthorization: Bearer crank_0123456789abcdefghijklmnopqrstuvwxyz0123456789\r\n" +
	"Content-Type: text/markdown\r\nIdempotency-Key: 0f9d7b32-55f4-4f8e-9a90-2ad1c3ab72f1\r\nAccept-Encoding: gzip\r\n\r\n" + strings.Repeat("x", 1024))

func TestInspectingAllocatesNothing(t *testing.T) {
	var s scanner
	if n := testing.AllocsPerRun(100, func() {
		if s.feed(request) != len(request) {
			t.Fatal("refused")
		}
	}); n != 0 {
		t.Errorf("%v allocations a request", n)
	}
}

func BenchmarkInspect(b *testing.B) {
	var s scanner
	b.SetBytes(int64(len(request)))
	b.ReportAllocs()
	for b.Loop() {
		if s.feed(request) != len(request) {
			b.Fatal("refused")
		}
	}
}
