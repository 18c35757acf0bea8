//! `fms-map`: names places. Calls nobody.

use axum::Router;
use axum::routing::get;
use greenlane::Greenlane;
use greenlane::axum::InboundLayer;

/// The service with Greenlane. It calls nobody, and still has to say who it is.
pub fn app(greenlane: &Greenlane, version: &'static str) -> Router {
    routes(version).layer(InboundLayer::new(greenlane))
}

/// The service itself.
pub fn routes(version: &'static str) -> Router {
    Router::new().route("/places/7", get(async move || format!("Shinagawa, by map {version}")))
}
