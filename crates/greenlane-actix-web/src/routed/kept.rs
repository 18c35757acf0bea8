//! Bodies that can be taken back as long as nobody polled them. awc's stay on their thread.

use std::cell::RefCell;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{Service, always_ready};
use actix_web::web::Bytes;
use awc::error::SendRequestError;
use awc::middleware::Transform;
use awc::{Client, ConnectRequest, ConnectResponse};

/// A body that stays its [`Keeper`]'s until somebody polls it.
pub(super) struct Kept<B> {
    slot: Rc<RefCell<Option<B>>>,
    /// From the first poll on.
    body: Option<B>,
}

/// Who can take a [`Kept`] body back.
pub(super) struct Keeper<B>(Rc<RefCell<Option<B>>>);

/// A body, and who can take it back.
pub(super) fn keep<B>(body: B) -> (Kept<B>, Keeper<B>) {
    let slot = Rc::new(RefCell::new(Some(body)));
    (Kept { slot: Rc::clone(&slot), body: None }, Keeper(slot))
}

impl<B> Keeper<B> {
    /// The body, as long as nobody polled it.
    pub(super) fn take_back(self) -> Option<B> {
        self.0.take()
    }
}

impl<B: MessageBody + Unpin> MessageBody for Kept<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        match &self.body {
            Some(body) => body.size(),
            None => self.slot.borrow().as_ref().map_or(BodySize::None, MessageBody::size),
        }
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        if this.body.is_none() {
            this.body = this.slot.take();
        }
        // Nothing is left where it was taken back: from a client that had given the request up.
        this.body.as_mut().map_or(Poll::Ready(None), |body| Pin::new(body).poll_next(cx))
    }
}

/// A request of awc's with this body. awc names the type of its bodies to nobody, so nobody can make one; but its
/// client does, of whatever it is given to send.
pub(super) fn as_awcs<B>(body: Kept<B>) -> Option<ConnectRequest>
where
    B: MessageBody + Unpin + 'static,
{
    thread_local! {
        static MAKER: (Client, Caught) = {
            let caught = Caught::default();
            let client = Client::builder().disable_timeout().disable_redirects();
            (client.wrap(caught.clone()).finish(), caught)
        };
    }
    let made = MAKER.try_with(|(client, caught)| {
        // The request is caught as it is made, and sent to nobody.
        drop(client.post("http://localhost/").send_body(body));
        caught.0.take()
    });
    made.ok().flatten()
}

/// A middleware that calls nobody, and keeps the request.
#[derive(Clone, Default)]
struct Caught(Rc<RefCell<Option<ConnectRequest>>>);

impl<S> Transform<S, ConnectRequest> for Caught {
    type Transform = Self;

    fn new_transform(self, _: S) -> Self {
        self
    }
}

impl Service<ConnectRequest> for Caught {
    type Response = ConnectResponse;
    type Error = SendRequestError;
    type Future = Ready<Result<ConnectResponse, SendRequestError>>;

    always_ready!();

    fn call(&self, request: ConnectRequest) -> Self::Future {
        *self.0.borrow_mut() = Some(request);
        ready(Err(SendRequestError::Timeout))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use actix_web::body::{BodyStream, to_bytes};
    use futures_util::stream;

    use super::*;

    fn streamed() -> BodyStream<impl futures_util::Stream<Item = Result<Bytes, Infallible>>> {
        let chunks = ["one ", "two"].map(|chunk| Ok(Bytes::from_static(chunk.as_bytes())));
        BodyStream::new(stream::iter(chunks))
    }

    /// The output of a future that has nothing to wait for.
    fn now<F: Future>(future: F) -> F::Output {
        let mut context = Context::from_waker(std::task::Waker::noop());
        match std::pin::pin!(future).poll(&mut context) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("it waits"),
        }
    }

    #[test]
    fn a_body_is_awcs_own_and_is_taken_back_whole_as_long_as_nobody_polled_it() {
        let (body, keeper) = keep(streamed());
        let Some(ConnectRequest::Client(_, body, _)) = as_awcs(body) else { panic!("none made") };
        assert_eq!(body.size(), BodySize::Stream);
        drop(body);
        let taken = keeper.take_back().unwrap();
        assert_eq!(now(to_bytes(taken)).unwrap(), "one two");
    }

    #[test]
    fn a_body_that_was_polled_stays_where_it_is() {
        let (body, keeper) = keep(Bytes::from_static(b"four"));
        assert_eq!(body.size(), BodySize::Sized(4));
        let Some(ConnectRequest::Client(_, body, _)) = as_awcs(body) else { panic!("none made") };
        assert_eq!(now(to_bytes(body)).unwrap(), "four");
        assert!(keeper.take_back().is_none());
    }

    #[test]
    fn no_body_is_none() {
        let (body, keeper) = keep(actix_web::body::None::new());
        assert_eq!(body.size(), BodySize::None);
        assert!(as_awcs(body).is_some() && keeper.take_back().is_some());
    }
}
