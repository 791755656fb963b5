package app

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/crank-platform/crank"
)

// metrics are what /metrics tells. Names and labels are documented in
// docs/reference/metrics.md; no label is a tenant, a key or anything that grows
// with callers.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	latency  *prometheus.HistogramVec
}

func newMetrics(h *House) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "crank_http_requests_total", Help: "Requests answered, by route and status.",
		}, []string{"route", "status"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "crank_http_request_seconds", Help: "Time from the head of a request to the end of its answer.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16),
		}, []string{"route"}),
	}
	gauge := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f)
	}
	m.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.requests, m.latency, h.outcomes,
		gauge("crank_journal_seq", "Seq of the journal's newest record.", func() float64 {
			_, seq, err := h.Receipts.Head(context.Background())
			if err != nil {
				return -1
			}
			return float64(seq)
		}),
		gauge("crank_log_lag_seconds", "Age of the oldest record that is under no checkpoint yet.", func() float64 {
			return h.Merkle.Lag().Age.Seconds()
		}),
		gauge("crank_connections", "Callers connected now.", func() float64 { return float64(h.Connections()) }),
		gauge("crank_offers", "Offers that can be routed to.", func() float64 {
			n := 0
			snapshot := h.Discovery.Snapshot()
			for _, op := range snapshot.Capabilities() {
				n += len(snapshot.Offers(op.Capability))
			}
			return float64(n)
		}),
	)
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

func (m *metrics) observe(route string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.latency.WithLabelValues(route).Observe(took.Seconds())
}

// countOutcomes follows the journal, so that the counters are what the receipts say.
func (h *House) countOutcomes(_ context.Context, records []crank.Record) error {
	for _, r := range records {
		if r.Receipt != nil {
			h.outcomes.WithLabelValues(string(r.Receipt.Capability), string(r.Receipt.Outcome)).Inc()
		}
	}
	return nil
}

func newOutcomes() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "crank_calls_total", Help: "Calls closed since the node started, by capability and outcome.",
	}, []string{"capability", "outcome"})
}
