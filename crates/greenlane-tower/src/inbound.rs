//! The server side: a layer around a service.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use greenlane_core::{Greenlane, HandlerFuture, HttpRequest, InboundCall, Rejection};
use http::{Extensions, Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::body::{KeepScope, ScopedBodies};
use crate::kept::{Kept, Settings};

/// Takes the preview off each request, runs the service in its lane, and puts the trail on the
/// response.
///
/// The scope covers the inner `call`, every poll and the drop of its future, and the response body
/// while it streams. Readiness is passed through.
///
/// Gates at the edge may ask whom a request is from. A [`Verified`](greenlane_core::Verified) in its extensions is found by itself; where the
/// connection's address stands, each server has its own type for, so [`peer_from`](InboundLayer::peer_from) tells it:
///
/// ```
/// use std::net::IpAddr;
///
/// use greenlane_core::{Gate, Greenlane};
/// use greenlane_tower::InboundLayer;
///
/// /// What accepts connections puts this on each of their requests.
/// #[derive(Clone)]
/// struct Peer(IpAddr);
///
/// let greenlane = Greenlane::edge("console", [Gate::source(["192.0.2.0/24"])]).build()?;
/// let layer =
///     InboundLayer::new(&greenlane).peer_from(|extensions| Some(extensions.get::<Peer>()?.0));
/// # Ok::<(), greenlane_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct InboundLayer<K = ScopedBodies> {
    requests: Requests,
    bodies: K,
}

/// By which handle requests are taken in, and what is known of the connections that they come by.
#[derive(Clone, Debug)]
struct Requests {
    greenlane: Greenlane,
    peer_from: Option<fn(&Extensions) -> Option<IpAddr>>,
    listener: Option<Arc<str>>,
}

impl PartialEq for Requests {
    fn eq(&self, other: &Self) -> bool {
        // The same function may have several addresses; then equal settings stay more than once.
        let peer_from = |requests: &Self| requests.peer_from.map(|peer| peer as usize);
        (&self.greenlane, &self.listener, peer_from(self))
            == (&other.greenlane, &other.listener, peer_from(other))
    }
}

impl InboundLayer {
    /// A layer for services with any body type; their responses carry a
    /// [`ScopedBody`](greenlane_core::ScopedBody) of it.
    pub fn new(greenlane: &Greenlane) -> Self {
        Self::keeping(greenlane, ScopedBodies)
    }
}

impl<K> InboundLayer<K> {
    /// A layer that keeps bodies in scope in another way. For adapters.
    pub fn keeping(greenlane: &Greenlane, bodies: K) -> Self {
        let (peer_from, listener) = (None, None);
        Self { requests: Requests { greenlane: greenlane.clone(), peer_from, listener }, bodies }
    }

    /// Where the address at the other end of the connection is found: never one that a header names.
    #[must_use]
    pub fn peer_from(mut self, peer: fn(&Extensions) -> Option<IpAddr>) -> Self {
        self.requests.peer_from = Some(peer);
        self
    }

    /// The name of the listener that this layer serves, for [`Gate::listener`](greenlane_core::Gate::listener).
    #[must_use]
    pub fn listener(mut self, name: impl Into<Arc<str>>) -> Self {
        self.requests.listener = Some(name.into());
        self
    }
}

impl<S, K: Clone> Layer<S> for InboundLayer<K> {
    type Service = Inbound<S, K>;

    fn layer(&self, inner: S) -> Self::Service {
        static REQUESTS: Settings<Requests> = Settings::new();
        let (requests, bodies) = (REQUESTS.keep(self.requests.clone()), self.bodies.clone());
        Inbound { inner, requests, bodies }
    }
}

/// The service of [`InboundLayer`].
#[derive(Clone, Debug)]
pub struct Inbound<S, K = ScopedBodies> {
    inner: S,
    requests: Kept<Requests>,
    bodies: K,
}

