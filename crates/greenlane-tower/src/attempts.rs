//! Tells the attempts of one call apart.

use std::task::{Context, Poll};

use greenlane_core::{Attempts, Lane};
use http::Request;
use tower_layer::Layer;
use tower_service::Service;

/// Goes outside a retry or hedge, so that each of its attempts is a hop with its number. Needed
/// because what a retry makes of a request are clones that know nothing of each other.
#[derive(Clone, Copy, Debug, Default)]
pub struct AttemptsLayer;

impl<S> Layer<S> for AttemptsLayer {
    type Service = CountAttempts<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CountAttempts { inner }
    }
}

/// The service of [`AttemptsLayer`].
#[derive(Clone, Copy, Debug)]
pub struct CountAttempts<S> {
    inner: S,
}

impl<S, B> Service<Request<B>> for CountAttempts<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The active lane has no trail, and an extension costs allocations.
        if !Lane::current().is_active() {
            request.extensions_mut().insert(Attempts::default());
        }
        self.inner.call(request)
    }
}
