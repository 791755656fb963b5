package app

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/dispatch"
)

// buildTracing sends a span of each call to the configured collector, by OTLP
// over HTTP. Without one, calls are not traced and cost nothing for it.
func (h *House) buildTracing(ctx context.Context, _ Options) error {
	if h.Config.OTLP == "" {
		return nil
	}
	at, err := url.Parse(h.Config.OTLP)
	if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
		return crank.E(crank.CodeConfig, "otlp_endpoint is %q, not a URL such as http://127.0.0.1:4318", h.Config.OTLP)
	}
	if at.Path == "" || at.Path == "/" {
		at.Path = "/v1/traces" // the path that OTLP over HTTP gives traces
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(at.String()))
	if err != nil {
		return crank.Wrap(crank.CodeConfig, err, "otlp_endpoint cannot be used")
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(resource.NewSchemaless(
		attribute.String("service.name", "crank"), attribute.String("service.version", Version()), attribute.String("service.instance.id", h.Node),
	)))
	h.closes(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := provider.Shutdown(ctx); err != nil {
			h.Log.Warn("the last spans did not reach the collector", "err", err)
		}
		return nil
	})
	h.Dispatch = traced{h.Dispatch, provider.Tracer("github.com/crank-platform/crank")}
	return nil
}

// traced is dispatch with a span around each call. The span's context travels in
// the call, so that workers and nested calls continue it.
type traced struct {
	dispatch.Service
	tracer trace.Tracer
}

var w3c propagation.TraceContext

func (t traced) begin(ctx context.Context, call *crank.Call) (context.Context, trace.Span) {
	carrier := propagation.MapCarrier{"traceparent": call.Trace}
	ctx, span := t.tracer.Start(w3c.Extract(ctx, carrier), "call "+call.Capability.Name(), trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("crank.capability", string(call.Capability)), attribute.String("crank.tenant", call.Principal.Tenant)))
	w3c.Inject(ctx, carrier)
	call.Trace = carrier["traceparent"]
	return ctx, span
}

func end(span trace.Span, a crank.Answer, err error) {
	if r := a.Receipt; r.ID != "" {
		span.SetAttributes(
			attribute.String("crank.call", r.Call), attribute.String("crank.receipt", r.ID), attribute.String("crank.worker", r.Worker),
			attribute.String("crank.outcome", string(r.Outcome)), attribute.Int64("crank.price_micros", int64(r.Price.Micros)),
			attribute.String("crank.asset", string(r.Price.Asset)), attribute.Bool("crank.replayed", a.Replayed),
		)
	}
	if err != nil {
		e := crank.AsError(err)
		span.SetAttributes(attribute.String("error.type", string(e.Code)))
		span.SetStatus(codes.Error, e.Message)
	}
	span.End()
}

// Call implements dispatch.Service.
func (t traced) Call(ctx context.Context, call crank.Call, sink dispatch.Sink) (a crank.Answer, err error) {
	ctx, span := t.begin(ctx, &call)
	defer func() { end(span, a, err) }()
	return t.Service.Call(ctx, call, sink)
}

// Perform implements dispatch.Service.
func (t traced) Perform(ctx context.Context, call crank.Call, o crank.Opened, sink dispatch.Sink, keep func(json.RawMessage) error) (a crank.Answer, err error) {
	ctx, span := t.begin(ctx, &call)
	defer func() { end(span, a, err) }()
	return t.Service.Perform(ctx, call, o, sink, keep)
}
