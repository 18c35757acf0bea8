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

/// The least that puts what Greenlane puts, of the one preview that it knows by heart: both wires on calls, and
/// `Cache-Control` on the answer.
pub(super) mod preview {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use http::header::CACHE_CONTROL;
    use http::{HeaderName, HeaderValue, Request, Response};
    use pin_project_lite::pin_project;
    use tokio::task::futures::TaskLocalFuture;
    use tower::Service;

    use super::X_PREVIEW;

    const BAGGAGE: HeaderName = HeaderName::from_static("baggage");
    const NAME: HeaderValue = HeaderValue::from_static("release-42");
    const LINE: HeaderValue = HeaderValue::from_static("preview=release-42");
    const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-store");

    tokio::task_local! {
        static WANTED: bool;
    }

    pub(in super::super) struct Inbound<S>(pub(in super::super) S);

    #[derive(Clone)]
    pub(in super::super) struct Outbound<S>(pub(in super::super) S);

    impl<S, B, R, E> Service<Request<B>> for Inbound<S>
    where
        S: Service<Request<B>, Response = Response<R>, Error = E>,
    {
        type Response = Response<R>;
        type Error = E;
        type Future = Answering<TaskLocalFuture<bool, S::Future>>;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
            self.0.poll_ready(cx)
        }

        fn call(&mut self, request: Request<B>) -> Self::Future {
            let headers = request.headers();
            let wanted = headers.get(&BAGGAGE).is_some_and(|line| line == LINE)
                || headers.get(&X_PREVIEW).is_some_and(|name| name == NAME);
            Answering { future: WANTED.scope(wanted, self.0.call(request)), wanted }
        }
    }

    pin_project! {
        pub(in super::super) struct Answering<F> {
            #[pin]
            future: F,
            wanted: bool,
        }
    }

    impl<F: Future<Output = Result<Response<R>, E>>, R, E> Future for Answering<F> {
        type Output = Result<Response<R>, E>;

        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
            let this = self.project();
            let mut polled = this.future.poll(cx);
            if let (Poll::Ready(Ok(response)), true) = (&mut polled, *this.wanted) {
                response.headers_mut().insert(CACHE_CONTROL, PRIVATE);
            }
            polled
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
            if WANTED.try_with(|wanted| *wanted) == Ok(true) {
                request.headers_mut().insert(X_PREVIEW, NAME);
                request.headers_mut().insert(BAGGAGE, LINE);
            }
            self.0.call(request)
        }
    }
}
