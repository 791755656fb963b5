package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/api/status"
	client "github.com/crank-platform/crank/sdk/go"
)

func node(t *testing.T, h http.HandlerFunc) *client.Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c := client.New(client.Config{URL: s.URL + "/", Key: " secret\n"})
	t.Cleanup(c.Close)
	return c
}

func TestEverythingOfACallArrives(t *testing.T) {
	c := node(t, func(w http.ResponseWriter, r *http.Request) {
		want := map[string]string{
			"Authorization": "Bearer secret", "Idempotency-Key": "k1", "Crank-Timeout": "30s", "Crank-Max-Price": "0.50 USD",
			"Crank-Prefer": "cost", "Crank-Residency": "eu", "Crank-Quote": "quote_1", "Accept": "application/vnd.crank.answer+json",
		}
		for k, v := range want {
			if got := r.Header.Get(k); got != v {
				t.Errorf("header %s is %q, want %q", k, got, v)
			}
		}
		if tags := r.Header.Values("Crank-Tag"); strings.Join(tags, ";") != "a=1;b=2" {
			t.Errorf("tags are %q", tags)
		}
		if r.URL.Path != "/v1/call/document/convert@1" {
			t.Errorf("path is %s", r.URL.Path)
		}
		if err := r.ParseMultipartForm(1 << 20); err != nil {
			t.Error(err)
			return
		}
		if r.FormValue("input") != `{"a":1}` || r.FormValue("to") != "html" {
			t.Errorf("form is %v", r.Form)
		}
		f, h, err := r.FormFile("file")
		if err != nil {
			t.Error(err)
			return
		}
		body, _ := io.ReadAll(f)
		if string(body) != "bytes" || h.Filename != "a b.docx" || h.Header.Get("Content-Type") != "text/plain" {
			t.Errorf("file is %q of %v", body, h.Header)
		}
		_ = json.NewEncoder(w).Encode(crank.Answer{Output: json.RawMessage(`{"ok":true}`), Receipt: crank.Receipt{ID: "rcpt_1"}, Replayed: true})
	})
	a, err := c.Call(t.Context(), client.CallRequest{
		Capability: "document/convert@1", Input: json.RawMessage(`{"a":1}`), Params: map[string]string{"to": "html"},
		Files:          []client.File{{Name: "a b.docx", MediaType: "text/plain", Content: strings.NewReader("bytes")}},
		IdempotencyKey: "k1", Timeout: 30 * time.Second, MaxPrice: crank.Money{Micros: 500_000, Asset: "USD"},
		Prefer: "cost", Residency: "eu", Quote: "quote_1", Tags: map[string]string{"b": "2", "a": "1"},
	})
	if err != nil || string(a.Output) != `{"ok":true}` || a.Receipt.ID != "rcpt_1" || !a.Replayed {
		t.Errorf("answer is %+v, %v", a, err)
	}
}

func TestAnErrorOfTheNodeKeepsAllThatItSays(t *testing.T) {
	c := node(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Crank-Receipt", "rcpt_9")
		w.Header().Set("Crank-Price", "0.00 USD")
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusPaymentRequired)
		io.WriteString(w, `{"type":"x","title":"t","status":402,"detail":"the team has 0.00 USD left","code":"CRK-3101","kind":"exhausted","mend":"raise it","retryable":true,"retry_after_s":1.5,"faults":[{"path":"/team","reason":"spent"}]}`)
	})
	a, err := c.Call(t.Context(), client.CallRequest{Capability: "a/b"})
	e := crank.AsError(err)
	if e.Code != crank.CodeBudgetExhausted || e.Kind != crank.KindExhausted || e.Mend != "raise it" || !e.Retryable ||
		e.RetryAfter != 1500*time.Millisecond || len(e.Faults) != 1 || e.Message != "the team has 0.00 USD left" {
		t.Errorf("error is %+v", e)
	}
	if status.Of(err).Exit != 6 {
		t.Errorf("exit code is %d", status.Of(err).Exit)
	}
	if a.Receipt.ID != "rcpt_9" || a.Receipt.Price.Asset != "USD" {
		t.Errorf("the failed call's receipt is %+v", a.Receipt)
	}
}

func TestACodeOfANewerNodeKeepsItsKind(t *testing.T) {
	c := node(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, `{"detail":"new","code":"CRK-2999","kind":"denied"}`)
	})
	if _, err := c.WhoAmI(t.Context()); crank.KindOf(err) != crank.KindDenied {
		t.Errorf("error is %v", err)
	}
}

func TestWhatIsNoNodeIsTold(t *testing.T) {
	c := node(t, func(w http.ResponseWriter, r *http.Request) { http.Error(w, "<html>", http.StatusServiceUnavailable) })
	_, err := c.WhoAmI(t.Context())
	if crank.KindOf(err) != crank.KindUnavailable || !strings.Contains(err.Error(), "no Crank node") {
		t.Errorf("error is %v", err)
	}
}

