//! Response bodies that are polled after the handler has ended.

use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::hand_off::Scoped;
use crate::scope::Scope;

pin_project! {
    /// A body that is polled and dropped in a request's scope, so that what it calls while it
    /// streams travels in the request's lane. For adapters whose framework speaks [`http_body`].
    ///
    /// ```
    /// use greenlane_core::{Lane, Preview, Scope, ScopedBody};
    ///
    /// let scope = Scope::background().with_lane(Lane::from("release-42".parse::<Preview>()?));
    /// let body = ScopedBody::new(String::from("streamed"), Some(scope));
    /// # fn is_a_body<B: http_body::Body>(_: B) {}
    /// # is_a_body(body);
    /// # Ok::<(), greenlane_core::PreviewError>(())
    /// ```
    #[derive(Debug)]
    pub struct ScopedBody<B> {
        // Without one there is nothing to send.
        #[pin]
        body: Scoped<B>,
    }
}

impl<B> ScopedBody<B> {
    /// Keeps a body in this scope; without one it is left as it is.
    pub fn new(body: B, scope: Option<Scope>) -> Self {
        Self { body: Scoped::new(body, scope) }
    }

    /// An empty body, which can be made without one of its type: for an inbound that answers without asking the
    /// handler.
    pub fn ended() -> Self {
        Self { body: Scoped::ended() }
    }
}

impl<B: Body> Body for ScopedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.project().body.enter(|body| body.poll_frame(cx)).unwrap_or(Poll::Ready(None))
    }

    fn is_end_stream(&self) -> bool {
        self.body.get_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.get_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::{Arc, Mutex};

    use bytes::Bytes;
    use http_body_util::BodyExt;

    use super::*;

    /// Notes for each poll and for its drop whether it happened in a scope.
    struct Witness(Arc<Mutex<Vec<bool>>>, u8);

    impl Witness {
        fn note(&self) {
            self.0.lock().unwrap().push(Scope::current().is_some());
        }
    }

    impl Drop for Witness {
        fn drop(&mut self) {
            self.note();
        }
    }

    impl Body for Witness {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            self.note();
            self.1 = self.1.saturating_sub(1);
            Poll::Ready((self.1 > 0).then(|| Ok(Frame::data(Bytes::from_static(b"x")))))
        }
    }

    #[tokio::test]
    async fn a_streamed_body_is_polled_and_dropped_in_the_scope() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let body = ScopedBody::new(Witness(seen.clone(), 3), Some(Scope::background()));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "xx");
        assert_eq!(*seen.lock().unwrap(), [true, true, true, true]);
    }

    #[tokio::test]
    async fn without_a_scope_a_body_is_left_as_it_is() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let body = ScopedBody::new(Witness(seen.clone(), 1), None);
        body.collect().await.unwrap();
        assert_eq!(*seen.lock().unwrap(), [false, false]);
    }

    #[test]
    fn size_and_end_are_the_bodys_own() {
        let full = http_body_util::Full::new(Bytes::from_static(b"four"));
        let body = ScopedBody::new(full, Some(Scope::background()));
        assert_eq!(body.size_hint().exact(), Some(4));
        assert!(!body.is_end_stream());
        let empty = http_body_util::Empty::<Bytes>::new();
        assert!(ScopedBody::new(empty, Some(Scope::background())).is_end_stream());
        let ended = ScopedBody::<http_body_util::Full<Bytes>>::ended();
        assert_eq!((ended.is_end_stream(), ended.size_hint().exact()), (true, Some(0)));
    }
}
