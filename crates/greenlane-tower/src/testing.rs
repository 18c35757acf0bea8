//! For tests of applications: "my handler hands the lane on", without a network.

use std::convert::Infallible;
use std::fmt::Debug;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use bytes::Bytes;
use greenlane_core::testing::{ask, assert_none_lost, settle};
use greenlane_core::{Greenlane, Lane, Preview};
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Empty};
use tower_service::Service;

pub use greenlane_core::testing::{Callee, Received};

/// A tower client that calls nobody: each request is recorded by the [`Callee`] and answered with an
/// empty 200.
#[derive(Clone, Debug)]
pub struct CalleeService(Callee);

impl CalleeService {
    /// A client that ends in this callee.
    pub fn new(callee: &Callee) -> Self {
        Self(callee.clone())
    }
}

impl<B> Service<Request<B>> for CalleeService {
    type Response = Response<Empty<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let headers = request.headers().iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_bytes()));
        self.0.receive(request.uri().to_string(), headers);
        ready(Ok(Response::new(Empty::new())))
    }
}

/// Sends `request` to the application three times, without a preview and with two different ones,
/// reads each answer to its end, and asserts that every call it made was told the same, and that none was
/// made outside the request. What it spawned is [given way to](greenlane_core::testing::settle), and not
/// waited for.
///
/// The application's clients must end in the callee, and its `greenlane` must be one inside: the edge
/// believes no request.
///
/// # Panics
///
/// When the application made no call, or one that was told something else; the message says which.
#[allow(clippy::panic)] // asserting is what it is for
pub async fn assert_hands_on<S, ReqBody, ResBody>(
    mut app: S,
    greenlane: &Greenlane,
    callee: &Callee,
    request: impl Fn() -> Request<ReqBody>,
) where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    S::Error: Debug,
    ResBody: Body,
{
    callee.take();
    let lost = greenlane.counts().unscoped();
    let previews = ["greenlane-test-1", "greenlane-test-2"];
    let previews = previews.iter().filter_map(|name| name.parse::<Preview>().ok()).map(Lane::from);
    for lane in std::iter::once(Lane::ACTIVE).chain(previews) {
        let mut request = request();
        ask(greenlane, &lane, request.headers_mut());
        let ready = std::future::poll_fn(|cx| app.poll_ready(cx)).await;
        assert!(ready.is_ok(), "the application is not ready: {:?}", ready.err());
        match app.call(request).await {
            // What is called while the answer streams counts too.
            Ok(response) => _ = response.into_body().collect().await,
            Err(error) => panic!("the application failed: {error:?}"),
        }
        settle().await;
        assert_none_lost(greenlane, lost);
        callee.assert_told(greenlane, &lane);
    }
}
