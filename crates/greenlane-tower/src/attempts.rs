//! Tells the attempts of one call apart.

use std::task::{Context, Poll};

use greenlane_core::{Attempts, Lane};
use http::Request;
use tower_layer::Layer;
use tower_service::Service;

use crate::hand_off::HandedOff;

/// Goes outside a retry or hedge, so that each of its attempts is a hop with its number. Needed
/// because what a retry makes of a request are clones that know nothing of each other.
#[derive(Clone, Copy, Debug, Default)]
pub struct AttemptsLayer;

impl<S> Layer<S> for AttemptsLayer {
    type Service = CountAttempts<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CountAttempts { inner }
    }
}

/// The service of [`AttemptsLayer`].
#[derive(Clone, Copy, Debug)]
pub struct CountAttempts<S> {
    inner: S,
}

impl<S, B> Service<Request<B>> for CountAttempts<S>
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
        // The active lane has no trail, and an extension costs allocations.
        let handed_off = request.extensions().get::<HandedOff>();
        let lane = handed_off.map_or_else(Lane::current, |handed_off| handed_off.0.lane());
        if !lane.is_active() {
            request.extensions_mut().insert(Attempts::default());
        }
        self.inner.call(request)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::convert::Infallible;
    use std::future::{Ready, ready};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Waker;
    use std::time::Duration;

    use greenlane_core::Greenlane;
    use http::Response;
    use tower::ServiceExt;

    use super::*;
    use crate::OutboundLayer;

    /// Never ready; answers whether the request has a counter.
    struct Counted;

    impl Service<Request<()>> for Counted {
        type Response = bool;
        type Error = Infallible;
        type Future = Ready<Result<bool, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Pending
        }

        fn call(&mut self, request: Request<()>) -> Self::Future {
            ready(Ok(request.extensions().get::<Attempts>().is_some()))
        }
    }

    /// Hedges whatever is slow.
    #[derive(Clone)]
    pub(crate) struct Always;

    impl tower::hedge::Policy<Request<()>> for Always {
        fn clone_request(&self, request: &Request<()>) -> Option<Request<()>> {
            Some(request.clone())
        }

        fn can_retry(&self, _: &Request<()>) -> bool {
            true
        }
    }

    #[tokio::test]
    async fn the_attempts_of_a_hedge_are_hops_with_their_number() {
        let greenlane = Greenlane::inside("fms-api").build().unwrap();
        let calls = Arc::new(AtomicU32::new(0));
        // The first call is never answered, the one that hedges it is.
        let callee = tower::service_fn(move |_: Request<()>| {
            let first = calls.fetch_add(1, Ordering::Relaxed) == 0;
            async move {
                if first {
                    std::future::pending::<()>().await;
                }
                Ok::<_, Infallible>(Response::new(()))
            }
        });
        let outbound = OutboundLayer::new(&greenlane).layer(callee);
        let minute = Duration::from_secs(60);
        let hedge = tower::hedge::Hedge::new_with_mock_latencies(
            outbound,
            Always,
            1,
            0.5,
            minute,
            &[1, 1, 1],
        );
        let mut headers = http::HeaderMap::new();
        headers.insert("x-preview", http::HeaderValue::from_static("release-42"));
        let inbound = greenlane.extract(&mut headers);
        let scope = inbound.scope().clone();
        let request = Request::get("http://fms-map/").body(()).unwrap();
        let client = AttemptsLayer.layer(hedge);
        scope.run(client.oneshot(request)).await.unwrap();
        let mut response = http::HeaderMap::new();
        inbound.answered(200, &mut response);
        assert_eq!(
            response["x-preview-trail"],
            "fms-api;served=unknown, fms-map;d=1;served=cancelled, \
             fms-map;d=1;served=opaque;status=200;attempt=2"
        );
    }

    #[test]
    fn attempts_are_counted_in_a_preview_only_and_readiness_is_the_inner_services() {
        let mut service = AttemptsLayer.layer(Counted);
        let mut context = Context::from_waker(Waker::noop());
        assert!(service.poll_ready(&mut context).is_pending());
        let greenlane = Greenlane::inside("fms-api").build().unwrap();
        for (preview, counted) in [(Some("release-42"), true), (None, false)] {
            let mut headers = http::HeaderMap::new();
            if let Some(preview) = preview {
                headers.insert("x-preview", http::HeaderValue::from_static(preview));
            }
            let inbound = greenlane.extract(&mut headers);
            let call = inbound.scope().run_sync(|| service.call(Request::new(())));
            assert_eq!(call.into_inner(), Ok(counted));
        }
    }
}
