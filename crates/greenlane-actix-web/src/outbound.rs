//! The client side: a middleware for awc.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix_http::RequestHeadType;
use actix_web::dev::{Service, forward_ready};
use actix_web::http::Uri;
use awc::error::SendRequestError;
use awc::middleware::Transform;
use awc::{ConnectRequest, ConnectResponse};
use greenlane_core::{Destination, Greenlane, HeaderSink, OutboundCall, Unscoped};
use pin_project_lite::pin_project;

use crate::frozen::Frozen;
use crate::headers::Headers;

/// Puts the lane on each request that egress allows, and takes the callee's trail off the response.
/// WebSockets are requests too.
///
/// ```
/// use greenlane_actix_web::Outbound;
/// use greenlane_core::Greenlane;
///
/// let greenlane = Greenlane::inside("fms-api").build()?;
/// let client = awc::Client::builder().wrap(Outbound::new(&greenlane).peer("fms-map")).finish();
/// # Ok::<(), greenlane_core::ConfigError>(())
/// ```
///
/// The lane is that of where `send` is called; of a WebSocket, of where `connect` is first polled. awc
/// follows redirects outside the middlewares of its builder, so egress is asked at each of them, and the
/// lane is that of where the call is polled then: a call that something else than
/// [`greenlane_core::spawn_local`] polls elsewhere should be
/// [`in_current_lane`](greenlane_core::HandOff::in_current_lane). A `Redirect` of your own must be
/// wrapped after the outbound.
///
/// At a redirect awc drops the extra headers of a frozen request, and a preview that was set there with
/// them. Where awc's own timeout strikes, the call reads `cancelled` in the trail. Middlewares that send a
/// request again pass through here each time; awc's requests have no place where their attempts could be
/// counted, so equal ones are one hop with `n=`.
#[derive(Clone, Debug)]
pub struct Outbound {
    greenlane: Greenlane,
    peer: Option<Arc<str>>,
}

impl Outbound {
    /// A middleware for a client whose callees are named by their hosts.
    pub fn new(greenlane: &Greenlane) -> Self {
        Self { greenlane: greenlane.clone(), peer: None }
    }

    /// The callee's name in the trail, in place of its host. It also names whom redirects lead to.
    #[must_use]
    pub fn peer(mut self, name: impl Into<Arc<str>>) -> Self {
        self.peer = Some(name.into());
        self
    }

    fn inject(&self, request: &mut ConnectRequest) -> Result<OutboundCall, Unscoped> {
        match request {
            ConnectRequest::Client(RequestHeadType::Owned(head), ..)
            | ConnectRequest::Tunnel(head, _) => {
                self.inject_into(&head.uri, &mut Headers(&mut head.headers))
            }
            ConnectRequest::Client(RequestHeadType::Rc(head, extra), ..) => {
                let shared = Rc::clone(head);
                self.inject_into(&shared.uri, &mut Frozen { head, extra })
            }
        }
    }

    fn inject_into<H: HeaderSink>(
        &self,
        uri: &Uri,
        headers: &mut H,
    ) -> Result<OutboundCall, Unscoped> {
        let destination = Destination::host(uri.host()).peer(self.peer.as_deref());
        self.greenlane.inject(&destination, headers)
    }
}

impl<S> Transform<S, ConnectRequest> for Outbound
where
    S: Service<ConnectRequest, Response = ConnectResponse, Error = SendRequestError>,
{
    type Transform = OutboundService<S>;

    fn new_transform(self, service: S) -> Self::Transform {
        OutboundService { inner: service, outbound: self }
    }
}

/// The service of [`Outbound`].
#[derive(Clone, Debug)]
pub struct OutboundService<S> {
    inner: S,
    outbound: Outbound,
}

impl<S> Service<ConnectRequest> for OutboundService<S>
where
    S: Service<ConnectRequest, Response = ConnectResponse, Error = SendRequestError>,
{
    type Response = ConnectResponse;
    /// The inner error, or in strict mode [`SendRequestError::Custom`] of an [`Unscoped`].
    type Error = SendRequestError;
    type Future = OutboundFuture<S::Future>;

    forward_ready!(inner);

    fn call(&self, mut request: ConnectRequest) -> Self::Future {
        let state = match self.outbound.inject(&mut request) {
            Ok(call) => State::Called { future: self.inner.call(request), call: Some(call) },
            Err(error) => State::Refused { error: Some(error) },
        };
        OutboundFuture { state }
    }
}

pin_project! {
    /// The future of [`OutboundService`]. Dropped before it is ready, the call was cancelled.
    pub struct OutboundFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Called { #[pin] future: F, call: Option<OutboundCall> },
        Refused { error: Option<Unscoped> },
    }
}

impl<F> Future for OutboundFuture<F>
where
    F: Future<Output = Result<ConnectResponse, SendRequestError>>,
{
    type Output = Result<ConnectResponse, SendRequestError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (future, call) = match self.project().state.project() {
            StateProj::Called { future, call } => (future, call),
            // Polled again after it was ready, a future may do anything but answer.
            StateProj::Refused { error } => {
                return error
                    .take()
                    .map_or(Poll::Pending, |error| Poll::Ready(Err(refused(error))));
            }
        };
        let result = ready!(future.poll(cx));
        Poll::Ready(match (result, call.take()) {
            (result, None) => result,
            (Ok(response), Some(call)) => Ok(answered(response, call)),
            (Err(error), Some(call)) => {
                call.failed();
                Err(error)
            }
        })
    }
}

fn answered(response: ConnectResponse, call: OutboundCall) -> ConnectResponse {
    match response {
        ConnectResponse::Client(response) => {
            // The only way to a response's headers.
            ConnectResponse::Client(response.map_body(|head, body| {
                call.answered(head.status.as_u16(), &mut Headers(&mut head.headers));
                body
            }))
        }
        ConnectResponse::Tunnel(mut head, framed) => {
            call.answered(head.status.as_u16(), &mut Headers(&mut head.headers));
            ConnectResponse::Tunnel(head, framed)
        }
    }
}

fn refused(error: Unscoped) -> SendRequestError {
    /// awc shows it before the error.
    #[derive(Debug)]
    struct Refused;

    SendRequestError::Custom(Box::new(error), Box::new(Refused))
}

impl<F> fmt::Debug for OutboundFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OutboundFuture")
    }
}

#[cfg(test)]
mod tests;
