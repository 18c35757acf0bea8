//! `fms-schedule`: who drives when. Calls nobody.

use axum::routing::get;
use axum::{Json, Router};
use greenlane::Greenlane;
use greenlane::axum::InboundLayer;
use serde::Serialize;

/// The service with Greenlane.
pub fn app(greenlane: &Greenlane) -> Router {
    routes().layer(InboundLayer::new(greenlane))
}

/// The service itself.
pub fn routes() -> Router {
    Router::new().route("/schedule", get(schedule))
}

#[derive(Serialize)]
struct Shift {
    vehicle: u32,
    from: &'static str,
    to: &'static str,
}

async fn schedule() -> Json<Vec<Shift>> {
    Json(vec![Shift { vehicle: 7, from: "08:00", to: "16:00" }])
}
