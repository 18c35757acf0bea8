//! The client side: a layer around a client.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use greenlane_core::{Attempts, Call, Destination, Greenlane, Unscoped};
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

/// Any error, as tower's own layers return it. An inner `BoxError` stays the same box.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Puts the lane on each request that egress allows, and takes the callee's trail off the response.
///
/// Where it stands: inside whatever retries, hedges or follows redirects, so that each attempt and
/// each hop passes through it; outside `tower::buffer` and tonic's `Channel`, whose workers run in
/// no request's scope. With [`AttemptsLayer`](crate::AttemptsLayer) outside the retry, attempts are
/// told apart in the trail.
#[derive(Clone, Debug)]
pub struct OutboundLayer {
    greenlane: Greenlane,
    peer: Option<Arc<str>>,
}

impl OutboundLayer {
    /// A layer for a client whose callees are named by their hosts.
    pub fn new(greenlane: &Greenlane) -> Self {
        Self { greenlane: greenlane.clone(), peer: None }
    }

    /// The callee's name in the trail. Where requests name no host, as tonic's don't, egress
    /// decides on this name.
    #[must_use]
    pub fn peer(mut self, name: impl Into<Arc<str>>) -> Self {
        self.peer = Some(name.into());
        self
    }
}

impl<S> Layer<S> for OutboundLayer {
    type Service = Outbound<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Outbound { inner, layer: self.clone() }
    }
}

/// The service of [`OutboundLayer`].
#[derive(Clone, Debug)]
pub struct Outbound<S> {
    inner: S,
    layer: OutboundLayer,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Outbound<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    S::Error: Into<BoxError>,
{
    type Response = Response<ResBody>;
    /// The inner error, or [`Unscoped`] in strict mode.
    type Error = BoxError;
    type Future = OutboundFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let attempt = parts.extensions.get::<Attempts>().map_or(1, Attempts::start);
        let destination =
            Destination::host(parts.uri.host()).peer(self.layer.peer.as_deref()).attempt(attempt);
        match self.layer.greenlane.inject(&destination, &mut parts.headers) {
            Ok(call) => {
                let future = self.inner.call(Request::from_parts(parts, body));
                OutboundFuture { state: State::Called { future, call: Some(call) } }
            }
            Err(error) => OutboundFuture { state: State::Refused { error: Some(error) } },
        }
    }
}

pin_project! {
    /// The future of [`Outbound`]. Dropped before it is ready, the call was cancelled.
    pub struct OutboundFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Called { #[pin] future: F, call: Option<Call> },
        Refused { error: Option<Unscoped> },
    }
}

impl<F, B, E> Future for OutboundFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response<B>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (future, call) = match self.project().state.project() {
            StateProj::Called { future, call } => (future, call),
            // Polled again after it was ready, a future may do anything but answer.
            StateProj::Refused { error } => {
                return error.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error.into())));
            }
        };
        let mut result = ready!(future.poll(cx));
        match (&mut result, call.take()) {
            (_, None) => {}
            (Ok(response), Some(call)) => {
                call.answered(response.status().as_u16(), response.headers_mut());
            }
            (Err(_), Some(call)) => call.failed(),
        }
        Poll::Ready(result.map_err(Into::into))
    }
}

impl<F> fmt::Debug for OutboundFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OutboundFuture")
    }
}
