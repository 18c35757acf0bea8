//! Response bodies that are polled after the handler has ended.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;
use greenlane_core::{Scope, Scoped};
use pin_project_lite::pin_project;

pin_project! {
    /// A body that is polled and dropped in a request's scope, so that what it calls while it
    /// streams travels in the request's lane.
    ///
    /// What is at hand already stays so: it makes no calls, and actix's own boxes need no further
    /// allocation for it.
    pub struct ScopedBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<B> {
        AtHand { bytes: Bytes },
        Polled { #[pin] body: Scoped<B> },
    }
}

impl<B: MessageBody> ScopedBody<B> {
    /// Keeps a body in this scope; without one it is left as it is.
    pub fn new(body: B, scope: Option<Scope>) -> Self {
        // No body is something else than a body of no bytes: it leaves without a length.
        let bytes = if body.size() == BodySize::None { Err(body) } else { body.try_into_bytes() };
        let kind = match bytes {
            Ok(bytes) => Kind::AtHand { bytes },
            Err(body) => Kind::Polled { body: Scoped::new(body, scope) },
        };
        Self { kind }
    }
}

impl<B> ScopedBody<B> {
    /// The body of a response that the handler was not asked for.
    pub(crate) fn at_hand(text: &'static str) -> Self {
        Self { kind: Kind::AtHand { bytes: Bytes::from_static(text.as_bytes()) } }
    }
}

impl<B: MessageBody> MessageBody for ScopedBody<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        match &self.kind {
            Kind::AtHand { bytes } => bytes.size(),
            Kind::Polled { body } => body.get_ref().map_or(BodySize::None, MessageBody::size),
        }
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        match self.project().kind.project() {
            KindProj::AtHand { bytes } => {
                Pin::new(bytes).poll_next(cx).map_err(|never| match never {})
            }
            KindProj::Polled { body } => {
                body.enter(|body| body.poll_next(cx)).unwrap_or(Poll::Ready(None))
            }
        }
    }

    fn try_into_bytes(self) -> Result<Bytes, Self> {
        match self.kind {
            Kind::AtHand { bytes } => Ok(bytes),
            kind @ Kind::Polled { .. } => Err(Self { kind }),
        }
    }
}

impl<B> fmt::Debug for ScopedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScopedBody")
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::convert::Infallible;
    use std::rc::Rc;

    use actix_web::body::{self, to_bytes};

    use super::*;

    /// Notes for each poll and for its drop whether it happened in a scope.
    struct Witness(Rc<RefCell<Vec<bool>>>, u8);

    impl Witness {
        fn note(&self) {
            self.0.borrow_mut().push(Scope::current().is_some());
        }
    }

    impl Drop for Witness {
        fn drop(&mut self) {
            self.note();
        }
    }

    impl MessageBody for Witness {
        type Error = Infallible;

        fn size(&self) -> BodySize {
            BodySize::Stream
        }

        fn poll_next(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Bytes, Infallible>>> {
            self.note();
            self.1 = self.1.saturating_sub(1);
            Poll::Ready((self.1 > 0).then(|| Ok(Bytes::from_static(b"x"))))
        }
    }

    #[tokio::test]
    async fn a_streamed_body_is_polled_and_dropped_in_the_scope() {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let body = ScopedBody::new(Witness(seen.clone(), 3), Some(Scope::background()));
        assert_eq!(body.size(), BodySize::Stream);
        assert_eq!(to_bytes(body).await.unwrap(), "xx");
        assert_eq!(*seen.borrow(), [true, true, true, true]);
    }

    #[tokio::test]
    async fn without_a_scope_a_body_is_left_as_it_is() {
        let seen = Rc::new(RefCell::new(Vec::new()));
        to_bytes(ScopedBody::new(Witness(seen.clone(), 1), None)).await.unwrap();
        assert_eq!(*seen.borrow(), [false, false]);
    }

    #[tokio::test]
    async fn what_is_at_hand_stays_at_hand() {
        let body = || ScopedBody::new("four", Some(Scope::background()));
        assert_eq!(body().size(), BodySize::Sized(4));
        assert_eq!(to_bytes(body()).await.unwrap(), "four");
        assert_eq!(body().try_into_bytes().unwrap(), "four");
    }

    #[test]
    fn no_body_is_not_taken_for_one_of_no_bytes() {
        let none = ScopedBody::new(body::None::new(), Some(Scope::background()));
        assert_eq!(none.size(), BodySize::None);
        assert!(none.try_into_bytes().is_err());
        assert_eq!(ScopedBody::new((), None).size(), BodySize::Sized(0));
    }
}
