//! Bodies that can be taken back.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// A body that stays its [`Keeper`]'s until somebody polls it.
    ///
    /// A client that can't connect drops the request with its body. Whoever kept the body can then take it
    /// back and send it elsewhere; and one that was polled, of which something may have left, can't be taken back.
    pub struct KeptBody<B> {
        // Until the first poll, which moves the body here.
        slot: Option<Arc<Mutex<Option<B>>>>,
        #[pin]
        body: Option<B>,
    }
}

/// Who can take a [`KeptBody`] back.
pub struct Keeper<B>(Arc<Mutex<Option<B>>>);

impl<B> KeptBody<B> {
    /// A body that nobody keeps: it is as it was.
    pub fn plain(body: B) -> Self {
        Self { slot: None, body: Some(body) }
    }

    /// A body, and who can take it back.
    pub fn kept(body: B) -> (Self, Keeper<B>) {
        let slot = Arc::new(Mutex::new(Some(body)));
        (Self { slot: Some(slot.clone()), body: None }, Keeper(slot))
    }

    /// The body itself, where nobody keeps it.
    ///
    /// # Errors
    ///
    /// This body again, where somebody does.
    pub fn into_plain(self) -> Result<B, Self> {
        match self {
            Self { slot: None, body: Some(body) } => Ok(body),
            kept => Err(kept),
        }
    }

    /// Looks at the body, wherever it is.
    fn look<R>(&self, at: impl FnOnce(&B) -> R) -> Option<R> {
        match (&self.body, &self.slot) {
            (Some(body), _) => Some(at(body)),
            (None, Some(slot)) => lock(slot).as_ref().map(at),
            (None, None) => None,
        }
    }
}

impl<B> Keeper<B> {
    /// The body, as long as nobody polled it.
    pub fn take_back(self) -> Option<B> {
        lock(&self.0).take()
    }
}

fn lock<B>(slot: &Mutex<Option<B>>) -> MutexGuard<'_, Option<B>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<B: Body> Body for KeptBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let mut this = self.project();
        if let Some(slot) = this.slot.take() {
            this.body.set(lock(&slot).take());
        }
        // Nothing is left where it was taken back: from a client that had given the request up.
        this.body.as_pin_mut().map_or(Poll::Ready(None), |body| body.poll_frame(cx))
    }

    fn is_end_stream(&self) -> bool {
        self.look(Body::is_end_stream).unwrap_or(true)
    }

    fn size_hint(&self) -> SizeHint {
        self.look(Body::size_hint).unwrap_or_else(|| SizeHint::with_exact(0))
    }
}

impl<B> fmt::Debug for KeptBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.slot.is_some() { "KeptBody(kept)" } else { "KeptBody(plain)" })
    }
}

impl<B> fmt::Debug for Keeper<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keeper")
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::{BodyExt, Full};

    use super::*;

    fn full() -> Full<Bytes> {
        Full::new(Bytes::from_static(b"four"))
    }

    async fn text(body: impl Body<Data = Bytes, Error = std::convert::Infallible>) -> Bytes {
        body.collect().await.unwrap().to_bytes()
    }

    #[tokio::test]
    async fn a_body_that_nobody_polled_is_taken_back_whole() {
        let (body, keeper) = KeptBody::kept(full());
        assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(4), false));
        drop(body);
        assert_eq!(text(keeper.take_back().unwrap()).await, "four");
    }

    #[tokio::test]
    async fn a_body_that_was_polled_stays_where_it_is() {
        let (mut body, keeper) = KeptBody::kept(full());
        let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(frame, "four");
        assert!(keeper.take_back().is_none());
        assert!(body.is_end_stream());
    }

    #[tokio::test]
    async fn trailers_pass() {
        let trailers =
            http::HeaderMap::from_iter([(http::header::ETAG, http::HeaderValue::from_static("x"))]);
        let with_trailers = full().with_trailers(std::future::ready(Some(Ok(trailers.clone()))));
        let (body, _keeper) = KeptBody::kept(with_trailers);
        let collected = body.collect().await.unwrap();
        assert_eq!(collected.trailers(), Some(&trailers));
        assert_eq!(collected.to_bytes(), "four");
    }

    #[tokio::test]
    async fn nothing_is_kept_of_a_plain_body() {
        let body = KeptBody::plain(full());
        assert_eq!(body.size_hint().exact(), Some(4));
        assert_eq!(text(body.into_plain().unwrap()).await, "four");
        let (kept, _keeper) = KeptBody::kept(full());
        assert_eq!(text(kept.into_plain().unwrap_err()).await, "four");
    }
}
