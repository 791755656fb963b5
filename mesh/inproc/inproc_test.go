package inproc

import (
	"context"
	"errors"
	"testing"

	"github.com/crank-platform/crank"
)

func TestACallReachesTheAddressOfItsOffer(t *testing.T) {
	var m Mesh
	m.Listen("inproc:a", func(_ context.Context, c crank.Call, _ crank.Offer, sink func(crank.Chunk) error) (crank.Result, error) {
		return crank.Result{Output: c.Input}, sink(crank.Chunk{Data: []byte("x")})
	})
	streamed := ""
	r, err := m.Send(t.Context(), crank.Call{Input: []byte("1")}, crank.Offer{Address: "inproc:a"}, func(c crank.Chunk) error {
		streamed += string(c.Data)
		return nil
	})
	if err != nil || string(r.Output) != "1" || streamed != "x" {
		t.Errorf("answer %s, stream %q, %v", r.Output, streamed, err)
	}
	m.Close("inproc:a")
	if _, err := m.Send(t.Context(), crank.Call{}, crank.Offer{Address: "inproc:a"}, nil); !errors.Is(err, crank.E(crank.CodeWorkerGone, "")) {
		t.Errorf("a closed address gives %v", err)
	}
}
