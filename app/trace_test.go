package app_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/crank-platform/crank/app"
	"github.com/crank-platform/crank/app/config"
)

func TestACallIsASpanThatContinuesItsCallersTrace(t *testing.T) {
	var mu sync.Mutex
	spans := map[string]string{} // trace id -> receipt
	otlp := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var batch collector.ExportTraceServiceRequest
		if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &batch) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for _, res := range batch.ResourceSpans {
			for _, scope := range res.ScopeSpans {
				for _, s := range scope.Spans {
					for _, a := range s.Attributes {
						if a.Key == "crank.receipt" {
							spans[string(s.TraceId)] = a.Value.GetStringValue()
						}
					}
				}
			}
		}
	}))
	defer otlp.Close()
	n := start(t, filepath.Join(t.TempDir(), "data"), app.Options{}, func(c *config.Config) {
		c.Workers, c.OTLP = []string{writeWorker(t, true)}, otlp.URL
	})
	a := n.do("POST", "/v1/call/shout/loud", `{"text":"a"}`, "Traceparent: 00-0102030405060708090a0b0c0d0e0f10-0102030405060708-01")
	if a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if got := spans["\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"]; got != a.Get("Crank-Receipt") {
		t.Errorf("the collector has %q under that trace, want %q of %v", got, a.Get("Crank-Receipt"), spans)
	}
}
