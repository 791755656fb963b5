package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crank-platform/crank/app"
	"github.com/crank-platform/crank/kit/child"
)

func TestMain(m *testing.M) {
	child.Main()
	if served, err := app.ServeChild(); served {
		end(err)
	}
	if len(os.Args) == 3 && os.Args[1] == "role" {
		end(Serve(context.Background(), os.Args[2], os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

func end(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func TestABenchSeesEveryCallAnsweredAndTellsWhatItCost(t *testing.T) {
	ways := []string{Direct, Proxy, HTTP, Inproc, MailInproc, MailProcess}
	r, err := Run(t.Context(), Options{Dir: t.TempDir(), Total: time.Millisecond, Rounds: 1, Conns: []int{1, 4}, Only: ways, Out: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Closed) != 2*len(ways) || len(r.Open) != len(ways)-1 {
		t.Fatalf("%d closed and %d open rows", len(r.Closed), len(r.Open))
	}
	for _, c := range r.Closed {
		governed := c.Target != Direct && c.Target != Proxy
		switch {
		case c.Requests == 0 || c.P50 <= 0 || c.P99 < c.P50:
			t.Errorf("%s at %d: %+v", c.Target, c.Conns, c)
		case governed && (c.CPU <= 0 || c.Mallocs <= 0):
			t.Errorf("what %s costs is not known: %+v", c.Target, c)
		case c.Target == Proxy && c.OfProxy != 1:
			t.Errorf("the proxy is %v of itself", c.OfProxy)
		}
	}
	for _, write := range []func(io.Writer) error{r.Text, r.Markdown} {
		var text strings.Builder
		if err := write(&text); err != nil {
			t.Fatal(err)
		}
		for _, way := range ways {
			if strings.Count(text.String(), way) < 2 {
				t.Errorf("%s is not told of in\n%s", way, text.String())
			}
		}
	}
}

func TestAJournalRunMeasuresEveryStep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	r, err := Journal(t.Context(), JournalOptions{Dir: dir, Records: leastRecords, Out: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if r.Append <= 0 || r.Start <= 0 || r.Restart <= 0 || r.Proof.P50 <= 0 || r.ProofTwo.P50 <= 0 || len(r.Queries) < 8 {
		t.Errorf("%+v", r)
	}
	if r.Pruned == 0 || r.Pruned != r.Archived {
		t.Errorf("%d records archived, %d pruned", r.Archived, r.Pruned)
	}
	if _, err := Journal(t.Context(), JournalOptions{Dir: dir, Records: leastRecords, Out: io.Discard}); err == nil {
		t.Error("a directory that is there already was filled again")
	}
}

func TestQuantilesAreAtMostTwoPercentHigh(t *testing.T) {
	var h histogram
	var all []time.Duration
	for i := range 10_000 {
		d := time.Duration(i*i*37 + i)
		h.add(d)
		all = append(all, d)
	}
	slices.Sort(all)
	for _, q := range []float64{0.001, 0.1, 0.5, 0.9, 0.99, 1} {
		exact, got := all[int(q*10_000)-1], h.quantile(q)
		if got < exact || float64(got) > 1.02*float64(exact)+1 {
			t.Errorf("quantile %v is %v, told as %v", q, exact, got)
		}
	}
	if (&histogram{}).quantile(0.5) != 0 {
		t.Error("nothing has a quantile")
	}
}

func TestEveryDurationFallsBelowItsBucketsEnd(t *testing.T) {
	for d := time.Duration(1); d < 10*time.Minute; d = d*5/4 + 1 {
		i := bucket(d)
		if upper(i) < d || i > 0 && upper(i-1) >= d {
			t.Errorf("%d falls into bucket %d, which ends at %d", d, i, upper(i))
		}
	}
}

func TestTheWireReadsPlainAndChunkedAnswersInTurn(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		switch r.URL.Path {
		case "/refused":
			http.Error(w, "no: "+r.Header.Get("Authorization"), http.StatusForbidden)
		case "/chunked":
			for range 3 {
				w.Write(body)
				http.NewResponseController(w).Flush()
			}
		default:
			w.Write(body)
		}
	}))
	defer s.Close()
	address := strings.TrimPrefix(s.URL, "http://")
	w, err := dial(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, c := range []struct {
		path   string
		status int
		size   int
	}{{"/", 200, 1024}, {"/chunked", 200, 3 * 1024}, {"/refused", 403, 14}, {"/", 200, 1024}} {
		status, err := w.call(post(address, c.path, "secret", echoBody()))
		if err != nil || status != c.status || c.status == 200 && w.size != c.size {
			t.Errorf("%s: status %d, %d bytes, %v", c.path, status, w.size, err)
		}
		if c.status == 403 && !strings.Contains(string(w.said), "no: Bearer secret") {
			t.Errorf("the refusal is told as %q", w.said)
		}
	}
}

func FuzzTheWireSurvivesAnyAnswer(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 500 No\r\nContent-Length: 99999999999\r\n\r\n"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		w := &wire{Conn: deaf{}, r: bufio.NewReader(bytes.NewReader(answer))}
		if _, err := w.call(nil); err == nil && w.size > len(answer) {
			t.Errorf("%d bytes were read of %d", w.size, len(answer))
		}
	})
}

// deaf is a connection that takes whatever is written.
type deaf struct{ net.Conn }

func (deaf) Write(p []byte) (int, error) { return len(p), nil }

func TestAnOpenLoopCountsTheWaitingOfRequestsThatWereDue(t *testing.T) {
	const pause = 30 * time.Millisecond
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(pause)
		w.Write([]byte("{}"))
	}))
	defer s.Close()
	address := strings.TrimPrefix(s.URL, "http://")
	g := generator{map[string][]*wire{}}
	defer g.close()
	l := Load{Address: address, Request: post(address, "/", "", []byte("{}")), Conns: 1, Time: 500 * time.Millisecond}
	closed, err := g.run(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	l.Rate = 200 // six times what one connection can do
	open, err := g.run(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	if open.Failed+closed.Failed > 0 {
		t.Fatal(open.Why, closed.Why)
	}
	if open.P99 < 10*closed.P50 || open.Late < 10*closed.P50 {
		t.Errorf("a queue is hidden: closed p50 %s; open p99 %s, late by %s", closed.P50, open.P99, open.Late)
	}
}

func TestAFailureIsAFailureAndNotASlowAnswer(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	address := strings.TrimPrefix(s.URL, "http://")
	g := generator{map[string][]*wire{}}
	defer g.close()
	got, err := g.run(t.Context(), Load{Address: address, Request: post(address, "/", "", nil), Conns: 2, Time: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if got.Requests != 0 || got.Failed == 0 || !strings.Contains(got.Why, "404") {
		t.Errorf("%+v", got)
	}
}

func TestARoleEndsWithItsInput(t *testing.T) {
	p, err := startProcess(t.Context(), "upstream", setup{})
	if err != nil {
		t.Fatal(err)
	}
	if u, err := p.usage(); err != nil || u.CPU <= 0 {
		t.Errorf("used %v, %v", u, err)
	}
	if err := p.end(); err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", p.Address); err == nil {
		t.Error("the role serves on")
	}
	if err := Serve(t.Context(), "nobody", strings.NewReader("{}"), io.Discard); err == nil {
		t.Error("an unknown role was served")
	}
	var told bytes.Buffer
	err = Serve(t.Context(), "node", strings.NewReader(`{"Dir":"/dev/null/x"}`), &told)
	if err == nil || !strings.Contains(told.String(), "Failed") {
		t.Errorf("a node without a directory: %v, told %s", err, told.String())
	}
}

func TestCPUOfAnotherProcessIsRead(t *testing.T) {
	used, err := treeCPU(os.Getpid(), true)
	if err != nil {
		t.Skip("this system does not tell:", err)
	}
	own, err := ownCPU()
	if err := errors.Join(err); err != nil {
		t.Fatal(err)
	}
	if used > 0 && (own < used/2 || own > 2*used+time.Second) {
		t.Errorf("the process says %s, the system %s", own, used)
	}
}