impl<S, K, ReqBody, ResBody> Service<Request<ReqBody>> for Inbound<S, K>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    K: KeepScope<ResBody> + Clone,
{
    type Response = Response<K::Body>;
    type Error = S::Error;
    type Future = InboundFuture<S::Future, K>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let inbound = {
            let seen = HttpRequest::new(request.headers(), request.uri(), request.extensions())
                .peer_from(self.requests.peer_from)
                .listener(self.requests.listener.as_deref());
            self.requests.greenlane.decide(&seen)
        };
        let call = inbound.apply(request.headers_mut());
        if call.rejection().is_some() {
            return InboundFuture::rejected(call, self.bodies.clone());
        }
        // Some services do their work in `call`, others in the future: the scope is set for both.
        let handler = call.run(|| self.inner.call(request));
        InboundFuture { handler, bodies: self.bodies.clone() }
    }
}

pin_project! {
    /// The future of [`Inbound`].
    pub struct InboundFuture<F, K = ScopedBodies> {
        #[pin]
        handler: HandlerFuture<F>,
        bodies: K,
    }
}

impl<F, K> InboundFuture<F, K> {
    // Out of the way of others' futures, which would be copied once more otherwise.
    #[cold]
    #[inline(never)]
    fn rejected(call: InboundCall, bodies: K) -> Self {
        Self { handler: call.reject(), bodies }
    }
}

impl<F, K, B, E> Future for InboundFuture<F, K>
where
    F: Future<Output = Result<Response<B>, E>>,
    K: KeepScope<B>,
{
    type Output = Result<Response<K::Body>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        match this.handler.as_mut().poll(cx) {
            // A request that is rejected has no handler to wait for.
            Poll::Pending => match this.handler.rejection() {
                None => Poll::Pending,
                Some(rejection) => rejected(this.handler, this.bodies, rejection),
            },
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(mut response)) => {
                let status = response.status().as_u16();
                // Polled again after it was ready, a future may do anything but answer.
                let scope = this.handler.answered(status, response.headers_mut());
                let Some(scope) = scope else { return Poll::Pending };
                Poll::Ready(Ok(response.map(|body| this.bodies.keep(body, scope))))
            }
        }
    }
}

#[cold]
fn rejected<F, K: KeepScope<B>, B, E>(
    handler: Pin<&mut HandlerFuture<F>>,
    bodies: &K,
    rejection: Rejection,
) -> Poll<Result<Response<K::Body>, E>> {
    let mut response = Response::new(bodies.rejected(rejection));
    let status = StatusCode::from_u16(rejection.status()).unwrap_or(StatusCode::BAD_REQUEST);
    *response.status_mut() = status;
    match handler.answered(status.as_u16(), response.headers_mut()) {
        Some(_) => Poll::Ready(Ok(response)),
        None => Poll::Pending,
    }
}

