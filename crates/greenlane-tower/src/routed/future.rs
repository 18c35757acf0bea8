//! A call that is sent where its route says, and perhaps once more.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use greenlane_core::OutboundCall;
use greenlane_routing::{Keeper, KeptBody, Next, Outcome, Sending};
use http::request::Parts;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{Failure, RoutedLayer, Unreached, unreached};
use crate::outbound::BoxError;

pin_project! {
    /// The future of [`Routed`](super::Routed). Dropped before it is ready, the call was cancelled.
    pub struct RoutedFuture<S, B>
    where
        S: Service<Request<KeptBody<B>>>,
    {
        #[pin]
        state: State<S::Future>,
        sending: Option<Sending>,
        again: Option<Again<S, B>>,
        unreached: Unreached,
    }
}

pin_project! {
    #[project = StateProj]
    pub(super) enum State<F> {
        Called { #[pin] future: F, call: Option<OutboundCall> },
        // Until the service is ready to send it again.
        Waits,
        Failed { error: Option<BoxError> },
    }
}

/// What it takes to send a call again.
pub(super) struct Again<S, B> {
    service: S,
    layer: RoutedLayer,
    parts: Parts,
    /// Who has the body while it is sent for the first time.
    keeper: Option<Keeper<B>>,
    /// The body that was taken back.
    body: Option<B>,
}

impl<F> State<F> {
    /// Sends a request, as part of its call.
    pub(super) fn called<S, B>(
        service: &mut S,
        parts: Parts,
        body: KeptBody<B>,
        call: OutboundCall,
    ) -> Self
    where
        S: Service<Request<KeptBody<B>>, Future = F>,
    {
        let underway = call.sending();
        let future = service.call(Request::from_parts(parts, body));
        drop(underway);
        Self::Called { future, call: Some(call) }
    }

    pub(super) fn failed(error: impl Into<BoxError>) -> Self {
        Self::Failed { error: Some(error.into()) }
    }
}

impl<S, B> RoutedFuture<S, B>
where
    S: Service<Request<KeptBody<B>>>,
{
    pub(super) fn of(state: State<S::Future>) -> Self {
        Self { state, sending: None, again: None, unreached }
    }

    pub(super) fn routed(
        state: State<S::Future>,
        sending: Sending,
        again: Option<Again<S, B>>,
        unreached: Unreached,
    ) -> Self {
        Self { state, sending: Some(sending), again, unreached }
    }
}

impl<S, B> Again<S, B> {
    pub(super) fn new(service: S, layer: RoutedLayer, parts: Parts, keeper: Keeper<B>) -> Self {
        Self { service, layer, parts, keeper: Some(keeper), body: None }
    }

    /// Whether nobody polled the body.
    fn takes_back(&mut self) -> bool {
        self.body = self.keeper.take().and_then(Keeper::take_back);
        self.body.is_some()
    }
}

impl<S, B> Again<S, B>
where
    S: Service<Request<KeptBody<B>>>,
{
    fn send(self, sending: &Sending) -> State<S::Future> {
        let Self { mut service, layer, mut parts, body, .. } = self;
        let Some(body) = body else {
            return State::failed("greenlane: the body was not taken back");
        };
        let lane = layer.lane(&mut parts);
        match layer.tell(lane, &mut parts, sending) {
            Ok(call) => State::called(&mut service, parts, KeptBody::plain(body), call),
            Err(error) => State::failed(error),
        }
    }
}

impl<S, B, ResBody> Future for RoutedFuture<S, B>
where
    S: Service<Request<KeptBody<B>>, Response = Response<ResBody>>,
    S::Error: Into<BoxError>,
{
    type Output = Result<Response<ResBody>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProj::Called { future, call } => {
                    let underway = call.as_ref().map(OutboundCall::sending);
                    let polled = future.poll(cx);
                    drop(underway);
                    let mut unreached = false;
                    let mut result = ready!(polled).map_err(|error| {
                        let (error, is_unreached) = Failure::read(error.into(), *this.unreached);
                        unreached = is_unreached;
                        error
                    });
                    tell(call.take(), &mut result);
                    let Some(sending) = this.sending else { return Poll::Ready(result) };
                    let outcome = match unreached {
                        true => Outcome::Unreached {
                            whole: this.again.as_mut().is_some_and(Again::takes_back),
                        },
                        false => Outcome::Connected,
                    };
                    match sending.ended(outcome) {
                        Next::Again => this.state.set(State::Waits),
                        _ => return Poll::Ready(result),
                    }
                }
                StateProj::Waits => {
                    // Polled again after it was ready, a future may do anything but answer.
                    let Some(again) = this.again.as_mut() else { return Poll::Pending };
                    ready!(again.service.poll_ready(cx)).map_err(Into::<BoxError>::into)?;
                    let next = this.again.take().zip(this.sending.as_ref());
                    let Some((again, sending)) = next else { return Poll::Pending };
                    this.state.set(again.send(sending));
                }
                StateProj::Failed { error } => {
                    return error.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error)));
                }
            }
        }
    }
}

/// Tells the trail how a sending ended.
fn tell<ResBody>(call: Option<OutboundCall>, result: &mut Result<Response<ResBody>, BoxError>) {
    match (result, call) {
        (_, None) => {}
        (Ok(response), Some(call)) => {
            call.answered(response.status().as_u16(), response.headers_mut());
        }
        (Err(_), Some(call)) => call.failed(),
    }
}

impl<S, B> fmt::Debug for RoutedFuture<S, B>
where
    S: Service<Request<KeptBody<B>>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RoutedFuture")
    }
}
