//! Who is compared.

mod floor;
mod metainfo;
pub(crate) mod opentelemetry;

use greenlane_core::Greenlane;
use greenlane_tower::{InboundLayer, OutboundLayer};

use crate::case::Dialect;
use crate::hop::{Callee, Hop, Identity, hop};

/// All of them. The first is taken off every other.
pub const ALL: [&str; 8] = [
    "bare",
    "floor",
    "greenlane",
    "greenlane-trail",
    "opentelemetry",
    "axum-tracing-opentelemetry",
    "opentelemetry-instrumentation-tower",
    "metainfo",
];

/// Builds one, once in a process: some of them set globals.
///
/// # Panics
///
/// Where there is none of this name.
pub fn build(name: &str) -> Box<dyn Hop> {
    let plain = Callee::default();
    match name {
        "bare" => hop(&Identity, &Identity, Dialect::Baggage, plain),
        "floor" => hop(&floor::In, &floor::Out, Dialect::Baggage, plain),
        "greenlane" => greenlane(false),
        "greenlane-trail" => greenlane(true),
        "opentelemetry" => {
            opentelemetry::baggage_alone();
            hop(&opentelemetry::Extract, &opentelemetry::INJECT, Dialect::Baggage, plain)
        }
        // It has no client's layer: its own function injects what its span holds.
        "axum-tracing-opentelemetry" => {
            opentelemetry::with_spans();
            let inbound = axum_tracing_opentelemetry::middleware::OtelAxumLayer::default();
            hop(&inbound, &opentelemetry::INJECT_OF_SPAN, Dialect::Baggage, plain)
        }
        // Nor has it one for clients that is not reqwest's or hyper's.
        "opentelemetry-instrumentation-tower" => {
            opentelemetry::with_a_tracer();
            let inbound = opentelemetry_instrumentation_tower::http::server::Layer::new();
            hop(&inbound, &opentelemetry::INJECT, Dialect::Baggage, plain)
        }
        "metainfo" => hop(&metainfo::In, &metainfo::Out, Dialect::Persist, plain),
        _ => panic!("no contender is called {name}"),
    }
}

fn greenlane(trail: bool) -> Box<dyn Hop> {
    let greenlane = Greenlane::inside("fms-api").version("1.9.0").serves(["release-42"]);
    let greenlane = greenlane.trail(trail).build().unwrap();
    let (inbound, outbound) = (InboundLayer::new(&greenlane), OutboundLayer::new(&greenlane));
    hop(&inbound, &outbound, Dialect::Baggage, Callee { has_trail: trail })
}
