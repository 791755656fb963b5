// Package inproc is the mesh inside one process: an address is a name in a map,
// sending is a function call.
//
// It owns who answers at which address. It does not choose among offers (package
// routing) and runs no worker (package harness).
package inproc

import (
	"context"
	"sync"

	"github.com/crank-platform/crank"
)

// Handler answers the calls that arrive at an address.
type Handler func(ctx context.Context, call crank.Call, to crank.Offer, sink func(crank.Chunk) error) (crank.Result, error)

// Mesh delivers calls by address. The zero value has no address.
type Mesh struct{ handlers sync.Map }

// Listen gives an address a handler, in place of the one before.
func (m *Mesh) Listen(address string, h Handler) { m.handlers.Store(address, h) }

// Close takes an address away; calls under way go on.
func (m *Mesh) Close(address string) { m.handlers.Delete(address) }

// Send delivers a call to the address of an offer and waits for its answer;
// CodeWorkerGone when nobody listens there.
func (m *Mesh) Send(ctx context.Context, call crank.Call, to crank.Offer, sink func(crank.Chunk) error) (crank.Result, error) {
	h, ok := m.handlers.Load(to.Address)
	if !ok {
		return crank.Result{}, crank.E(crank.CodeWorkerGone, "nobody answers at %s", to.Address)
	}
	return h.(Handler)(ctx, call, to, sink)
}
