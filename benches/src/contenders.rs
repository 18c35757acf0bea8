//! Who is compared.

mod floor;
mod metainfo;
pub(crate) mod opentelemetry;

use greenlane_core::Greenlane;
use greenlane_tower::{InboundLayer, OutboundLayer};
use opentelemetry::{Extracting, Injecting, of_context, of_span};
use tower::layer::layer_fn;
use tower::layer::util::Identity;

use crate::case::Dialect;
use crate::hop::{Callee, Hop, hop};

/// All of them. The first is taken off every other.
pub const ALL: [&str; 9] = [
    "bare",
    "floor",
    "floor-preview",
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
        "bare" => hop(&Identity::new(), &Identity::new(), Dialect::Baggage, plain),
        "floor" => {
            let (inbound, outbound) = (layer_fn(floor::Inbound), layer_fn(floor::Outbound));
            hop(&inbound, &outbound, Dialect::Baggage, plain)
        }
        "floor-preview" => {
            let (inbound, outbound) =
                (layer_fn(floor::preview::Inbound), layer_fn(floor::preview::Outbound));
            hop(&inbound, &outbound, Dialect::Baggage, plain)
        }
        "greenlane" => greenlane(false),
        "greenlane-trail" => greenlane(true),
        "opentelemetry" => {
            opentelemetry::baggage_alone();
            let outbound = layer_fn(|inner| Injecting(inner, of_context));
            hop(&layer_fn(Extracting), &outbound, Dialect::Baggage, plain)
        }
        // It has no client's layer: its own function injects what its span holds.
        "axum-tracing-opentelemetry" => {
            opentelemetry::with_spans();
            let inbound = axum_tracing_opentelemetry::middleware::OtelAxumLayer::default();
            let outbound = layer_fn(|inner| Injecting(inner, of_span));
            hop(&inbound, &outbound, Dialect::Baggage, plain)
        }
        // Nor has it one for clients that is not reqwest's or hyper's.
        "opentelemetry-instrumentation-tower" => {
            opentelemetry::with_a_tracer();
            let inbound = opentelemetry_instrumentation_tower::http::server::Layer::new();
            let outbound = layer_fn(|inner| Injecting(inner, of_context));
            hop(&inbound, &outbound, Dialect::Baggage, plain)
        }
        "metainfo" => {
            let (inbound, outbound) = (layer_fn(metainfo::Inbound), layer_fn(metainfo::Outbound));
            hop(&inbound, &outbound, Dialect::Persist, plain)
        }
        _ => panic!("no contender is called {name}"),
    }
}

fn greenlane(trail: bool) -> Box<dyn Hop> {
    let greenlane = Greenlane::inside("fms-api").version("1.9.0").serves(["release-42"]);
    let greenlane = greenlane.trail(trail).build().unwrap();
    let (inbound, outbound) = (InboundLayer::new(&greenlane), OutboundLayer::new(&greenlane));
    hop(&inbound, &outbound, Dialect::Baggage, Callee { has_trail: trail })
}
