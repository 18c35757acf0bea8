//! OpenTelemetry, as its documentation wires it. Nothing is exported, and everything is sampled where there are spans.

use std::task::{Context as Cx, Poll};

use http::{HeaderMap, Request};
use opentelemetry::context::{FutureExt, WithContext};
use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{Context, global};
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tower::Service;
use tracing::Level;
use tracing_opentelemetry_instrumentation_sdk as sdk;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;

/// Baggage, and no spans.
pub(super) fn baggage_alone() {
    global::set_text_map_propagator(BaggagePropagator::new());
}

/// Spans by `tracing`.
pub(crate) fn with_spans() {
    let layer = tracing_opentelemetry::layer().with_tracer(with_a_tracer().tracer("benches"));
    // As its documentation has it. Without, each frame of HTTP/2 would be a span.
    let named = Targets::new().with_default(Level::INFO).with_target("otel::tracing", Level::TRACE);
    let layer = layer.with_filter(named);
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer)).unwrap();
}

/// Spans by OpenTelemetry's own tracer.
pub(crate) fn with_a_tracer() -> SdkTracerProvider {
    global::set_text_map_propagator(TextMapCompositePropagator::new(vec![
        Box::new(TraceContextPropagator::new()),
        Box::new(BaggagePropagator::new()),
    ]));
    let provider = SdkTracerProvider::builder().build();
    global::set_tracer_provider(provider.clone());
    provider
}

pub(super) struct Extracting<S>(pub(super) S);

impl<S: Service<Request<B>>, B> Service<Request<B>> for Extracting<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = WithContext<S::Future>;

    fn poll_ready(&mut self, cx: &mut Cx<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let headers = HeaderExtractor(request.headers());
        let context = global::get_text_map_propagator(|propagator| propagator.extract(&headers));
        self.0.call(request).with_context(context)
    }
}

/// Injects what the current context holds.
pub(super) fn of_context(headers: &mut HeaderMap) {
    let (context, mut headers) = (Context::current(), HeaderInjector(headers));
    global::get_text_map_propagator(|propagator| propagator.inject_context(&context, &mut headers));
}

/// Injects what the current span's context holds.
pub(super) fn of_span(headers: &mut HeaderMap) {
    sdk::http::inject_context(&sdk::find_current_context(), headers);
}

#[derive(Clone)]
pub(super) struct Injecting<S>(pub(super) S, pub(super) fn(&mut HeaderMap));

impl<S: Service<Request<B>>, B> Service<Request<B>> for Injecting<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Cx<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        (self.1)(request.headers_mut());
        self.0.call(request)
    }
}
