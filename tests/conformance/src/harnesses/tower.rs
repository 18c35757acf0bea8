//! `greenlane-tower` on hyper: the reference.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use greenlane_core::Greenlane;
use greenlane_tower::{AttemptsLayer, BoxError, InboundLayer, OutboundLayer};
use http::{Extensions, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tower::retry::{Policy, RetryLayer};
use tower::util::BoxCloneSyncService;
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_http::follow_redirect::FollowRedirectLayer;

use crate::harness::{Client, Handler, Harness, LISTENER, Reply, ReplyBody, Settings, listen};

/// The reference harness.
pub struct Tower;

impl Harness for Tower {
    fn name(&self) -> &'static str {
        "tower"
    }

    fn crates(&self) -> &'static [&'static str] {
        &["greenlane-tower"]
    }
}

/// A server of hyper's as the suite runs it.
pub type Server = BoxCloneSyncService<Request<Incoming>, Response<ReplyBody>, Infallible>;

/// The handler on hyper, with tower's layers around it.
pub async fn serve(inbounds: Vec<Greenlane>, handler: Handler) -> SocketAddr {
    let server = server(&inbounds, handler);
    let serve = move |stream| {
        let service = TowerToHyperService::new(connected(server.clone(), &stream));
        async move {
            let connection = hyper::server::conn::http1::Builder::new();
            _ = connection.serve_connection(TokioIo::new(stream), service).await;
        }
    };
    listen(serve).await.unwrap()
}

/// The server of one connection, whose requests tell the peer's address.
pub fn connected<B: 'static>(
    server: BoxCloneSyncService<Request<Incoming>, Response<B>, Infallible>,
    stream: &TcpStream,
) -> BoxCloneSyncService<Request<Incoming>, Response<B>, Infallible> {
    let peer = stream.peer_addr().unwrap();
    BoxCloneSyncService::new(server.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request
    }))
}

/// Where [`connected`] put it.
pub fn peer(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get().map(SocketAddr::ip)
}

/// The handler as a service, with tower's layers around it.
pub fn server(inbounds: &[Greenlane], handler: Handler) -> Server {
    let mut server: Server = BoxCloneSyncService::new(service_fn(move |request| {
        let handler = handler.clone();
        async move { Ok(handler(whole(request).await).await.map(Reply::into_body)) }
    }));
    for greenlane in inbounds.iter().rev() {
        let inbound = InboundLayer::new(greenlane).peer_from(peer).listener(LISTENER);
        let layered = inbound.layer(server);
        server = BoxCloneSyncService::new(
            layered.map_response(|response| response.map(BodyExt::boxed_unsync)),
        );
    }
    server
}

async fn whole(request: Request<Incoming>) -> Request<Bytes> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    Request::from_parts(parts, body)
}

type HyperRequest = Request<Full<Bytes>>;

/// hyper's client, with tower's layer around it.
pub fn client(greenlane: &Greenlane, settings: Settings) -> Arc<dyn Client> {
    layered(greenlane, settings, bare())
}

/// One of hyper's clients, with tower's layer around it.
pub fn layered(
    greenlane: &Greenlane,
    settings: Settings,
    bare: HyperClient<impl Connector, Full<Bytes>>,
) -> Arc<dyn Client> {
    let mut outbound = OutboundLayer::new(greenlane);
    if let Some(peer) = settings.peer {
        outbound = outbound.peer(peer);
    }
    let retries = settings.retries.then_some(Retries(2));
    let client = ServiceBuilder::new()
        .layer(FollowRedirectLayer::new())
        .layer(AttemptsLayer)
        .option_layer(retries.map(RetryLayer::new))
        .layer(outbound)
        .service(bare);
    Arc::new(TowerClient(BoxCloneSyncService::new(client)))
}

/// hyper's client itself; every name is the loopback address to it.
pub fn bare() -> HyperClient<impl Connector, Full<Bytes>> {
    HyperClient::builder(TokioExecutor::new()).build(loopback())
}

/// The same, speaking HTTP/2 only.
pub fn bare_http2() -> HyperClient<impl Connector, Full<Bytes>> {
    HyperClient::builder(TokioExecutor::new()).http2_only(true).build(loopback())
}

fn loopback() -> impl Connector {
    HttpConnector::new_with_resolver(service_fn(|_: Name| async {
        Ok::<_, Infallible>(std::iter::once(SocketAddr::from(([127, 0, 0, 1], 0))))
    }))
}

/// What hyper's client wants of a connector.
pub trait Connector:
    hyper_util::client::legacy::connect::Connect + Clone + Send + Sync + 'static
{
}

impl<C: hyper_util::client::legacy::connect::Connect + Clone + Send + Sync + 'static> Connector
    for C
{
}

/// A tower client as the suite calls it.
pub struct TowerClient(pub BoxCloneSyncService<HyperRequest, Response<Incoming>, BoxError>);

impl Client for TowerClient {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'static, Result<Response<Bytes>, String>> {
        let sent = self.0.clone().oneshot(request.map(Full::new));
        Box::pin(async move {
            let (parts, body) = sent.await.map_err(|error| error.to_string())?.into_parts();
            let body = body.collect().await.map_err(|error| error.to_string())?;
            Ok(Response::from_parts(parts, body.to_bytes()))
        })
    }
}

/// So many more attempts at 503.
#[derive(Clone)]
struct Retries(u8);

impl<B, E> Policy<HyperRequest, Response<B>, E> for Retries {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        _: &mut HyperRequest,
        result: &mut Result<Response<B>, E>,
    ) -> Option<Ready<()>> {
        let again = self.0 > 0 && result.as_ref().is_ok_and(|response| response.status() == 503);
        self.0 = self.0.saturating_sub(1);
        again.then(|| ready(()))
    }

    fn clone_request(&mut self, request: &HyperRequest) -> Option<HyperRequest> {
        Some(request.clone())
    }
}
