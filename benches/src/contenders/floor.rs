//! The least that hands a preview on: one header, one task-local, and nothing else of what Greenlane promises.

use std::task::{Context, Poll};

use http::{HeaderName, HeaderValue, Request};
use tokio::task::futures::TaskLocalFuture;
use tower::Service;

const X_PREVIEW: HeaderName = HeaderName::from_static("x-preview");

tokio::task_local! {
    static PREVIEW: Option<HeaderValue>;
}

pub(super) struct Inbound<S>(pub(super) S);

#[derive(Clone)]
pub(super) struct Outbound<S>(pub(super) S);

impl<S: Service<Request<B>>, B> Service<Request<B>> for Inbound<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = TaskLocalFuture<Option<HeaderValue>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let preview = request.headers().get(&X_PREVIEW).cloned();
        PREVIEW.scope(preview, self.0.call(request))
    }
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for Outbound<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if let Ok(Some(preview)) = PREVIEW.try_with(Clone::clone) {
            request.headers_mut().insert(X_PREVIEW, preview);
        }
        self.0.call(request)
    }
}
