//! `greenlane-tower` around warp's filters.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Mutex;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt, stream};
use greenlane_core::Greenlane;
use greenlane_tower::{BoxError, InboundLayer};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tower::util::{BoxCloneSyncService, MapResponse};
use tower::{Layer, ServiceExt};
use warp::path::FullPath;
use warp::{Filter, Reply as _};

use crate::harness::{Handler, Harness, LISTENER, Reply, listen};
use crate::harnesses::tower as reference;

/// A filter as a service on hyper.
pub struct Warp;

impl Harness for Warp {
    fn name(&self) -> &'static str {
        "warp"
    }

    fn crates(&self) -> &'static [&'static str] {
        &["greenlane-tower"]
    }

    fn serve(&self, inbounds: Vec<Greenlane>, handler: Handler) -> BoxFuture<'static, SocketAddr> {
        let mut server = filter(handler);
        for greenlane in inbounds.iter().rev() {
            let inbound = InboundLayer::new(greenlane).peer_from(reference::peer);
            let layered = inbound.listener(LISTENER).layer(server);
            server = BoxCloneSyncService::new(
                layered.map_response(|response| response.map(BodyExt::boxed_unsync)),
            );
        }
        let serve = move |stream| {
            let service = TowerToHyperService::new(reference::connected(server.clone(), &stream));
            async move {
                let connection = hyper::server::conn::http1::Builder::new();
                _ = connection.serve_connection(TokioIo::new(stream), service).await;
            }
        };
        Box::pin(async { listen(serve).await.unwrap() })
    }
}

type Server =
    BoxCloneSyncService<Request<Incoming>, Response<UnsyncBoxBody<Bytes, BoxError>>, Infallible>;

/// Every request, whole, to the handler.
fn filter(handler: Handler) -> Server {
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    let filter = warp::method()
        .and(warp::path::full())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(warp::body::bytes())
        .then(
            move |method: Method,
                  path: FullPath,
                  query: String,
                  headers: HeaderMap,
                  body: Bytes| {
                let mark = if query.is_empty() { "" } else { "?" };
                let uri = format!("{}{mark}{query}", path.as_str());
                let mut request = Request::new(body);
                *request.method_mut() = method;
                *request.uri_mut() = uri.parse().unwrap();
                *request.headers_mut() = headers;
                let answer = handler(request);
                async move { answered(answer.await) }
            },
        );
    let boxed = |response: warp::reply::Response| {
        response.map(|body| body.map_err(BoxError::from).boxed_unsync())
    };
    BoxCloneSyncService::new(MapResponse::new(warp::service(filter), boxed))
}

fn answered(response: Response<Reply>) -> warp::reply::Response {
    let (parts, reply) = response.into_parts();
    let body = match reply {
        Reply::Full(bytes) => Response::new(bytes).into_response().into_body(),
        Reply::Stream(chunks) => {
            // Warp wants a body to be `Sync`, which these need not be: nobody ever locks it.
            let mut chunks = Mutex::new(chunks);
            let chunks = stream::poll_fn(move |cx| chunks.get_mut().unwrap().poll_next_unpin(cx));
            warp::reply::stream(chunks.map(Ok::<_, Infallible>)).into_response().into_body()
        }
    };
    Response::from_parts(parts, body)
}