impl<F, K> std::fmt::Debug for InboundFuture<F, K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InboundFuture")
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::{Ready, ready};
    use std::task::Waker;

    use greenlane_core::{Gate, HandOff, Lane, Scope};
    use tower::ServiceExt;

    use greenlane_core::Verified;

    use super::*;

    /// Not ready at first, and works in `call`: what it saw there is the response's body.
    #[derive(Clone, Default)]
    struct WorksInCall {
        asked: u32,
    }

    impl Service<Request<()>> for WorksInCall {
        type Response = Response<String>;
        type Error = Infallible;
        type Future = Ready<Result<Self::Response, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            self.asked += 1;
            if self.asked > 2 { Poll::Ready(Ok(())) } else { Poll::Pending }
        }

        fn call(&mut self, _: Request<()>) -> Self::Future {
            let scoped = Scope::current().is_some();
            ready(Ok(Response::new(format!("{scoped} {}", Lane::current()))))
        }
    }

    fn in_preview() -> Request<()> {
        Request::builder().header("x-preview", "release-42").body(()).unwrap()
    }

    fn layer() -> InboundLayer {
        InboundLayer::new(&Greenlane::inside("fms-api").build().unwrap())
    }

    fn text(response: Response<greenlane_core::ScopedBody<String>>) -> String {
        let body = http_body_util::BodyExt::collect(response.into_body());
        let body = futures_now(body).unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    /// The output of a future that has nothing to wait for.
    fn futures_now<F: Future>(future: F) -> F::Output {
        let mut context = Context::from_waker(Waker::noop());
        match std::pin::pin!(future).poll(&mut context) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("it waits"),
        }
    }

    #[test]
    fn the_scope_covers_what_a_service_does_in_call() {
        let mut service = layer().layer(WorksInCall::default());
        let response = futures_now(service.call(in_preview())).unwrap();
        assert_eq!(text(response), "true release-42");
        let response = futures_now(service.call(Request::new(()))).unwrap();
        assert_eq!(text(response), "true active");
    }

    #[test]
    fn readiness_is_the_inner_services() {
        let mut service = layer().layer(WorksInCall::default());
        let mut context = Context::from_waker(Waker::noop());
        let polls: Vec<_> = (0..3).map(|_| service.poll_ready(&mut context).is_ready()).collect();
        assert_eq!(polls, [false, false, true]);
    }

    #[tokio::test]
    async fn the_scope_covers_the_future_and_errors_are_the_inner_services() {
        let failing = tower::service_fn(|_: Request<()>| async {
            tokio::task::yield_now().await;
            Err::<Response<String>, _>(format!("in {}", Lane::current()))
        });
        let error = layer().layer(failing).oneshot(in_preview()).await.unwrap_err();
        assert_eq!(error, "in release-42");
    }

    #[test]
    fn gates_learn_what_the_server_the_listener_and_the_application_know() {
        #[derive(Clone)]
        struct Peer(IpAddr);
        let everything = Gate::all_of([
            Gate::source(["192.0.2.7"]),
            Gate::listener("testers"),
            Gate::verified(["alice"]),
            Gate::host("{preview}.api.test"),
        ]);
        let greenlane = Greenlane::edge("console", [everything]).build().unwrap();
        let layer = InboundLayer::new(&greenlane)
            .peer_from(|extensions| Some(extensions.get::<Peer>()?.0))
            .listener("testers");
        let lane = |peer: [u8; 4], user: &str| {
            let request = Request::builder()
                .uri("http://release-42.api.test/")
                .extension(Peer(peer.into()))
                .extension(Verified::new(user));
            let request = request.body(()).unwrap();
            text(futures_now(layer.clone().layer(WorksInCall::default()).call(request)).unwrap())
        };
        assert_eq!(lane([192, 0, 2, 7], "alice"), "true release-42");
        assert_eq!(lane([192, 0, 2, 8], "alice"), "true active");
        assert_eq!(lane([192, 0, 2, 7], "mallory"), "true active");
    }

    /// An application may put what is inside of one inbound into another lane, and have a second inbound there.
    #[tokio::test]
    async fn inside_of_another_inbound_a_handler_runs_where_it_was_put() {
        let layer = layer();
        let tells = || {
            tower::service_fn(|_: Request<()>| async {
                tokio::task::yield_now().await;
                Ok::<_, Infallible>(Response::new(Lane::current().to_string()))
            })
        };
        let inner = layer.layer(tells());
        let seen = Arc::new(std::sync::Mutex::new(String::new()));
        let noted = seen.clone();
        let outer = layer.layer(tower::service_fn(move |request: Request<()>| {
            let (mut inner, noted) = (inner.clone(), noted.clone());
            async move {
                let response = inner.call(request).in_lane(Lane::ACTIVE).await?;
                *noted.lock().unwrap() = text(response);
                Ok::<_, Infallible>(Response::new(Lane::current().to_string()))
            }
        }));
        let response = outer.oneshot(in_preview()).await.unwrap();
        assert_eq!((seen.lock().unwrap().as_str(), &*text(response)), ("active", "release-42"));
    }

    #[test]
    fn it_is_clone_send_and_sync_where_the_inner_service_is() {
        fn all<T: Clone + Send + Sync>(_: &T) {}
        fn send<T: Send>(_: &T) {}
        let mut service = layer().layer(WorksInCall::default());
        all(&service);
        send(&service.call(in_preview()));
        // And where it is not, it need not be.
        let local = std::rc::Rc::new(());
        let _service = layer().layer(tower::service_fn(move |_: Request<()>| {
            ready(Ok::<_, Infallible>(Response::new(format!("{local:?}"))))
        }));
    }
}
