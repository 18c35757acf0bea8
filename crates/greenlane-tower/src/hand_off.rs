//! Takes the lane through what calls on its own: buffers, and retries or hedges that run elsewhere.

use std::task::{Context, Poll};

use greenlane_core::Envelope;
use http::Request;
use tower_layer::Layer;
use tower_service::Service;

/// Goes outside whatever calls the [`Outbound`](crate::Outbound) from a task of its own, and lets it
/// find the lane there.
///
/// Needed where the outbound stands inside `tower::buffer`, whose worker serves all requests, and where
/// the future of a retry or hedge is spawned, since only the first attempt is made before. Where the
/// outbound can stand outside of these, it needs nothing, and nothing is allocated; this layer puts an
/// extension on each request.
///
/// ```
/// use greenlane_core::Greenlane;
/// use greenlane_tower::{HandOffLayer, OutboundLayer};
/// use tower::ServiceBuilder;
///
/// # async fn send(_: http::Request<()>) -> Result<http::Response<()>, std::io::Error> { todo!() }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let greenlane = Greenlane::inside("fms-api").build()?;
/// let client = ServiceBuilder::new()
///     .layer(HandOffLayer)
///     .buffer(64)
///     .layer(OutboundLayer::new(&greenlane))
///     .service_fn(send);
/// # drop(client); Ok::<(), greenlane_core::ConfigError>(()) }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct HandOffLayer;

/// Where a request was made; on the request, since clones of it take it along.
#[derive(Clone, Debug)]
pub(crate) struct HandedOff(pub(crate) Envelope<()>);

impl<S> Layer<S> for HandOffLayer {
    type Service = HandingOff<S>;

    fn layer(&self, inner: S) -> Self::Service {
        HandingOff { inner }
    }
}

/// The service of [`HandOffLayer`].
#[derive(Clone, Copy, Debug)]
pub struct HandingOff<S> {
    inner: S,
}

