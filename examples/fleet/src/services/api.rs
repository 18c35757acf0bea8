//! `fms-api`, on axum: the fleet's public API. Calls `fms-vehicles` and `fms-schedule` by reqwest.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::routing::get;
use axum::{Json, Router};
use greenlane::Greenlane;
use greenlane::axum::InboundLayer;
use greenlane::reqwest::ClientError;
use reqwest::Response;
use serde_json::{Value, json};

use super::{Callee, Client, Upstream, lines};
use crate::witness::Witness;

/// Where the callees are, and what this version says of itself.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `fms-vehicles`.
    pub vehicles: Callee,
    /// `fms-schedule`.
    pub schedule: Callee,
    /// This version.
    pub version: &'static str,
    /// Who writes down what arrives.
    pub witness: Witness,
}

/// One client for each callee.
#[derive(Clone)]
struct Clients {
    vehicles: Client,
    schedule: Client,
}

/// The service: clients that Greenlane's outbound builds, and a layer.
///
/// # Errors
///
/// When a client can't be built.
pub fn app(greenlane: &Greenlane, settings: Settings) -> Result<Router, ClientError> {
    let client = |callee: &Callee, peer| callee.client(callee.outbound(greenlane, peer));
    let clients = Clients {
        vehicles: client(&settings.vehicles, "fms-vehicles")?,
        schedule: client(&settings.schedule, "fms-schedule")?,
    };
    let routes = Router::new().route("/overview/{vehicle}", get(overview));
    Ok(routes.with_state((clients, settings)).layer(InboundLayer::new(greenlane)))
}

async fn overview(
    Path(number): Path<u32>,
    State((clients, settings)): State<(Clients, Settings)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Upstream> {
    let arrival = settings.witness.saw("overview", number, |name| lines(&headers, name));
    let vehicle = ask(&clients.vehicles, format!("{}/vehicles/{number}", settings.vehicles.url));
    let shifts =
        ask(&clients.schedule, format!("{}/vehicles/{number}/shifts", settings.schedule.url));
    let (vehicle, shifts) = tokio::join!(vehicle, shifts);
    let vehicle: Value = vehicle?.json().await?;
    let shifts = shifts?.text().await?;
    let shifts = shifts.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    arrival.answered();
    Ok(Json(json!({ "api": settings.version, "vehicle": vehicle, "shifts": shifts })))
}

async fn ask(client: &Client, url: String) -> Result<Response, Upstream> {
    Ok(client.get().get(url).send().await?.error_for_status()?)
}
