//! OpenTelemetry for a whole process, wired as docs/opentelemetry.md says.

use greenlane::{Greenlane, Wire};
use greenlane_opentelemetry::{Bridge, LaneBaggagePropagator, Metrics, PreviewSpans};
use opentelemetry::global;
use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use opentelemetry_sdk::trace::SdkTracerProvider;

/// OpenTelemetry's own tracer and propagators, for the services in the process of the tests. Once in a process.
pub fn plain() {
    // It keeps what any of these services takes for a preview out of contexts.
    let greenlane = Greenlane::inside("interop").wires(Wire::signadot()).wires(Wire::okteto());
    let greenlane = greenlane.wires(Wire::mirrord()).build().unwrap();
    let spans = PreviewSpans::new(&greenlane);
    let provider = SdkTracerProvider::builder().with_span_processor(spans).build();
    let propagators = TextMapCompositePropagator::new(vec![
        Box::new(TraceContextPropagator::new()),
        Box::new(BaggagePropagator::new()),
    ]);
    install(&greenlane, provider, propagators);
}

/// Datadog's, as `DD_…` say, for a service in a process of its own. It measures as long as what is returned lives.
pub fn datadog(greenlane: &Greenlane) -> SdkMeterProvider {
    let builder = datadog_opentelemetry::tracing();
    let spans = PreviewSpans::new(greenlane);
    let (provider, propagator) = builder.with_span_processor(spans).init_local();
    install(greenlane, provider, propagator);
    let meters = datadog_opentelemetry::metrics().init();
    Metrics::new(&global::meter("greenlane")).install(greenlane);
    meters
}

fn install(
    greenlane: &Greenlane,
    provider: SdkTracerProvider,
    propagator: impl TextMapPropagator + Send + Sync + 'static,
) {
    global::set_text_map_propagator(LaneBaggagePropagator::around(greenlane, propagator));
    global::set_tracer_provider(provider);
    Bridge::new(greenlane).install().unwrap();
}
