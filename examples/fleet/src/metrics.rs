//! What each instance answered, for a Prometheus server: a port of its own for each, as a pod would have.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use greenlane::Greenlane;
use greenlane_opentelemetry::Metrics;
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Registry, TEXT_FORMAT, TextEncoder};

use crate::balancer;

/// Measures what this handle does, and serves it below `/metrics` on a free port of the loopback address.
///
/// # Errors
///
/// When no port can be opened.
pub async fn serve(greenlane: &Greenlane) -> io::Result<SocketAddr> {
    let scraped = Scraped::of(greenlane).map_err(io::Error::other)?;
    balancer::serve(Router::new().route("/metrics", get(scrape)).with_state(scraped)).await
}

#[derive(Clone)]
struct Scraped {
    registry: Registry,
    // The instruments measure as long as it lives.
    _provider: SdkMeterProvider,
}

impl Scraped {
    fn of(greenlane: &Greenlane) -> Result<Self, OTelSdkError> {
        let registry = Registry::new();
        let exporter =
            opentelemetry_prometheus::exporter().with_registry(registry.clone()).build()?;
        let provider = SdkMeterProvider::builder().with_reader(exporter).build();
        Metrics::new(&provider.meter("greenlane")).install(greenlane);
        Ok(Self { registry, _provider: provider })
    }
}

async fn scrape(State(scraped): State<Scraped>) -> Response {
    match TextEncoder::new().encode_to_string(&scraped.registry.gather()) {
        Ok(text) => ([(CONTENT_TYPE, TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
