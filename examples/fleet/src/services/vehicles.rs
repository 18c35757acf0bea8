//! `fms-vehicles`, on actix-web: where the vehicles are. Calls `fms-map` by awc.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use actix_web::error::ErrorBadGateway;
use actix_web::http::header::HeaderValue;
use actix_web::web::{Data, Json, Path, get};
use actix_web::{App, HttpRequest, HttpServer};
use awc::{Client, Connector};
use greenlane::Greenlane;
use greenlane::actix_web::{Inbound, Outbound};
use greenlane::routing::Aged;
use serde::Serialize;

use super::map::api::{self, Named};
use super::{Callee, grpc_web};
use crate::witness::{self, Witness};

const PATIENCE: Duration = Duration::from_secs(60);

/// Serves on a free port of the loopback address, as long as the process lives. Must be called in a
/// runtime of tokio.
///
/// # Errors
///
/// When no port can be opened.
pub fn serve(greenlane: Greenlane, map: Callee, witness: Witness) -> io::Result<SocketAddr> {
    let server = HttpServer::new(move || {
        // awc's clients stay on their thread, so each worker has its own; as many connections as there
        // are requests, and the patience that they need where there are many.
        let outbound = Outbound::new(&greenlane).peer("fms-map");
        let outbound = match &map.routing {
            Some(routing) => outbound.routes(routing),
            None => outbound,
        };
        let client = map.aged(Aged::new(move || {
            let connector = Connector::new().limit(0).timeout(PATIENCE);
            let client = Client::builder().connector(connector).timeout(PATIENCE);
            client.wrap(outbound.clone()).finish()
        }));
        let state = State { client, map: map.url.clone(), witness: witness.clone() };
        App::new()
            .app_data(Data::new(state))
            .route("/vehicles/{number}", get().to(vehicle))
            .wrap(Inbound::new(&greenlane))
    });
    // Or a handler goes on when its client has gone.
    let server = server
        .workers(1)
        .h1_allow_half_closed(false)
        .disable_signals()
        .bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = server.addrs().first().copied().ok_or_else(|| io::Error::other("no address"))?;
    tokio::spawn(server.run());
    Ok(address)
}

struct State {
    client: Aged<Client>,
    map: String,
    witness: Witness,
}

#[derive(Serialize)]
struct Vehicle {
    id: u32,
    place: String,
}

async fn vehicle(
    number: Path<u32>,
    state: Data<State>,
    request: HttpRequest,
) -> actix_web::Result<Json<Vehicle>> {
    let id = number.into_inner();
    let arrival = state.witness.saw("vehicle", id, |name| {
        witness::lines(request.headers().get_all(name).map(HeaderValue::as_bytes))
    });
    let url = format!("{}/fms.map.v1.Map/Place", state.map);
    let asked = grpc_web::call(&state.client.get(), &url, &api::Vehicle { number: id }).await;
    let Named { place } = asked.map_err(ErrorBadGateway)?;
    arrival.answered();
    Ok(Json(Vehicle { id, place }))
}
