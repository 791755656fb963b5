package harness_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/harness"
)

// TestAWorkerMeasuresItself runs in-process: the clock of a bubble is exact.
func TestAWorkerMeasuresItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, err := harness.New(harness.Config{Isolation: harness.Inproc}, odd{})
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		do := func(what string) {
			input, _ := json.Marshal(map[string]string{"do": what})
			_, _ = h.Handle(t.Context(), crank.Call{Capability: "odd/do@1", Input: input, Deadline: time.Now().Add(time.Minute)}, crank.Offer{}, nil)
		}
		do("well")
		if s := h.SLO("odd/do@1"); s != (crank.SLO{}) {
			t.Errorf("one call says %+v", s)
		}
		for i := range 99 {
			switch {
			case i%10 == 9:
				do("panic")
			case i%10 == 8:
				do("known") // the input's fault, not the worker's
			default:
				time.Sleep(time.Second)
				do("well")
			}
		}
		s := h.SLO("odd/do@1")
		if s.Availability < 890_000 || s.Availability > 910_000 || s.Throughput < 1000 || s.Throughput > 1300 || s.P50 > s.P99 {
			t.Errorf("a hundred calls say %+v", s)
		}
	})
}
