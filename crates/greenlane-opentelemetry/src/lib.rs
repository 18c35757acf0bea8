//! Greenlane beside OpenTelemetry, on its 0.33 line.
//!
//! Greenlane needs no tracer, and works with tracing off, unsampled, or another vendor's. This crate
//! joins the two where both are there:
//!
//! | | what it does |
//! |---|---|
//! | [`Bridge`] | keeps the lane in OpenTelemetry's `Context`, as a typed value and never as baggage |
//! | [`LaneBaggagePropagator`] | one `baggage` line, lossless; wraps the propagators that you use |
//! | [`PreviewSpans`] | `greenlane.preview`, `.served` and `.version` on every span made in a preview's lane |
//! | [`PreviewTracer`], [`layer()`] | the same for `tracing-opentelemetry`, and on the events of its spans |
//! | [`PreviewLogs`] | the same on log records |
//! | [`Metrics`] | requests and latency by preview, what was lost and what was kept back |
//! | [`HopEvents`] | each hop as an event of the span, where no `tracing` layer records it |
//!
#![cfg_attr(
    feature = "sdk",
    doc = r#"
```
use greenlane_core::Greenlane;
use greenlane_opentelemetry::{Bridge, LaneBaggagePropagator, Metrics, PreviewSpans};
use opentelemetry::global;
use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use opentelemetry_sdk::trace::SdkTracerProvider;

let greenlane = Greenlane::inside("fms-api").build()?;

Bridge::new(&greenlane).install()?;
// After `global::set_meter_provider(…)`: meters of an earlier time measure nothing.
Metrics::new(&global::meter("greenlane")).install(&greenlane);
global::set_text_map_propagator(LaneBaggagePropagator::around(
    &greenlane,
    TextMapCompositePropagator::new(vec![
        Box::new(TraceContextPropagator::new()),
        Box::new(BaggagePropagator::new()),
    ]),
));
let tracer = SdkTracerProvider::builder()
    .with_span_processor(PreviewSpans::new(&greenlane))
    // .with_batch_exporter(…)
    .build();
global::set_tracer_provider(tracer);
# Ok::<(), greenlane_core::ConfigError>(())
```
"#
)]
//!
//! # Order
//!
//! Tracers' layers may stand inside the inbound or outside of it: nothing here is a layer of its own that
//! could stand in the wrong place. [`Bridge`] is told by the scope itself, [`LaneBaggagePropagator`] wraps all
//! other propagators, and the processors that must see a record first wrap the next one.
//!
//! On calls the outbound runs last: it adds the preview to the `baggage` line that a propagator wrote, where
//! egress allows, and takes it off where it does not.
//!
//! # A plain `BaggagePropagator` tells everybody
//!
//! OpenTelemetry's own `BaggagePropagator` takes an incoming `preview=release-42` for baggage like any other,
//! and hands it on to every host that an instrumented client calls; it sees no host, and knows no egress. With
//! [`LaneBaggagePropagator`] around it, it never sees the member. Where it must stay as it is, [`Bridge`] takes the
//! member out of the contexts that handlers run in, if the tracer stands outside the inbound; and
//! [`Builder::hide_wires`](greenlane_core::Builder::hide_wires) takes it off the request, if the tracer stands inside.

mod baggage;
mod bridge;
mod context;
mod hops;
mod labels;
#[cfg(feature = "tracing-opentelemetry")]
mod layer;
#[cfg(feature = "sdk")]
mod logs;
mod metrics;
mod propagator;
#[cfg(feature = "sdk")]
mod spans;
#[cfg(test)]
#[cfg(feature = "sdk")]
mod tests;
mod tracer;

pub use bridge::Bridge;
pub use context::LaneContext;
pub use hops::HopEvents;
pub use labels::{PREVIEW, SERVED, VERSION};
#[cfg(feature = "tracing-opentelemetry")]
pub use layer::layer;
#[cfg(feature = "sdk")]
pub use logs::PreviewLogs;
pub use metrics::Metrics;
pub use propagator::LaneBaggagePropagator;
#[cfg(feature = "sdk")]
pub use spans::{Alone, PreviewSpans};
pub use tracer::{PreviewSpan, PreviewTracer};
