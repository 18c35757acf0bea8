//! Who is compared.

mod floor;
mod metainfo;
pub(crate) mod opentelemetry;
mod routed;
mod shared_handle;

use std::fmt::Debug;
use std::sync::Arc;

use greenlane_core::Greenlane;
use greenlane_routing::Routing;
use greenlane_tower::{InboundLayer, OutboundLayer};
use http::{Request, Response};
use opentelemetry::{Extracting, Injecting, of_context, of_span};
use tower::layer::layer_fn;
use tower::layer::util::Identity;
use tower::{Layer, Service};

use crate::case::{Body, Dialect};
use crate::hop::{Callee, Handler, Hop, hop};

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

/// Makes hops that share what a process has one of: a handle, its layers, a propagator. Each thread has a hop of its own.
pub type Factory = Box<dyn Fn() -> Box<dyn Hop> + Send + Sync>;

/// Builds one, once in a process: some of them set globals.
///
/// # Panics
///
/// Where there is none of this name.
pub fn build(name: &str) -> Box<dyn Hop> {
    shared(name)()
}

/// As [`build`], for many threads.
///
/// # Panics
///
/// Where there is none of this name.
pub fn shared(name: &str) -> Factory {
    match name {
        "bare" => factory(Identity::new(), Identity::new()),
        "floor" => factory(layer_fn(floor::Inbound), layer_fn(floor::Outbound)),
        "floor-preview" => {
            factory(layer_fn(floor::preview::Inbound), layer_fn(floor::preview::Outbound))
        }
        "greenlane" => greenlane(false),
        "greenlane-trail" => greenlane(true),
        routed::TABLE => greenlane_routed(&routed::table()),
        routed::FILE => greenlane_routed(&routed::file()),
        "opentelemetry" => {
            opentelemetry::baggage_alone();
            factory(layer_fn(Extracting), layer_fn(|inner| Injecting(inner, of_context)))
        }
        // It has no client's layer: its own function injects what its span holds.
        "axum-tracing-opentelemetry" => {
            opentelemetry::with_spans();
            let inbound = axum_tracing_opentelemetry::middleware::OtelAxumLayer::default();
            factory(inbound, layer_fn(|inner| Injecting(inner, of_span)))
        }
        // Nor has it one for clients that is not reqwest's or hyper's.
        "opentelemetry-instrumentation-tower" => {
            opentelemetry::with_a_tracer();
            let inbound = opentelemetry_instrumentation_tower::http::server::Layer::new();
            factory(inbound, layer_fn(|inner| Injecting(inner, of_context)))
        }
        "metainfo" => {
            let (inbound, outbound) = (layer_fn(metainfo::Inbound), layer_fn(metainfo::Outbound));
            speaking(Dialect::Persist, inbound, outbound, Callee::default())
        }
        shared_handle::NAME => {
            let handle = Arc::new(());
            let inbound = layer_fn(move |inner| shared_handle::Inbound(inner, Arc::clone(&handle)));
            factory(inbound, Identity::new())
        }
        _ => panic!("no contender is called {name}"),
    }
}

fn greenlane(trail: bool) -> Factory {
    let greenlane = Greenlane::inside("fms-api").version("1.9.0").serves(["release-42"]);
    let greenlane = greenlane.trail(trail).build().unwrap();
    let (inbound, outbound) = (InboundLayer::new(&greenlane), OutboundLayer::new(&greenlane));
    speaking(Dialect::Baggage, inbound, outbound, Callee { has_trail: trail })
}

fn greenlane_routed(routing: &Routing) -> Factory {
    let greenlane = Greenlane::inside("fms-api").serves(["release-42"]).build().unwrap();
    let outbound = OutboundLayer::new(&greenlane).routes(routing);
    let callee = Callee { has_trail: true };
    speaking(Dialect::Baggage, InboundLayer::new(&greenlane), outbound, callee)
}

fn factory<I, O, B>(inbound: I, outbound: O) -> Factory
where
    O: Layer<Callee> + Send + Sync + 'static,
    O::Service: Service<Request<Body>, Response = Response<Body>> + Clone,
    I: Layer<Handler<O::Service>> + Send + Sync + 'static,
    I::Service: Service<Request<Body>, Response = Response<B>> + 'static,
    <I::Service as Service<Request<Body>>>::Error: Debug,
    B: http_body::Body + 'static,
{
    speaking(Dialect::Baggage, inbound, outbound, Callee::default())
}

fn speaking<I, O, B>(dialect: Dialect, inbound: I, outbound: O, callee: Callee) -> Factory
where
    O: Layer<Callee> + Send + Sync + 'static,
    O::Service: Service<Request<Body>, Response = Response<Body>> + Clone,
    I: Layer<Handler<O::Service>> + Send + Sync + 'static,
    I::Service: Service<Request<Body>, Response = Response<B>> + 'static,
    <I::Service as Service<Request<Body>>>::Error: Debug,
    B: http_body::Body + 'static,
{
    Box::new(move || hop(&inbound, &outbound, dialect, callee.clone()))
}
