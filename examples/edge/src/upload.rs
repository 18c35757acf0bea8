//! A request's body on its way to a backend.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::sync::Notify;

/// What strangers must not say behind a body either: some servers take trailers for headers.
const OURS: [&str; 8] = [
    "x-preview",
    "x_preview",
    "x-preview-token",
    "x-preview-trail",
    "baggage",
    "ot-baggage-preview",
    "uberctx-preview",
    "jaeger-baggage",
];

pin_project! {
    /// A request's body that tells when something of it moved, so that a long upload is not taken for a backend that
    /// does not answer. Nothing is kept: it is polled as fast as the backend reads.
    pub(crate) struct Upload<B> {
        #[pin]
        body: B,
        moved: Arc<Notify>,
    }
}

impl<B> Upload<B> {
    pub(crate) fn new(body: B, moved: &Arc<Notify>) -> Self {
        Self { body, moved: moved.clone() }
    }
}

impl<B: Body> Body for Upload<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        let mut frame = ready!(this.body.poll_frame(cx));
        this.moved.notify_one();
        if let Some(Ok(frame)) = &mut frame
            && let Some(trailers) = frame.trailers_mut()
        {
            take_off(trailers);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn take_off(trailers: &mut HeaderMap) {
    for name in OURS {
        trailers.remove(name);
    }
}
