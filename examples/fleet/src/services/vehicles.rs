//! `fms-vehicles`: where the vehicles are. Calls `fms-map`.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use greenlane::Greenlane;
use greenlane::axum::InboundLayer;
use greenlane::reqwest::{ClientError, Outbound};
use reqwest_middleware::ClientWithMiddleware;
use serde::Serialize;

use super::{Upstream, http};

/// The service with Greenlane.
///
/// # Errors
///
/// When the client can't be built.
pub fn app(greenlane: &Greenlane, map: String) -> Result<Router, ClientError> {
    let client = Outbound::new(greenlane).peer("fms-map").client(http())?;
    Ok(routes(client, map).layer(InboundLayer::new(greenlane)))
}

/// The service itself.
pub fn routes(client: ClientWithMiddleware, map: String) -> Router {
    Router::new().route("/vehicles", get(vehicles)).with_state((client, map))
}

#[derive(Serialize)]
struct Vehicle {
    id: u32,
    place: String,
}

async fn vehicles(
    State((client, map)): State<(ClientWithMiddleware, String)>,
) -> Result<Json<Vec<Vehicle>>, Upstream> {
    let place = client.get(map).send().await?.error_for_status()?.text().await?;
    Ok(Json(vec![Vehicle { id: 7, place }]))
}
