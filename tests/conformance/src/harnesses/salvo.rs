//! `greenlane-salvo`.

use std::convert::Infallible;
use std::net::SocketAddr;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use greenlane_core::Greenlane;
use greenlane_salvo::Inbound;
use http_body_util::{BodyExt, Collected};
use salvo_core::conn::tcp::TcpAcceptor;
use salvo_core::http::ResBody;
use salvo_core::{Depot, FlowCtrl, Request, Response, Router, Server, Service, async_trait};

use crate::harness::{Handler, Harness, LISTENER, Reply};

/// Salvo's server.
pub struct Salvo;

impl Harness for Salvo {
    fn name(&self) -> &'static str {
        "salvo"
    }

    fn crates(&self) -> &'static [&'static str] {
        &["greenlane-salvo"]
    }

    fn serve(&self, inbounds: Vec<Greenlane>, handler: Handler) -> BoxFuture<'static, SocketAddr> {
        let mut service = Service::new(Router::with_path("{**path}").goal(Goal(handler)));
        // The first hoop is the outermost.
        for greenlane in &inbounds {
            service = service.hoop(Inbound::new(greenlane).listener(LISTENER));
        }
        Box::pin(async {
            let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            let server = Server::new(TcpAcceptor::try_from(listener).unwrap());
            tokio::spawn(async { server.try_serve(service).await });
            address
        })
    }
}

struct Goal(Handler);

#[async_trait]
impl salvo_core::Handler for Goal {
    async fn handle(
        &self,
        request: &mut Request,
        _: &mut Depot,
        response: &mut Response,
        _: &mut FlowCtrl,
    ) {
        // Salvo's body is a stream too, which has a `collect` of its own.
        let body = BodyExt::collect(request.take_body()).await;
        let mut whole = http::Request::new(body.map(Collected::to_bytes).unwrap_or_default());
        *whole.method_mut() = request.method().clone();
        *whole.uri_mut() = request.uri().clone();
        *whole.headers_mut() = request.headers().clone();
        let (parts, reply) = (self.0)(whole).await.into_parts();
        response.status_code(parts.status);
        response.set_headers(parts.headers);
        response.body(match reply {
            Reply::Full(bytes) => ResBody::Once(bytes),
            Reply::Stream(stream) => ResBody::stream(stream.map(Ok::<_, Infallible>)),
        });
    }
}
