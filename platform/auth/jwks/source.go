package jwks

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/crank-platform/crank"
)

const (
	fetchTimeout = 5 * time.Second
	retryEvery   = 30 * time.Second // how often tokens may cause a reading
	maxKeySet    = 1 << 20          // bytes of a key set
)

// source keeps one issuer's keys.
type source struct {
	fetch   func(context.Context) ([]byte, error)
	maxAge  time.Duration
	now     func() time.Time
	current atomic.Pointer[kept] // nil before the first reading that went well
	flight  singleflight.Group
	asked   atomic.Int64 // when tokens last caused a reading, microseconds since 1970
}

type kept struct {
	keySet
	at time.Time
}

func newSource(i Issuer, rt http.RoundTripper, now func() time.Time) *source {
	s := &source{maxAge: i.MaxAge, now: now}
	if i.KeysFile != "" {
		s.fetch = func(context.Context) ([]byte, error) { return fromFile(i.KeysFile) }
		return s
	}
	client := &http.Client{Transport: rt, Timeout: fetchTimeout, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) > 3 {
			return fmt.Errorf("more than 3 redirects")
		}
		return checkURL(r.URL.String())
	}}
	s.fetch = func(ctx context.Context) ([]byte, error) { return fromURL(ctx, client, i.KeysURL) }
	return s
}

// find returns the keys that may have signed under kid and alg. A kid that nobody
// knows makes it read the keys anew, but not more often than retryEvery, so that
// made-up tokens cannot flood the provider. Known keys never wait for a reading.
func (s *source) find(ctx context.Context, kid, alg string) ([]any, error) {
	if found := s.look(kid, alg); len(found) > 0 {
		return found, nil
	}
	failed := s.ask(ctx)
	if found := s.look(kid, alg); len(found) > 0 {
		return found, nil
	}
	if k := s.current.Load(); k != nil && s.fresh(k) {
		return nil, crank.E(crank.CodeTokenInvalid, "the token is signed with a key that its issuer does not publish for %s", alg)
	}
	if ctx.Err() != nil {
		return nil, crank.Wrap(crank.CodeDeadline, ctx.Err(), "the caller left while the issuer's keys were read")
	}
	e := crank.E(crank.CodeTokenInvalid, "the issuer's keys cannot be had just now, so the token cannot be verified").
		Mending("Try again in a minute; if it persists, have the operator look at the issuer's key set.").After(retryEvery)
	e.Retryable, e.Cause = true, failed
	return nil, e
}

func (s *source) look(kid, alg string) []any {
	if k := s.current.Load(); k != nil && s.fresh(k) {
		return k.find(kid, alg)
	}
	return nil
}

func (s *source) fresh(k *kept) bool { return s.now().Sub(k.at) < s.maxAge }

// ask reads the keys on behalf of a token, unless that was done just now.
func (s *source) ask(ctx context.Context) error {
	flight := s.flight.DoChan("", func() (any, error) {
		now := s.now().UnixMicro()
		if last := s.asked.Load(); last != 0 && now >= last && now-last < retryEvery.Microseconds() {
			return nil, nil
		}
		s.asked.Store(now)
		// The first to ask may leave; the others still want the keys.
		return nil, s.refresh(context.WithoutCancel(ctx))
	})
	select {
	case r := <-flight:
		return r.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// refresh reads the keys anew; when that fails, those that stand go on serving.
func (s *source) refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	at := s.now()
	text, err := s.fetch(ctx)
	if err != nil {
		return err
	}
	set, err := parseSet(text)
	if err != nil {
		return err
	}
	s.current.Store(&kept{set, at})
	return nil
}

func fromFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return limited(f)
}

func fromURL(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", url, answer.Status)
	}
	return limited(answer.Body)
}

func limited(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxKeySet+1))
	if err == nil && len(b) > maxKeySet {
		err = fmt.Errorf("the key set is longer than %d bytes", maxKeySet)
	}
	return b, err
}

func transport() http.RoundTripper {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    fetchTimeout,
		ResponseHeaderTimeout:  fetchTimeout,
		IdleConnTimeout:        time.Minute,
		MaxIdleConns:           4,
		MaxResponseHeaderBytes: 64 << 10,
	}
}
