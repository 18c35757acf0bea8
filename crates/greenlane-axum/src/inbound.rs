//! The layer.

use std::net::IpAddr;
use std::sync::Arc;

use axum_core::BoxError;
use axum_core::body::Body;
use bytes::Bytes;
use greenlane_core::{Greenlane, Rejection, Scope, ScopedBody};
use greenlane_tower::{Inbound, KeepScope};
use http::Extensions;
use tower_layer::Layer;

/// [`greenlane_tower::InboundLayer`] with axum's own body type, so that it also fits around what
/// `axum::serve` takes, and costs no further box for a body that is at hand already.
///
/// At the edge, gates by source address need to know the peer's: serve the application
/// `into_make_service_with_connect_info::<SocketAddr>()`, and say where that is.
///
/// ```
/// use std::net::SocketAddr;
///
/// use axum::Router;
/// use axum::extract::ConnectInfo;
/// use greenlane_axum::InboundLayer;
/// use greenlane_core::{Gate, Greenlane};
///
/// let greenlane = Greenlane::edge("console", [Gate::source(["192.0.2.0/24"])]).build()?;
/// let inbound = InboundLayer::new(&greenlane)
///     .peer_from(|extensions| Some(extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip()));
/// let app: Router = Router::new().layer(inbound);
/// let service = app.into_make_service_with_connect_info::<SocketAddr>();
/// # Ok::<(), greenlane_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct InboundLayer(greenlane_tower::InboundLayer<AxumBodies>);

impl InboundLayer {
    /// A layer for `Router::layer` or around a whole router.
    pub fn new(greenlane: &Greenlane) -> Self {
        Self(greenlane_tower::InboundLayer::keeping(greenlane, AxumBodies))
    }

    /// Where the address at the other end of the connection is found: never one that a header names.
    #[must_use]
    pub fn peer_from(self, peer: fn(&Extensions) -> Option<IpAddr>) -> Self {
        Self(self.0.peer_from(peer))
    }

    /// The name of the listener that this layer serves, for [`Gate::listener`](greenlane_core::Gate::listener).
    #[must_use]
    pub fn listener(self, name: impl Into<Arc<str>>) -> Self {
        Self(self.0.listener(name))
    }
}

impl<S> Layer<S> for InboundLayer {
    type Service = Inbound<S, AxumBodies>;

    fn layer(&self, inner: S) -> Self::Service {
        self.0.layer(inner)
    }
}

/// Keeps axum's bodies in scope as axum's bodies.
#[derive(Clone, Copy, Debug, Default)]
pub struct AxumBodies;

impl<B> KeepScope<B> for AxumBodies
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Body = Body;

    fn keep(&self, body: B, scope: Scope) -> Body {
        let at_hand = body.size_hint().exact().is_some();
        if scope.holds_body(at_hand) {
            Body::new(ScopedBody::new(body, Some(scope)))
        } else {
            Body::new(body)
        }
    }

    fn rejected(&self, rejection: Rejection) -> Body {
        Body::from(rejection.message())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::routing::get;
    use axum::{Router, ServiceExt};
    use greenlane_core::Lane;
    use http::{Request, Response};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tower::util::MapResponseLayer;
    use tower::{Service, ServiceExt as _, service_fn};

    use super::*;

    async fn answer(_: Request<Body>) -> Result<Response<Body>, Infallible> {
        Ok(Response::new(Body::from("at hand")))
    }

    /// Allocations of one request through a service.
    fn allocations(mut service: impl Service<Request<Body>, Response = Response<Body>>) -> u64 {
        let request = Request::new(Body::empty());
        let mut request = Some(request);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        allocation_counter::measure(|| {
            let future = service.call(request.take().unwrap());
            let mut future = std::pin::pin!(future);
            assert!(future.as_mut().poll(&mut context).is_ready());
        })
        .count_total
    }

    #[test]
    fn without_a_preview_it_costs_no_allocation_beyond_an_identity_layer() {
        let greenlane = Greenlane::inside("fms-api").build().unwrap();
        let identity = MapResponseLayer::new(|response: Response<Body>| response);
        let bare = allocations(identity.layer(service_fn(answer)));
        let ours = allocations(InboundLayer::new(&greenlane).layer(service_fn(answer)));
        assert_eq!(ours, bare);
    }

    /// Around the whole router, as for layers that must run before routing.
    #[tokio::test]
    async fn it_fits_around_what_axum_serves() {
        let greenlane = Greenlane::inside("fms-api").build().unwrap();
        let routes = Router::new().route("/", get(async || Lane::current().to_string()));
        let app = InboundLayer::new(&greenlane).layer(routes);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async {
            axum::serve(listener, ServiceExt::<Request<Body>>::into_make_service(app)).await
        });
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request =
            "GET / HTTP/1.1\r\nhost: a\r\nx-preview: release-42\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("\r\n\r\nrelease-42"), "{answer}");
        assert!(answer.contains("x-preview-trail: fms-api;served=unknown\r\n"), "{answer}");
    }

    #[tokio::test]
    async fn a_rejection_says_what_is_accepted() {
        let greenlane = Greenlane::inside("fms-api").reject_malformed(true).build().unwrap();
        let service = InboundLayer::new(&greenlane).layer(service_fn(answer));
        let request = Request::builder().header("x-preview", "a b").body(Body::empty()).unwrap();
        let response = service.oneshot(request).await.unwrap();
        assert_eq!(response.status(), 400);
        let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
        assert!(body.starts_with(b"the preview's name is malformed"), "{body:?}");
    }
}
