//! A client that calls nobody.

use std::future::{Ready, ready};

use actix_web::dev::{RequestHead, Service, always_ready};
use actix_web::http::header::{HeaderMap, HeaderName};
use awc::error::SendRequestError;
use awc::middleware::Transform;
use awc::test::TestResponse;
use awc::{ConnectRequest, ConnectResponse};
use greenlane_core::testing::Callee;

/// The innermost middleware of an awc client that calls nobody: each request is recorded by the
/// [`Callee`] and answered with an empty 200. It is wrapped first, inside the outbound.
///
/// A WebSocket is recorded and then refused, since there is nobody to talk to.
///
/// ```
/// use greenlane_actix_web::{Outbound, testing::{Callee, CalleeMiddleware}};
/// use greenlane_core::Greenlane;
///
/// let greenlane = Greenlane::inside("fms-api").build()?;
/// let callee = Callee::new();
/// let client = awc::Client::builder()
///     .wrap(CalleeMiddleware::new(&callee))
///     .wrap(Outbound::new(&greenlane))
///     .finish();
/// # Ok::<(), greenlane_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct CalleeMiddleware(Callee);

impl CalleeMiddleware {
    /// A middleware that ends in this callee.
    pub fn new(callee: &Callee) -> Self {
        Self(callee.clone())
    }
}

impl<S> Transform<S, ConnectRequest> for CalleeMiddleware {
    type Transform = CalleeService;

    fn new_transform(self, _: S) -> CalleeService {
        CalleeService(self.0)
    }
}

/// The service of [`CalleeMiddleware`].
#[derive(Clone, Debug)]
pub struct CalleeService(Callee);

impl Service<ConnectRequest> for CalleeService {
    type Response = ConnectResponse;
    type Error = SendRequestError;
    type Future = Ready<Result<ConnectResponse, SendRequestError>>;

    always_ready!();

    fn call(&self, request: ConnectRequest) -> Self::Future {
        let (head, extra): (&RequestHead, Option<&HeaderMap>) = match &request {
            ConnectRequest::Client(head, ..) => (head.as_ref(), head.extra_headers()),
            ConnectRequest::Tunnel(head, _) => (head, None),
        };
        // As awc sends them: what a sending has of its own stands in place of what is shared.
        let hidden = |name: &HeaderName| extra.is_some_and(|extra| extra.contains_key(name));
        let shared = head.headers.iter().filter(|(name, _)| !hidden(name));
        let sent = shared.chain(extra.into_iter().flatten());
        let sent = sent.map(|(name, value)| (name.as_str(), value.as_bytes()));
        self.0.receive(head.uri.to_string(), sent);
        ready(match request {
            ConnectRequest::Client(..) => {
                Ok(ConnectResponse::Client(TestResponse::default().finish()))
            }
            ConnectRequest::Tunnel(..) => Err(SendRequestError::TunnelNotSupported),
        })
    }
}

#[cfg(test)]
mod tests {
    use greenlane_core::{Greenlane, HandOff, Lane};

    use super::*;
    use crate::Outbound;

    #[tokio::test]
    async fn a_callee_sees_what_awc_would_have_sent() {
        let greenlane = Greenlane::inside("fms-api").build().unwrap();
        let callee = Callee::new();
        let client = awc::Client::builder()
            .wrap(CalleeMiddleware::new(&callee))
            .wrap(Outbound::new(&greenlane))
            .finish();
        let lane = Lane::from("release-42".parse::<greenlane_core::Preview>().unwrap());
        let frozen = client.get("http://fms-map/tiles/7").insert_header(("x-own", "shared"));
        let frozen = frozen.freeze().unwrap();
        let calls = async {
            let response = frozen.extra_header(("x-own", "own")).send().await.unwrap();
            assert_eq!(response.status(), 200);
            assert!(client.ws("ws://fms-map/live").connect().await.is_err());
        };
        calls.in_lane(lane.clone()).await;
        let received = callee.take();
        assert_eq!(received[0].target(), "http://fms-map/tiles/7");
        assert_eq!(received[0].lines("x-own"), [b"own"]);
        assert_eq!(received[1].lines("x-preview"), [b"release-42"]);
        let call = async { client.get("http://fms-map/").send().await };
        assert!(call.in_lane(lane.clone()).await.is_ok());
        callee.assert_told(&greenlane, &lane);
    }
}
