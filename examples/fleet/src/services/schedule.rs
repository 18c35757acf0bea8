//! `fms-schedule`, on axum: who drives when. Asks `fms-map` by tonic while it streams its answer, and once
//! more from a task that outlives it.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::routing::get;
use futures_util::{StreamExt, TryStreamExt, future, stream};
use greenlane::Greenlane;
use greenlane::axum::InboundLayer;
use greenlane::tower::{Outbound, OutboundLayer};
use serde_json::json;
use tokio::sync::oneshot;
use tonic::transport::{Channel, Endpoint};
use tower::Layer;

use super::map::api::{Vehicle, map_client::MapClient};
use crate::witness::Witness;

type Map = MapClient<Outbound<Channel>>;

/// When a vehicle is driven.
pub const SHIFTS: [(&str, &str); 2] = [("08:00", "12:00"), ("13:00", "17:00")];

/// The service, that finds `fms-map` at this URL. Must be called in a runtime of tokio.
///
/// # Errors
///
/// When the URL is none.
pub fn app(
    greenlane: &Greenlane,
    map: String,
    witness: Witness,
) -> Result<Router, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(map)?;
    // tonic's channels name nobody on their requests: egress has to know whom this one calls.
    let host = endpoint.uri().host().unwrap_or_default().to_owned();
    let outbound = OutboundLayer::new(greenlane).host(host).peer("fms-map");
    let map = MapClient::new(outbound.layer(endpoint.connect_lazy()));
    let routes = Router::new().route("/vehicles/{number}/shifts", get(shifts));
    Ok(routes.with_state((map, witness)).layer(InboundLayer::new(greenlane)))
}

/// One line of JSON for each shift, as soon as its place is known.
async fn shifts(
    Path(number): Path<u32>,
    State((map, witness)): State<(Map, Witness)>,
    headers: HeaderMap,
) -> Body {
    let told = headers.get("x-preview").map(HeaderValue::as_bytes);
    witness.saw("shifts", number, told);
    let (ended, after) = oneshot::channel();
    greenlane::spawn(remember(map.clone(), number, after));
    let lines = stream::iter(SHIFTS).map(Ok).and_then(move |(from, to)| {
        let mut map = map.clone();
        async move {
            let place = map.place(Vehicle { number }).await?.into_inner().place;
            let shift = json!({ "vehicle": number, "from": from, "to": to, "place": place });
            Ok::<_, tonic::Status>(format!("{shift}\n"))
        }
    });
    let end = stream::once(async move { ended.send(()) }).filter_map(|_| future::ready(None));
    Body::from_stream(lines.chain(end))
}

/// Lets `fms-map` know, once the answer has gone out.
async fn remember(mut map: Map, number: u32, after: oneshot::Receiver<()>) {
    if after.await.is_ok() {
        // Nobody waits for it.
        _ = map.remember(Vehicle { number }).await;
    }
}