impl<S, B> Service<Request<B>> for HandingOff<S>
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
        // Also where there is no scope: the call must not take another request's, in which a buffer's
        // worker happened to be started, for its own.
        request.extensions_mut().insert(HandedOff(Envelope::seal(())));
        self.inner.call(request)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::{Ready, ready};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use greenlane_core::{Greenlane, Lane, Preview, Scope};
    use http::Response;
    use tower::hedge::Hedge;
    use tower::{ServiceBuilder, ServiceExt};

    use super::*;
    use crate::attempts::tests::Always;
    use crate::{BoxError, OutboundLayer};

    /// What each call was told, in order. The first so many are answered 503, or never.
    #[derive(Clone, Default)]
    struct Callee {
        told: Arc<Mutex<Vec<String>>>,
        unanswered: usize,
        failures: usize,
    }

    impl Callee {
        fn told(&self) -> Vec<String> {
            std::mem::take(&mut self.told.lock().unwrap())
        }

        async fn answer(self, request: Request<()>) -> Result<Response<()>, Infallible> {
            let told = request.headers().get("x-preview");
            let told = told.map_or("nothing", |value| value.to_str().unwrap());
            let before = {
                let mut all = self.told.lock().unwrap();
                all.push(told.to_owned());
                all.len() - 1
            };
            if before < self.unanswered {
                std::future::pending::<()>().await;
            }
            let status = if before < self.failures { 503 } else { 200 };
            Ok(Response::builder().status(status).body(()).unwrap())
        }
    }

    fn request() -> Request<()> {
        Request::get("http://fms-map/").body(()).unwrap()
    }

    fn in_release() -> Scope {
        Scope::background().with_lane(Lane::from("release-42".parse::<Preview>().unwrap()))
    }

    fn outbound(
        greenlane: &Greenlane,
        callee: &Callee,
    ) -> impl Service<Request<()>, Response = Response<()>, Error = BoxError, Future: Send + 'static>
    + Clone
    + Send
    + 'static {
        let callee = callee.clone();
        let client = tower::service_fn(move |request| callee.clone().answer(request));
        OutboundLayer::new(greenlane).layer(client)
    }

    #[tokio::test]
    async fn a_buffer() {
        let greenlane = Greenlane::inside("fms-api").build().unwrap();
        let callee = Callee::default();
        let outbound = outbound(&greenlane, &callee);
        let lost = ServiceBuilder::new().buffer(1).service(outbound.clone());
        in_release().run(lost.oneshot(request())).await.unwrap();
        assert_eq!((callee.told(), greenlane.counts().unscoped()), (vec!["nothing".to_owned()], 1));
        let handed_on = ServiceBuilder::new().layer(HandOffLayer).buffer(1).service(outbound);
        in_release().run(handed_on.clone().oneshot(request())).await.unwrap();
        Scope::background().run(handed_on.oneshot(request())).await.unwrap();
        assert_eq!(callee.told(), ["release-42", "nothing"]);
        assert_eq!(greenlane.counts().unscoped(), 1, "the active lane is no loss");
    }

    /// A buffer spawns its worker where it is made, and with `greenlane::spawn` that would be in a lane.
    #[tokio::test]
    async fn a_call_that_has_no_scope_takes_none_that_it_finds_on_the_way() {
        let greenlane = Greenlane::inside("fms-api").build().unwrap();
        let callee = Callee::default();
        let outbound = outbound(&greenlane, &callee);
        let (buffer, worker) = tower::buffer::Buffer::pair(outbound, 1);
        tokio::spawn(in_release().run(worker));
        HandOffLayer.layer(buffer).oneshot(request()).await.unwrap();
        assert_eq!((callee.told(), greenlane.counts().unscoped()), (vec!["nothing".to_owned()], 1));
    }

    #[tokio::test]
    async fn attempts_behind_a_buffer_are_told_apart() {
        let greenlane = Greenlane::inside("fms-api").build().unwrap();
        let callee = Callee { failures: 1, ..Callee::default() };
        let client = ServiceBuilder::new()
            .layer(HandOffLayer)
            .buffer(1)
            .layer(crate::AttemptsLayer)
            .retry(Once(true))
            .service(outbound(&greenlane, &callee));
        let mut headers = http::HeaderMap::new();
        headers.insert("x-preview", http::HeaderValue::from_static("release-42"));
        let inbound = greenlane.extract(&mut headers);
        inbound.scope().clone().run(client.oneshot(request())).await.unwrap();
        let mut answer = http::HeaderMap::new();
        inbound.answered(200, &mut answer);
        assert_eq!(
            answer["x-preview-trail"],
            "fms-api;served=unknown, fms-map;d=1;served=unavailable;status=503, \
             fms-map;d=1;served=opaque;status=200;attempt=2"
        );
    }

    /// Once more at 503.
    #[derive(Clone)]
    struct Once(bool);

    impl<E> tower::retry::Policy<Request<()>, Response<()>, E> for Once {
        type Future = Ready<()>;

        fn retry(
            &mut self,
            _: &mut Request<()>,
            result: &mut Result<Response<()>, E>,
        ) -> Option<Ready<()>> {
            let again = self.0 && result.as_ref().is_ok_and(|response| response.status() == 503);
            self.0 = false;
            again.then(|| ready(()))
        }

        fn clone_request(&mut self, request: &Request<()>) -> Option<Request<()>> {
            Some(request.clone())
        }
    }

    /// Calls in the release's lane, and polls elsewhere.
    async fn spawned<S>(mut client: S)
    where
        S: Service<Request<()>, Future: Send + 'static>,
        S::Response: Send,
        S::Error: Send + std::fmt::Debug,
    {
        std::future::poll_fn(|cx| client.poll_ready(cx)).await.unwrap();
        let call = in_release().run_sync(|| client.call(request()));
        let call = async move { call.await.map(drop).map_err(|error| format!("{error:?}")) };
        tokio::spawn(call).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_retry_that_was_spawned() {
        let greenlane = Greenlane::inside("fms-api").build().unwrap();
        let callee = Callee { failures: 1, ..Callee::default() };
        let outbound = outbound(&greenlane, &callee);
        spawned(ServiceBuilder::new().retry(Once(true)).service(outbound.clone())).await;
        assert_eq!(callee.told(), ["release-42", "nothing"]);
        let handed_on = ServiceBuilder::new().layer(HandOffLayer).retry(Once(true));
        spawned(handed_on.service(outbound)).await;
        assert_eq!(callee.told(), ["release-42", "release-42"]);
    }

    #[tokio::test]
    async fn a_hedge_that_was_spawned() {
        let greenlane = Greenlane::inside("fms-api").build().unwrap();
        let callee = Callee { unanswered: 1, ..Callee::default() };
        let outbound = outbound(&greenlane, &callee);
        let hedge = |client| {
            let minute = Duration::from_secs(60);
            Hedge::new_with_mock_latencies(client, Always, 1, 0.5, minute, &[1, 1, 1])
        };
        spawned(hedge(outbound.clone())).await;
        assert_eq!(callee.told(), ["release-42", "nothing"]);
        spawned(HandOffLayer.layer(hedge(outbound))).await;
        assert_eq!(callee.told(), ["release-42", "release-42"]);
    }
}
