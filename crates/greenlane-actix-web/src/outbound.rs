//! The client side: a middleware for awc.

use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
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
use greenlane_core::{CallLane, Destination, Greenlane, OutboundCall, Unscoped};
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
    pub(crate) greenlane: Greenlane,
    pub(crate) peer: Option<Arc<str>>,
    #[cfg(feature = "routing")]
    pub(crate) routing: Option<greenlane_routing::Routing>,
}

impl Outbound {
    /// A middleware for a client whose callees are named by their hosts.
    pub fn new(greenlane: &Greenlane) -> Self {
        Self {
            greenlane: greenlane.clone(),
            peer: None,
            #[cfg(feature = "routing")]
            routing: None,
        }
    }

    /// The callee's name in the trail, in place of its host. It also names whom redirects lead to.
    #[must_use]
    pub fn peer(mut self, name: impl Into<Arc<str>>) -> Self {
        self.peer = Some(name.into());
        self
    }

    /// Sends a request in this lane, told what it needs to know. Its callee is called `service` in the trail, where there
    /// is no peer.
    pub(crate) fn send<S>(
        &self,
        inner: &S,
        lane: CallLane,
        mut request: ConnectRequest,
        service: Option<&str>,
        attempt: u32,
    ) -> OutboundFuture<S::Future>
    where
        S: Service<ConnectRequest, Response = ConnectResponse, Error = SendRequestError>,
    {
        match self.tell(lane, &mut request, service, attempt) {
            Ok(call) => {
                let future = inner.call(request);
                OutboundFuture { state: State::Called { future, call: Some(call) } }
            }
            Err(error) => OutboundFuture::refused(custom(error)),
        }
    }

    /// The lane of a call.
    pub(crate) fn lane(&self, request: &mut ConnectRequest) -> CallLane {
        match request {
            ConnectRequest::Client(RequestHeadType::Owned(head), ..)
            | ConnectRequest::Tunnel(head, _) => self.greenlane.call(&Headers(&mut head.headers)),
            ConnectRequest::Client(RequestHeadType::Rc(head, extra), ..) => {
                self.greenlane.call(&Frozen { head, extra })
            }
        }
    }

    fn tell(
        &self,
        lane: CallLane,
        request: &mut ConnectRequest,
        service: Option<&str>,
        attempt: u32,
    ) -> Result<OutboundCall, Unscoped> {
        Ok(match request {
            ConnectRequest::Client(RequestHeadType::Owned(head), ..)
            | ConnectRequest::Tunnel(head, _) => {
                let disclosure = lane.to(|| self.destination(&head.uri, service, attempt))?;
                disclosure.apply(&mut Headers(&mut head.headers))
            }
            ConnectRequest::Client(RequestHeadType::Rc(head, extra), ..) => {
                let disclosure = lane.to(|| self.destination(&head.uri, service, attempt))?;
                disclosure.apply(&mut Frozen { head, extra })
            }
        })
    }

    fn destination<'a>(
        &'a self,
        uri: &'a Uri,
        service: Option<&'a str>,
        attempt: u32,
    ) -> Destination<'a> {
        Destination::host(uri.host()).peer(self.peer.as_deref().or(service)).attempt(attempt)
    }
}

impl<S> Transform<S, ConnectRequest> for Outbound
where
    S: Service<ConnectRequest, Response = ConnectResponse, Error = SendRequestError> + 'static,
{
    type Transform = OutboundService<S>;

    fn new_transform(self, service: S) -> Self::Transform {
        OutboundService { inner: Rc::new(service), outbound: Rc::new(self) }
    }
}

/// The service of [`Outbound`].
#[derive(Clone, Debug)]
pub struct OutboundService<S> {
    inner: Rc<S>,
    /// The worker's own: calls that may be sent again hold it, and workers would share the count of its peer.
    outbound: Rc<Outbound>,
}

impl<S> Service<ConnectRequest> for OutboundService<S>
where
    S: Service<ConnectRequest, Response = ConnectResponse, Error = SendRequestError> + 'static,
{
    type Response = ConnectResponse;
    /// The inner error; or [`SendRequestError::Custom`] of an [`Unscoped`](greenlane_core::Unscoped) in strict
    /// mode, or of what `greenlane-routing` refuses.
    type Error = SendRequestError;
    type Future = OutboundFuture<S::Future>;

    forward_ready!(inner);

    fn call(&self, mut request: ConnectRequest) -> Self::Future {
        let lane = self.outbound.lane(&mut request);
        #[cfg(feature = "routing")]
        if let Some(routing) = &self.outbound.routing {
            return crate::routed::call(&self.outbound, routing, &self.inner, lane, request);
        }
        self.outbound.send(&*self.inner, lane, request, None, 1)
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
        // Of what is seldom: calls that are not made, and those to previews by a table.
        Boxed { future: Pin<Box<dyn Future<Output = Sent>>> },
    }
}

/// How a sending ended.
pub(crate) type Sent = Result<ConnectResponse, SendRequestError>;

impl<F> OutboundFuture<F> {
    pub(crate) fn boxed(future: impl Future<Output = Sent> + 'static) -> Self {
        Self { state: State::Boxed { future: Box::pin(future) } }
    }

    /// Of a call that is not made.
    pub(crate) fn refused(error: SendRequestError) -> Self {
        let mut error = Some(error);
        // Polled again after it was ready, a future may do anything but answer.
        Self::boxed(poll_fn(move |_| {
            error.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error)))
        }))
    }
}

impl<F: Future<Output = Sent>> Future for OutboundFuture<F> {
    type Output = Sent;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Called { future, call } => {
                Poll::Ready(ended(ready!(future.poll(cx)), call.take()))
            }
            StateProj::Boxed { future } => future.as_mut().poll(cx),
        }
    }
}

/// Tells the trail how a sending ended.
fn ended(result: Sent, call: Option<OutboundCall>) -> Sent {
    match (result, call) {
        (result, None) => result,
        (Ok(response), Some(call)) => Ok(answered(response, call)),
        (Err(error), Some(call)) => {
            call.failed();
            Err(error)
        }
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

/// An error of ours, as awc has it.
pub(crate) fn custom(error: impl Error + 'static) -> SendRequestError {
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
