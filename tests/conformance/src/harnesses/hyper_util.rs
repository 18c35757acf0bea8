//! `greenlane-tower` around hyper-util's client and server, in HTTP/2 where both sides speak it.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use greenlane_core::Greenlane;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;

use crate::harness::{Client, Handler, Harness, Settings, listen};
use crate::harnesses::tower;

/// hyper-util's own client and server.
pub struct HyperUtil;

impl Harness for HyperUtil {
    fn name(&self) -> &'static str {
        "hyper-util"
    }

    fn crates(&self) -> &'static [&'static str] {
        &["greenlane-tower"]
    }

    fn serve(&self, inbounds: Vec<Greenlane>, handler: Handler) -> BoxFuture<'static, SocketAddr> {
        let server = tower::server(&inbounds, handler);
        let serve = move |stream| {
            let service = TowerToHyperService::new(tower::connected(server.clone(), &stream));
            async move {
                let connection = auto::Builder::new(TokioExecutor::new());
                _ = connection.serve_connection(TokioIo::new(stream), service).await;
            }
        };
        Box::pin(async { listen(serve).await.unwrap() })
    }

    fn client(&self, greenlane: &Greenlane, settings: Settings) -> Arc<dyn Client> {
        tower::layered(greenlane, settings, tower::bare_http2())
    }
}
