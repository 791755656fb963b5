package http

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// errPlace is why a connection or a redirect was not followed.
var errPlace = errors.New("a place that base_url does not name")

// client makes the one client of the service. Its transport keeps as many idle
// connections as calls run at once: the default of two would open one a call.
func (s *service) client() *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	if !s.private && !inward(s.base.Hostname()) {
		// Looked at after the name is resolved, so that a name cannot turn inward later.
		dialer.Control = func(_, address string, _ syscall.RawConn) error {
			if at, err := netip.ParseAddrPort(address); err != nil || notPublic(at.Addr()) {
				return fmt.Errorf("%w: %s is an address of a private network", errPlace, address)
			}
			return nil
		}
	}
	return &http.Client{
		Transport: &http.Transport{
			DialContext:  dialer.DialContext, // no proxy: it would go elsewhere
			MaxIdleConns: 1024, MaxIdleConnsPerHost: 512, IdleConnTimeout: 90 * time.Second,
			TLSHandshakeTimeout: 10 * time.Second, ExpectContinueTimeout: time.Second,
			MaxResponseHeaderBytes: 256 << 10, ForceAttemptHTTP2: true,
			ReadBufferSize: 16 << 10, WriteBufferSize: 16 << 10,
			DisableCompression: true, // the size limit is on what arrives
		},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if req.URL.Scheme != s.base.Scheme || hostPort(req.URL) != hostPort(s.base) {
				return fmt.Errorf("%w: it redirects to %s", errPlace, req.URL.Host)
			}
			if len(via) >= 5 {
				return errors.New("it redirects more than five times")
			}
			return nil
		},
	}
}

// hostPort is a URL's host with its port spelled out.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// inward reports whether a host as it is written is this machine or an address
// of a private network.
func inward(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && notPublic(a)
}

// notPublic reports whether an address is none that the internet routes.
func notPublic(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return true // unspecified, loopback, multicast, link-local, RFC 1918, fc00::/7
	}
	for _, p := range special {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// special are further blocks of the IANA special-purpose registries, and those
// that carry an IPv4 address inside.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("2001::/32"),
}
