//! The server side: a middleware around an application.

use std::fmt;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::StatusCode;
use actix_web::{Error, HttpResponse};
use greenlane_core::{Greenlane, HandlerFuture, InboundCall, Rejection};
use pin_project_lite::pin_project;

use crate::body::ScopedBody;
use crate::errors;
use crate::headers::{Headers, IncomingRequest, RequestHeaders};

/// Takes the preview off each request, runs the application in its lane, and puts the trail on the
/// response.
///
/// It goes to `App::wrap`, and works in `wrap` of scopes, resources and routes too. The scope covers the
/// inner `call`, every poll and the drop of its future, and the response body while it streams. Readiness
/// is passed through.
///
/// Around a resource or a route, wrap it outside whatever keeps a clone of the `HttpRequest`: actix panics
/// where the headers of a request are changed that somebody else holds. Around an application or a scope
/// nothing can keep one, since actix's routing would panic too.
///
/// Where a middleware inside fails with an error, the error stays what it is, also to those who downcast
/// it, and the response that actix makes of it has the trail. A middleware further out that makes the
/// response by itself, with `HttpResponse::from_error`, makes one without: it asks the error's cause only.
///
/// At the edge, gates learn the peer's address from actix, never from a header, and whom a middleware further
/// out verified from a [`Verified`](greenlane_core::Verified) in the request's extensions.
#[derive(Clone, Debug)]
pub struct Inbound {
    greenlane: Greenlane,
    listener: Option<Arc<str>>,
}

impl Inbound {
    /// A middleware for the service of this handle.
    pub fn new(greenlane: &Greenlane) -> Self {
        Self { greenlane: greenlane.clone(), listener: None }
    }

    /// The name of the listener that this application serves, for
    /// [`Gate::listener`](greenlane_core::Gate::listener).
    #[must_use]
    pub fn listener(mut self, name: impl Into<Arc<str>>) -> Self {
        self.listener = Some(name.into());
        self
    }
}

impl<S, B> Transform<S, ServiceRequest> for Inbound
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<ScopedBody<B>>;
    type Error = Error;
    type Transform = InboundService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        let Self { greenlane, listener } = self.clone();
        ready(Ok(InboundService { inner: service, greenlane, listener }))
    }
}

/// The service of [`Inbound`].
#[derive(Clone, Debug)]
pub struct InboundService<S> {
    inner: S,
    greenlane: Greenlane,
    listener: Option<Arc<str>>,
}

impl<S, B> Service<ServiceRequest> for InboundService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<ScopedBody<B>>;
    type Error = Error;
    type Future = InboundFuture<S::Future, B>;

    forward_ready!(inner);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let inbound = {
            let seen = IncomingRequest::new(&request, self.listener.as_deref());
            self.greenlane.decide(&seen)
        };
        let call = inbound.apply(&mut RequestHeaders(&mut request));
        let state = match call.rejection() {
            Some(rejection) => {
                State::Rejected { response: Some(rejected(request, rejection, call)) }
            }
            None => State::Handled { future: call.run(|| self.inner.call(request)) },
        };
        InboundFuture { state }
    }
}

fn rejected<B>(
    request: ServiceRequest,
    rejection: Rejection,
    inbound: InboundCall,
) -> ServiceResponse<ScopedBody<B>> {
    let status = StatusCode::from_u16(rejection.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let response = HttpResponse::with_body(status, ScopedBody::at_hand(rejection.message()));
    let (request, _) = request.into_parts();
    let mut response = ServiceResponse::new(request, response);
    inbound.answered(status.as_u16(), &mut Headers(response.headers_mut()));
    response
}

pin_project! {
    /// The future of [`InboundService`].
    pub struct InboundFuture<F: Future, B> {
        #[pin]
        state: State<F, B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F: Future, B> {
        Handled { #[pin] future: HandlerFuture<F> },
        Rejected { response: Option<ServiceResponse<ScopedBody<B>>> },
    }
}

impl<F, B> Future for InboundFuture<F, B>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody,
{
    type Output = Result<ServiceResponse<ScopedBody<B>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Polled again after it was ready, a future may do anything but answer.
        match self.project().state.project() {
            StateProj::Handled { mut future } => {
                Poll::Ready(match ready!(future.as_mut().poll(cx)) {
                    Ok(mut response) => {
                        let status = response.status().as_u16();
                        let mut headers = Headers(response.headers_mut());
                        let scope = future.answered(status, &mut headers);
                        Ok(response.map_body(|_, body| ScopedBody::new(body, scope)))
                    }
                    Err(error) => Err(errors::answered(error, |status, headers| {
                        _ = future.answered(status, headers);
                    })),
                })
            }
            StateProj::Rejected { response } => {
                response.take().map_or(Poll::Pending, |response| Poll::Ready(Ok(response)))
            }
        }
    }
}

impl<F: Future, B> fmt::Debug for InboundFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InboundFuture")
    }
}

#[cfg(test)]
mod tests;
