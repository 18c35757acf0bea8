//! `fms-api`: the fleet's public API. Calls `fms-vehicles` and `fms-schedule`.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use greenlane::Greenlane;
use greenlane::axum::InboundLayer;
use greenlane::reqwest::{ClientError, Outbound};
use reqwest_middleware::ClientWithMiddleware;
use serde_json::{Value, json};

use super::{Upstream, http};

/// Where the callees are, and what this version says of itself.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The URL of `fms-vehicles`.
    pub vehicles: String,
    /// The URL of `fms-schedule`.
    pub schedule: String,
    /// This version.
    pub version: &'static str,
}

/// One client for each callee.
#[derive(Clone)]
pub struct Clients {
    /// For `fms-vehicles`.
    pub vehicles: ClientWithMiddleware,
    /// For `fms-schedule`.
    pub schedule: ClientWithMiddleware,
}

/// The service with Greenlane: clients that Greenlane's outbound builds, and a layer.
///
/// # Errors
///
/// When a client can't be built.
pub fn app(greenlane: &Greenlane, settings: Settings) -> Result<Router, ClientError> {
    let client = |peer| Outbound::new(greenlane).peer(peer).client(http());
    let clients = Clients { vehicles: client("fms-vehicles")?, schedule: client("fms-schedule")? };
    Ok(routes(clients, settings).layer(InboundLayer::new(greenlane)))
}

/// The service itself.
pub fn routes(clients: Clients, settings: Settings) -> Router {
    Router::new().route("/overview", get(overview)).with_state((clients, settings))
}

async fn overview(
    State((clients, settings)): State<(Clients, Settings)>,
) -> Result<Json<Value>, Upstream> {
    let vehicles = ask(&clients.vehicles, &settings.vehicles);
    let schedule = ask(&clients.schedule, &settings.schedule);
    let (vehicles, schedule) = tokio::join!(vehicles, schedule);
    Ok(Json(json!({ "api": settings.version, "vehicles": vehicles?, "schedule": schedule? })))
}

async fn ask(client: &ClientWithMiddleware, url: &str) -> Result<Value, Upstream> {
    Ok(client.get(url).send().await?.error_for_status()?.json().await?)
}
