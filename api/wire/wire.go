// Package wire carries a module's Service between processes: Connect's unary
// protocol over HTTP with CBOR bodies, plain Go structs, and crank errors that
// arrive as they left.
//
// It owns the codec, the errors and who may speak. It does not own any
// procedure: each module's rpc folder names its own. Both ends are the same
// version of Crank; a message with a field that the other does not know is
// refused rather than half understood.
package wire

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/crank-platform/crank"
)

// MaxMessage is the largest message, in bytes.
const MaxMessage = 16 << 20

// Server offers procedures to whoever has the token. Status gives an error's
// gRPC code (api/status has the table). It is used up by its handlers: fill it
// before Handle.
type Server struct {
	Token  string // of at least one byte: without a token nobody is let in
	Status func(error) uint32
	mux    http.ServeMux
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Handle offers f as a procedure, "/package.Service/Method".
func Handle[Req, Res any](s *Server, procedure string, f func(context.Context, Req) (Res, error)) {
	want := sha256.Sum256([]byte(s.Token))
	gate := func(ctx context.Context, _ connect.Spec, _ connect.Peer, header http.Header) (context.Context, error) {
		token, ok := strings.CutPrefix(header.Get("Authorization"), "Bearer ")
		got := sha256.Sum256([]byte(token)) // of one length, so that time tells nothing
		if subtle.ConstantTimeCompare(got[:], want[:]) != 1 || !ok || s.Token == "" {
			return ctx, s.toWire(crank.E(crank.CodeUnauthenticated, "this door needs the node's token"))
		}
		return ctx, nil
	}
	s.mux.Handle(procedure, connect.NewUnaryHandler(procedure, func(ctx context.Context, r *connect.Request[Req]) (*connect.Response[Res], error) {
		res, err := f(ctx, *r.Msg)
		if err != nil {
			return nil, s.toWire(err)
		}
		return connect.NewResponse(&res), nil
	}, connect.WithCodec(codec{}), connect.WithReadMaxBytes(MaxMessage), connect.WithRequestGate(gate)))
}

// Client reaches a Server.
type Client struct {
	URL    string     // such as "http://127.0.0.1:7070"; no slash at its end
	Token  string     // the Server's
	HTTP   HTTP       // nil means NewHTTP()
	Failed crank.Code // of an error that never came from the Server; zero means CodeStore
}

// HTTP sends a request; *http.Client does.
type HTTP interface {
	Do(*http.Request) (*http.Response, error)
}

// NewHTTP returns a client for many short calls to one host: 256 connections
// stay open. It gives up where a host says nothing for 30 seconds; a context's
// deadline is sooner.
func NewHTTP() *http.Client {
	return &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost:   256,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		DisableCompression:    true,
	}}
}

// Procedure makes a procedure of the Server a function.
func Procedure[Req, Res any](c Client, procedure string) func(context.Context, Req) (Res, error) {
	if c.HTTP == nil {
		c.HTTP = NewHTTP()
	}
	if c.Failed == "" {
		c.Failed = crank.CodeStore
	}
	call := connect.NewClient[Req, Res](c.HTTP, c.URL+procedure,
		connect.WithCodec(codec{}), connect.WithReadMaxBytes(MaxMessage), connect.WithAcceptCompression("gzip", nil, nil))
	bearer := "Bearer " + c.Token
	return func(ctx context.Context, req Req) (res Res, err error) {
		r := connect.NewRequest(&req)
		r.Header().Set("Authorization", bearer)
		answer, err := call.CallUnary(ctx, r)
		if err != nil {
			return res, fromWire(ctx, err, c.Failed, c.URL)
		}
		return *answer.Msg, nil
	}
}
