//! What Greenlane must not do: every request counts itself in and out of one handle that all threads share.

use std::hint::black_box;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Request;
use tower::Service;

/// Not one of those that are compared.
pub(super) const NAME: &str = "shared-handle";

pub(super) struct Inbound<S>(pub(super) S, pub(super) Arc<()>);

impl<S: Service<Request<B>>, B> Service<Request<B>> for Inbound<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        count_in_and_out(&self.1);
        self.0.call(request)
    }
}

/// A function of its own, which a test finds by its name.
#[inline(never)]
fn count_in_and_out(handle: &Arc<()>) {
    drop(black_box(Arc::clone(handle)));
}
