//! `greenlane-axum`.

use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request};
use futures_util::future::BoxFuture;
use greenlane_axum::InboundLayer;
use greenlane_core::Greenlane;

use crate::harness::{Handler, Harness, LISTENER};

/// axum's router as a server.
pub struct Axum;

impl Harness for Axum {
    fn name(&self) -> &'static str {
        "axum"
    }

    fn crates(&self) -> &'static [&'static str] {
        &["greenlane-axum"]
    }

    fn serve(&self, inbounds: Vec<Greenlane>, handler: Handler) -> BoxFuture<'static, SocketAddr> {
        let mut app = Router::new().fallback(async move |request: Request| {
            let (parts, body) = request.into_parts();
            let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
            handler(Request::from_parts(parts, body))
                .await
                .map(|reply| Body::new(reply.into_body()))
        });
        for greenlane in inbounds.iter().rev() {
            let inbound = InboundLayer::new(greenlane).listener(LISTENER);
            app =
                app.layer(inbound.peer_from(|extensions| {
                    Some(extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip())
                }));
        }
        Box::pin(async {
            let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            let app = app.into_make_service_with_connect_info::<SocketAddr>();
            tokio::spawn(async { axum::serve(listener, app).await });
            address
        })
    }
}
