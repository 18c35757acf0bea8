//! `fms-schedule`, on axum: who drives when. Asks `fms-map` by tonic while it streams its answer, and once
//! more from a task that outlives it.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body as Answer;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Request, Response};
use axum::routing::get;
use futures_util::{StreamExt, TryStreamExt, future, stream};
use greenlane::axum::InboundLayer;
use greenlane::tonic::{Channels, OutboundLayer};
use greenlane::{Greenlane, Scope};
use serde_json::json;
use tokio::sync::oneshot;
use tonic::body::Body;
use tonic::transport::Endpoint;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Layer, Service, ServiceExt};

use super::map::api::{Vehicle, map_client::MapClient};
use super::{Callee, lines};
use crate::witness::Witness;

/// With a channel, or with as many as there are addresses. Not with a `BoxError`, which is no error itself.
type Client = BoxCloneSyncService<Request<Body>, Response<Body>, io::Error>;
type Map = MapClient<Client>;

/// When a vehicle is driven.
pub const SHIFTS: [(&str, &str); 2] = [("08:00", "12:00"), ("13:00", "17:00")];

/// The service, that finds `fms-map` at this URL. Must be called in a runtime of tokio.
///
/// # Errors
///
/// When the URL is none.
pub fn app(
    greenlane: &Greenlane,
    map: Callee,
    leaks: Option<Leaks>,
    witness: Witness,
) -> Result<Router, tonic::transport::Error> {
    let Callee { url, routing } = map;
    let endpoint = Endpoint::from_shared(url)?;
    // tonic's channels name nobody on their requests: egress has to know whom this one calls.
    let host = endpoint.uri().host().unwrap_or_default().to_owned();
    let outbound = OutboundLayer::new(greenlane).host(host).peer("fms-map");
    let map = MapClient::new(match routing {
        None => client(outbound.layer(patient(endpoint).connect_lazy())),
        Some(routing) => {
            let channels = Channels::new(&routing).endpoints(|endpoint| Ok(patient(endpoint)));
            client(outbound.routes(&routing).layer(channels))
        }
    });
    let routes = Router::new().route("/vehicles/{number}/shifts", get(shifts));
    Ok(routes.with_state((map, leaks, witness)).layer(InboundLayer::new(greenlane)))
}

fn client<S>(service: S) -> Client
where
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send,
{
    Client::new(service.map_err(io::Error::other::<BoxError>))
}

/// Every cancelled call is a stream that is reset; the defaults are for strangers.
fn patient(endpoint: Endpoint) -> Endpoint {
    endpoint.http2_max_concurrent_reset_streams(4096).http2_max_local_error_reset_streams(None)
}

/// One line of JSON for each shift, as soon as its place is known.
async fn shifts(
    Path(number): Path<u32>,
    State((map, leaks, witness)): State<(Map, Option<Leaks>, Witness)>,
    headers: HeaderMap,
) -> Answer {
    let arrival = witness.saw("shifts", number, |name| lines(&headers, name));
    let (ended, after) = oneshot::channel();
    let remembering = remember(map.clone(), number, after);
    match leaks {
        None => drop(greenlane::spawn(remembering)),
        Some(leaks) => drop(tokio::spawn(leaks.anothers().run(remembering))),
    }
    let shifts = stream::iter(SHIFTS).map(Ok).and_then(move |(from, to)| {
        let mut map = map.clone();
        async move {
            let place = map.place(Vehicle { number }).await?.into_inner().place;
            let shift = json!({ "vehicle": number, "from": from, "to": to, "place": place });
            Ok::<_, tonic::Status>(format!("{shift}\n"))
        }
    });
    let end = stream::once(async move {
        arrival.answered();
        _ = ended.send(());
    });
    Answer::from_stream(shifts.chain(end.filter_map(|()| future::ready(None))))
}

/// Lets `fms-map` know, once the answer has gone out.
async fn remember(mut map: Map, number: u32, after: oneshot::Receiver<()>) {
    if after.await.is_ok() {
        // Nobody waits for it.
        _ = map.remember(Vehicle { number }).await;
    }
}

/// A mistake, so that it can be seen that the soak finds it: what a request's task was given is kept, and
/// the next request's takes it.
#[derive(Clone, Debug, Default)]
pub struct Leaks(Arc<Mutex<Option<Scope>>>);

impl Leaks {
    fn anothers(&self) -> Scope {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let anothers = std::mem::replace(&mut *kept, Scope::current());
        anothers.unwrap_or_else(Scope::background)
    }
}