func TestNoNodeIsUnavailableAndABrokenCallUnknown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c := client.New(client.Config{URL: "http://" + l.Addr().String()})
	if _, err := c.Call(t.Context(), client.CallRequest{Capability: "a/b"}); crank.KindOf(err) != crank.KindUnavailable {
		t.Errorf("without a node: %v", err)
	}
	c = node(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if _, err := c.Call(t.Context(), client.CallRequest{Capability: "a/b"}); crank.KindOf(err) != crank.KindUnknownOutcome {
		t.Errorf("with a node that fell over: %v", err)
	}
	if _, err := c.WhoAmI(t.Context()); crank.KindOf(err) != crank.KindUnavailable {
		t.Errorf("a question to a node that fell over: %v", err)
	}
}

func TestTheEndOfAContextIsADeadlineOrACancellation(t *testing.T) {
	c := node(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // a server sees its client leave only then
		<-r.Context().Done()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Call(ctx, client.CallRequest{Capability: "a/b"}); crank.KindOf(err) != crank.KindDeadlineExceeded {
		t.Errorf("past the deadline: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if _, err := c.Call(ctx, client.CallRequest{Capability: "a/b"}); crank.KindOf(err) != crank.KindCancelled {
		t.Errorf("cancelled: %v", err)
	}
}

func TestAStreamGivesItsPartsInOrderAndEndsWithTheAnswer(t *testing.T) {
	c := node(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "event: chunk\ndata: one\ndata: two\n\nevent: page\nid: 3\ndata: 7\n\n: a comment\n\nevent: answer\ndata: {\"output\":[1],\"receipt\":{\"id\":\"rcpt_2\"}}\n\n")
	})
	var got []string
	a, err := c.Stream(t.Context(), client.CallRequest{Capability: "a/b"}, func(ch crank.Chunk) error {
		got = append(got, ch.Event+"|"+string(ch.Data))
		return nil
	})
	if err != nil || strings.Join(got, ";") != "|one\ntwo;page|7" || a.Receipt.ID != "rcpt_2" {
		t.Errorf("chunks %q, answer %+v, %v", got, a, err)
	}
}

func TestAStreamThatStopsShortIsNoAnswer(t *testing.T) {
	c := node(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "event: chunk\ndata: one\n\n") })
	_, err := c.Stream(t.Context(), client.CallRequest{Capability: "a/b"}, func(crank.Chunk) error { return nil })
	if crank.KindOf(err) != crank.KindUnknownOutcome {
		t.Errorf("error is %v", err)
	}
	c = node(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "event: error\ndata: {\"code\":\"CRK-4007\",\"kind\":\"deadline_exceeded\",\"detail\":\"late\",\"receipt\":\"rcpt_3\"}\n\n")
	})
	a, err := c.Stream(t.Context(), client.CallRequest{Capability: "a/b"}, func(crank.Chunk) error { return nil })
	if crank.KindOf(err) != crank.KindDeadlineExceeded || a.Receipt.ID != "rcpt_3" {
		t.Errorf("answer %+v, error %v", a, err)
	}
}

func TestAFileThatCannotBeReadEndsTheCall(t *testing.T) {
	c := node(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	_, err := c.Call(t.Context(), client.CallRequest{Capability: "a/b", Files: []client.File{{Name: "x", Content: broken{}}}})
	if crank.AsError(err).Code != crank.CodeMalformedFile {
		t.Errorf("error is %v", err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the disk is gone") }

func TestOtherBytesThanTheDigestSaysAreFound(t *testing.T) {
	c := node(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "other") })
	if _, err := c.GetBlob(t.Context(), crank.Digest{1}, io.Discard); crank.AsError(err).Code != crank.CodeBlobDigest {
		t.Errorf("error is %v", err)
	}
}

func TestTheKeyDoesNotFollowARedirect(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { t.Error("the redirect was followed") }))
	defer elsewhere.Close()
	c := node(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	if _, err := c.WhoAmI(t.Context()); err == nil {
		t.Error("a redirect is taken for an answer")
	}
}

func TestANodeAnswersOverItsSocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "crk") // t.TempDir may be longer than a socket's path can be
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Skipf("no Unix sockets here: %v", err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"tenant":"ten_1","method":"key","roles":["caller"]}`)
	})}
	go s.Serve(l)
	defer s.Close()
	p, err := client.New(client.Config{Socket: path}).WhoAmI(t.Context())
	if err != nil || p.Tenant != "ten_1" {
		t.Errorf("principal %+v, %v", p, err)
	}
}
