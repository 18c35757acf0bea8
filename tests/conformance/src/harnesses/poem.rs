//! `greenlane-poem`.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use greenlane_core::Greenlane;
use greenlane_poem::Inbound;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Collected};
use poem::endpoint::{BoxEndpoint, make};
use poem::listener::TcpAcceptor;
use poem::{Body, EndpointExt, Request, Response, Server};

use crate::harness::{Handler, Harness, LISTENER, Reply};

/// Poem's server.
pub struct Poem;

impl Harness for Poem {
    fn name(&self) -> &'static str {
        "poem"
    }

    fn crates(&self) -> &'static [&'static str] {
        &["greenlane-poem"]
    }

    fn unsupported(&self, behaviour: &str) -> Option<&'static str> {
        (behaviour == "a_cancelled_request_ends_in_its_lane_and_leaves_nothing_behind").then_some(
            "poem's server (3.1) polls a connection that has failed on, so a handler whose client has gone \
             runs to its end",
        )
    }

    fn serve(&self, inbounds: Vec<Greenlane>, handler: Handler) -> BoxFuture<'static, SocketAddr> {
        let mut app: BoxEndpoint<'static> =
            make(move |request| answer(handler.clone(), request)).boxed();
        for greenlane in inbounds.iter().rev() {
            app = app.with(Inbound::new(greenlane).listener(LISTENER)).boxed();
        }
        Box::pin(async {
            let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            let server = Server::new_with_acceptor(TcpAcceptor::from_tokio(listener).unwrap());
            tokio::spawn(server.run(app));
            address
        })
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
