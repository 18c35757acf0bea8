//! `greenlane-poem`.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use greenlane_core::Greenlane;
use greenlane_poem::Inbound;
use http::uri::Scheme;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Collected};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use poem::endpoint::{BoxEndpoint, make};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Body, Endpoint, EndpointExt, Request, Response};

use crate::harness::{Handler, Harness, Reply, listen};

/// Poem's endpoints on hyper. Its own server polls a connection on when that has failed already, so that
/// the handler of a client who is gone is not dropped, but runs to its end: there would be no
/// cancellation to try.
pub struct Poem;

impl Harness for Poem {
    fn name(&self) -> &'static str {
        "poem"
    }

    fn crates(&self) -> &'static [&'static str] {
        &["greenlane-poem"]
    }

    fn serve(&self, inbounds: Vec<Greenlane>, handler: Handler) -> BoxFuture<'static, SocketAddr> {
        let mut app: BoxEndpoint<'static> =
            make(move |request| answer(handler.clone(), request)).boxed();
        for greenlane in inbounds.iter().rev() {
            app = app.with(Inbound::new(greenlane)).boxed();
        }
        let app = Arc::new(app);
        let serve = move |stream| {
            let app = app.clone();
            let service = service_fn(move |request: http::Request<Incoming>| {
                let app = app.clone();
                let (local, remote) = (LocalAddr::default(), RemoteAddr::default());
                let request = Request::from((request, local, remote, Scheme::HTTP));
                async move {
                    let response: http::Response<BoxBody<Bytes, io::Error>> =
                        app.get_response(request).await.into();
                    Ok::<_, Infallible>(response)
                }
            });
            async move {
                let connection = hyper::server::conn::http1::Builder::new();
                _ = connection.serve_connection(TokioIo::new(stream), service).await;
            }
        };
        Box::pin(async { listen(serve).await.unwrap() })
    }
}

async fn answer(handler: Handler, request: Request) -> Response {
    let request: http::Request<BoxBody<Bytes, io::Error>> = request.into();
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
    let (parts, reply) = handler(http::Request::from_parts(parts, body)).await.into_parts();
    let mut response = Response::from(match reply {
        Reply::Full(bytes) => Body::from(bytes),
        Reply::Stream(stream) => Body::from_bytes_stream(stream.map(Ok::<_, io::Error>)),
    });
    response.set_status(parts.status);
    *response.headers_mut() = parts.headers;
    response
}
